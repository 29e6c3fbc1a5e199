"""What an approval's page says about its passkey, checked again from the log alone."""

import json
from typing import Final

from breakglass.audit import events, passkeys
from breakglass.audit.verify import Checked
from breakglass.models import AuditEntry
from breakglass.texts import text
from portal.http.audit_checks import FAILED, OK, UNKNOWN, Check

TITLE: Final = text("A passkey approved exactly this")
# What the log must have said before, for an assertion to be judged by it.
_TELLING: Final = (
    events.CREDENTIAL_ENROLLED,
    events.CREDENTIAL_REVOKED,
    events.POLICY_PUBLISHED,
)


def lines(entry: AuditEntry) -> list[Check]:
    """Returns the line about the passkey of an approval; none for other entries."""
    if entry.event != events.REQUEST_APPROVED:
        return []
    known = passkeys.Known()
    before = AuditEntry.objects.filter(tenant=entry.tenant, seq__lt=entry.seq)
    opened = before.filter(event=events.REQUEST_OPENED, bypass_id=entry.bypass_id)
    for row in before.filter(event__in=_TELLING).union(opened).order_by("seq"):
        list(passkeys.problems(_content(row), known=known))  # found on its own page
    found = list(passkeys.problems(_content(entry), known=known))
    if found:
        return [
            Check(
                FAILED, TITLE, text("The approval %(what)s.", what="; it ".join(found))
            )
        ]
    if not known.checked:
        sentence = text(
            "None: this approval stands on its sign-in and signature alone."
        )
        return [Check(UNKNOWN, TITLE, sentence)]
    sentence = text(
        "The passkey “%(name)s” answered with the digest of the very statement that is "
        "signed, on this site, to the person themselves. Its key is in the log since "
        "before its cool-down.",
        name=_name(entry),
    )
    return [Check(OK, TITLE, sentence)]


def _name(entry: AuditEntry) -> str:
    """Returns what its owner calls the passkey, as the log says."""
    facts = _content(entry).content["facts"]
    wanted = facts["passkey"]["credential"]
    enrolled = AuditEntry.objects.filter(
        tenant=entry.tenant, event=events.CREDENTIAL_ENROLLED, seq__lt=entry.seq
    )
    for row in enrolled.order_by("seq"):
        said = _content(row).content.get("facts", {})
        if said.get("credential") == wanted:
            return str(said.get("name", ""))
    return ""


def _content(row: AuditEntry) -> Checked:
    """Bytes that do not parse say nothing; the other lines say what is wrong."""
    try:
        content = json.loads(bytes(row.body))
    except ValueError:
        content = {}
    return Checked(
        seq=row.seq,
        entry_hash=bytes(row.entry_hash),
        content=content if isinstance(content, dict) else {},
    )
