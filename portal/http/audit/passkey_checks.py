"""What an approval's page says about its passkey, checked again from the log alone."""

import json
from collections.abc import Mapping
from typing import Final

from breakglass.audit import events, passkeys
from breakglass.audit.verify import Checked
from breakglass.models import AuditEntry
from breakglass.texts import Text, text
from portal.http.audit.checks import FAILED, OK, UNKNOWN, Check

TITLE: Final = text("A passkey approved exactly this")
# What the log must have said before, for an assertion to be judged by it.
_TELLING: Final = (
    events.CREDENTIAL_ENROLLED,
    events.CREDENTIAL_REVOKED,
    events.POLICY_PUBLISHED,
)

# A finding is English, in the words of `audit.passkeys`; each is a sentence here.
WORDS: Final[Mapping[str, Text]] = {
    "holds facts about passkeys that cannot be read": text(
        "What the approval says about its passkey cannot be read."
    ),
    "approves without the passkey that its tier asks for": text(
        "The approval has no passkey, and its tier asks for one."
    ),
    "says that a passkey was the sign-in, and carries none": text(
        "The approval says that a passkey was the sign-in, and carries none."
    ),
    "was approved with a passkey that the log did not enrol before": text(
        "The log did not know the approval's passkey before."
    ),
    "was approved with somebody else's passkey": text(
        "The approval's passkey belongs to somebody else."
    ),
    "was approved with a passkey that was removed before": text(
        "The approval's passkey had been removed before."
    ),
    "was approved with a passkey that was still too new": text(
        "The approval's passkey was still too new to approve."
    ),
    "carries a passkey's answer that was used before": text(
        "The passkey's answer had been used for another approval before."
    ),
    "carries another kind of answer than a passkey's decision": text(
        "The passkey's answer is not one to a question like this."
    ),
    "carries a passkey's answer to another decision": text(
        "The passkey answered to another decision than this."
    ),
    "carries a passkey's answer that was given on another site": text(
        "The passkey's answer was given on another site."
    ),
    "carries the answer of a passkey that was made for another site": text(
        "The passkey was made for another site."
    ),
    "carries a passkey's answer that does not say who was there": text(
        "The passkey's answer does not say that its owner was there."
    ),
    "carries a passkey's answer whose signature does not hold": text(
        "The signature of the passkey's answer does not hold."
    ),
}


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
        return [Check(FAILED, TITLE, said(what)) for what in found]
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


def said(what: str) -> str:
    """Returns a finding about an approval as a sentence for its page."""
    return WORDS.get(what) or text("The log's check says: “%(what)s”.", what=what)


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
