"""What the log has on one request: its timeline, and its proofs checked now."""

import json
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from breakglass.audit import events
from breakglass.models import AuditEntry
from breakglass.queries.requests.detail import RequestDetail
from portal.http.audit import checks
from portal.http.requests.progress import DECISIONS, SignedApproval

SHOWN: Final = 200
FILTERS: Final = (
    ("", gettext_lazy("All")),
    ("decisions", gettext_lazy("Decisions")),
    ("comments", gettext_lazy("Comments")),
)
_STATES: Final = {
    checks.OK: "verified",
    checks.FAILED: "failed",
    checks.WAITING: "waiting",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the timeline, with what it says."""

    entry: AuditEntry
    facts: dict[str, Any]

    @property
    def said(self) -> str:
        """The words that a person gave along."""
        found = self.facts.get("comment") or self.facts.get("reason") or ""
        return found if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The entries that a filter leaves, oldest first; `hidden` older ones are cut."""

    show: str
    lines: list[Line]
    hidden: int


@dataclass(frozen=True, slots=True)
class Proof:
    """One signature or the entries' hashes: its state, and what was found."""

    title: str
    state: str
    sentence: str


class Evidence:
    """The proofs, checked only when the page is really made."""

    def __init__(self, detail: RequestDetail, given: list[SignedApproval]) -> None:
        self._detail = detail
        self._given = given

    @property
    def proofs(self) -> list[Proof]:
        """Each approval's signature and the grant's, verified now."""
        found = [
            self._proof(
                _("Approval of %(person)s") % {"person": one.approval.approver},
                one.entry,
                one.approval.bundle,
            )
            for one in self._given
            if one.entry is not None
        ]
        signed = [e for e in self._detail.entries if e.event == events.GRANT_SIGNED]
        grant = self._detail.grant
        if grant is not None and signed:
            bundle = getattr(grant.statement, "bundle", None)
            found.append(self._proof(_("Grant"), signed[0], bundle))
        return found

    @property
    def entries(self) -> Proof:
        """The entries' bytes against their hashes."""
        broken = [e for e in self._detail.entries if not checks.is_intact(e)]
        state = "failed" if broken else "verified"
        seqs = ", ".join(str(entry.seq) for entry in broken[:5])
        return Proof(title="", state=state, sentence=seqs)

    def _proof(self, title: str, entry: AuditEntry, bundle: Any) -> Proof:
        check = checks.signature(entry=entry, bundle=bundle)
        return Proof(title, _STATES.get(check.state, "unchecked"), check.sentence)


def timeline(detail: RequestDetail, *, show: str) -> Timeline:
    """Returns the newest entries of a filter; an unknown filter is all of them."""
    known = show if show in dict(FILTERS) else ""
    lines = [Line(entry, _facts(entry)) for entry in detail.entries]
    if known == "decisions":
        lines = [line for line in lines if line.entry.event in DECISIONS]
    elif known == "comments":
        lines = [line for line in lines if line.facts.get("comment")]
    return Timeline(known, lines[-SHOWN:], max(0, len(lines) - SHOWN))


def _facts(entry: AuditEntry) -> dict[str, Any]:
    """Bytes that do not parse have no facts; the evidence says that they are broken."""
    try:
        found = json.loads(bytes(entry.body)).get("facts")
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}
