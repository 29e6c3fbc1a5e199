"""What a reader narrows a log to: one meaning for pages, counts and exports."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from breakglass.audit.chain import timestamp
from breakglass.models import AuditEntry, BypassRequest, Checkpoint, LogStanding, Tenant

VERIFIED: Final = "verified"
WAITING: Final = "waiting"
FAILED: Final = "failed"
UNCHECKED: Final = "unchecked"
PROOFS: Final = (VERIFIED, WAITING, FAILED, UNCHECKED)

# What parts words: as bg_entry_words() in migration 0008 has it.
_BETWEEN: Final = re.compile("[^A-Za-z0-9\u0080-\U0010ffff]+")
_WORDS_AT_MOST: Final = 12
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader narrows the log to; empty means any."""

    events: tuple[str, ...] = ()
    actor: str = ""
    gate: str = ""
    bypass_id: str = ""
    proof: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def scope(self) -> dict[str, Any]:
        """Returns the terms in use as an export's scope holds them, times as text."""
        terms = {
            "event": ",".join(self.events),
            "actor": self.actor,
            "gate": self.gate,
            "bypass_id": self.bypass_id,
            "proof": self.proof,
            "text": self.text,
            "since": timestamp(self.since) if self.since else "",
            "until": timestamp(self.until) if self.until else "",
        }
        return {name: value for name, value in terms.items() if value}

    @classmethod
    def of_scope(cls, scope: Mapping[str, Any]) -> "Filters":
        """Reads what `scope` wrote."""
        return cls(
            events=tuple(filter(None, str(scope.get("event") or "").split(","))),
            actor=scope.get("actor") or "",
            gate=scope.get("gate") or "",
            bypass_id=scope.get("bypass_id") or "",
            proof=scope.get("proof") or "",
            text=scope.get("text") or "",
            since=_moment(scope.get("since")),
            until=_moment(scope.get("until")),
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """
    How far the proofs of a log reach: what a row's state is told by.

    `bad` are the entries that the last check found wrong. Of what follows the first
    of them nothing is called verified: it stands on a broken link.
    """

    sealed: int = 0
    checked: int = 0
    bad: frozenset[int] = field(default_factory=frozenset)

    @property
    def sound(self) -> int:
        """The last entry that is verified: sealed, checked, before what is wrong."""
        return min(
            self.sealed, self.checked, min(self.bad, default=self.checked + 1) - 1
        )

    def state(self, seq: int) -> str:
        """Returns the state of one entry, by its number alone."""
        if seq in self.bad:
            return FAILED
        if seq > self.sealed:
            return WAITING
        return VERIFIED if seq <= self.sound else UNCHECKED

    def having(self, state: str) -> Q:
        """Returns the condition of entries in a state, as `state` tells it."""
        bad = Q(seq__in=sorted(self.bad))
        if state == FAILED:
            return bad
        if state == WAITING:
            return Q(seq__gt=self.sealed) & ~bad
        if state == VERIFIED:
            return Q(seq__lte=self.sound)
        return Q(seq__gt=self.sound, seq__lte=self.sealed) & ~bad


class _Says(Func):
    """Whether an entry says all these words; the index of migration 0016 answers."""

    function = "bg_entry_words"
    template = "(%(function)s(%(expressions)s)::tsquery)"
    arg_joiner = ") @@ lower("
    output_field = BooleanField()


def reach_of(tenant: Tenant) -> Reach:
    """Returns how far seals and checks reach now."""
    sealed = Checkpoint.objects.filter(tenant=tenant, statement__bundle__isnull=False)
    standing = LogStanding.objects.filter(tenant=tenant).first()
    newest = sealed.order_by("-pk").values_list("size", flat=True).first()
    return reach(sealed=newest or 0, standing=standing)


def reach(*, sealed: int, standing: LogStanding | None) -> Reach:
    """As `reach_of`, of what was read already."""
    if standing is None:
        return Reach(sealed=sealed)
    return Reach(sealed, standing.verified_size, frozenset(standing.bad_entries or ()))


def narrow(
    rows: QuerySet[AuditEntry], filters: Filters, *, tenant: Tenant, reach: Reach
) -> QuerySet[AuditEntry]:
    """Returns the rows of one tenant's log that meet every filter in use."""
    if filters.events:
        rows = rows.filter(event__in=filters.events)
    if filters.actor:
        rows = rows.filter(actor=filters.actor)
    if filters.bypass_id:
        rows = rows.filter(bypass_id=filters.bypass_id)
    if filters.gate:
        rows = rows.filter(_about_gate(tenant, filters.gate))
    if filters.since:
        rows = rows.filter(at__gte=filters.since)
    if filters.until:
        rows = rows.filter(at__lt=filters.until)
    if filters.proof:
        rows = rows.filter(reach.having(filters.proof))
    if filters.text:
        rows = _saying(rows, filters.text)
    return rows


def words_of(text: str) -> list[str]:
    """Returns the words that are looked for; punctuation parts them."""
    found = [word[:_LONGEST] for word in _BETWEEN.split(text) if word]
    return found[:_WORDS_AT_MOST]


def _saying(rows: QuerySet[AuditEntry], text: str) -> QuerySet[AuditEntry]:
    words = words_of(text)
    if not words:
        return rows.none()
    return rows.filter(_says(" & ".join(f"{_quoted(word)}:*" for word in words)))


def _about_gate(tenant: Tenant, slug: str) -> Q:
    """
    What names the gate, and everything about the requests of it.

    Their IDs are read here: beside an OR, PostgreSQL can use no index for those of a
    subquery, and would take the words of every entry apart.
    """
    requests = BypassRequest.objects.filter(tenant=tenant, gate__slug=slug).order_by()
    about = list(requests.values_list("bypass_id", flat=True))
    return Q(bypass_id__in=about) | Q(_says(_quoted(f"={slug}")))


def _says(query: str) -> Func:
    return _Says(F("body"), Value(query))


def _quoted(word: str) -> str:
    """One lexeme in the syntax of tsquery, whatever it holds."""
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
