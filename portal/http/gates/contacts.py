"""The calls of a gate, as a person reads them."""

from collections.abc import Sequence

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
        "provenance": _("Gave the provenance of a deploy"),
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


def last_refused_machine(
    contacts: Sequence[GateContact],
) -> tuple[GateContact, str] | None:
    """Returns the newest call of a machine that was turned away, with the reason."""
    turned = (c for c in contacts if c.outcome.startswith("identity_"))
    found = next((contact for contact in turned if not contact.is_accepted), None)
    return (found, answer_in_words(found)) if found else None


def _refusal(code: str, field: str) -> str:
    known = {
        "identity_expired": _("refused: the token of the machine has run out"),
        "identity_not_yet": _("refused: the token of the machine is not valid yet"),
        "identity_lifetime": _("refused: the token of the machine lives too long"),
        "identity_no_jti": _(
            "refused: the token of the machine has no name of its own"
        ),
        "identity_event": _("refused: jobs of pull requests may not ask"),
        "identity_used": _("refused: the token of the machine is for another deploy"),
        "identity_gate_off": _("refused: the gate is not in use"),
        "identity_claims": _("refused: the token of the machine lacks its times"),
        "identity_claim": _("refused: another machine, by its %(claim)s")
        % {"claim": field},
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
