"""The calls of a gate, as a person reads them."""

from django.utils.translation import gettext as _

from breakglass.models import GateContact
from breakglass.rules.decision import Reason


def call_in_words(contact: GateContact) -> str:
    """Returns what a gate wanted."""
    return {
        "decisions": _("Asked for a decision"),
        "decision": _("Asked for a decision"),
        "dry_run": _("Test call"),
        "heartbeat": _("Heartbeat"),
        "deploys": _("Reported a deploy"),
    }.get(contact.call, contact.call)


def answer_in_words(contact: GateContact) -> str:
    """Returns what it heard; a refusal says what to mend."""
    code, _blank, field = contact.outcome.partition(" ")
    if not contact.is_accepted:
        return _refusal(code, field)
    if code == Reason.GRANT_IN_FORCE:
        return _("would bypass") if contact.call == "dry_run" else _("bypass")
    if code == Reason.NO_GRANT:
        return _("enforce: no bypass is in force for it")
    if code == "ok":
        return _("received")
    return _("enforce: %(reason)s") % {"reason": code}


def _refusal(code: str, field: str) -> str:
    known = {
        "token_revoked": _("refused: its token is revoked"),
        "token_expired": _("refused: its token has run out"),
        "gate_off": _("refused: the gate is not in use"),
        "not_permitted": _("refused: the call names another gate"),
        "malformed_json": _("refused: the body is no JSON"),
        "unsupported_media_type": _("refused: the content type is not JSON"),
    }
    if code in known:
        return known[code]
    if field:
        return _("refused: the field %(field)s is missing or malformed") % {
            "field": field
        }
    return _("refused: %(code)s") % {"code": code}
