"""The figures of each gate over a span, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Sum

from breakglass.models import (
    Deploy,
    Finding,
    Gate,
    GateDay,
    Grant,
    HealthTerms,
    Tenant,
)
from breakglass.rules.gate_health import (
    DEFAULTS,
    Figures,
    Repeat,
    Thresholds,
    repeats_from,
)
from breakglass.states import GateBlame, GrantState, PostMortemState

_INSTANT = timedelta(microseconds=1)


def thresholds_of(*, tenant: Tenant) -> Thresholds:
    """Returns from when on this tenant's figures are findings."""
    row = HealthTerms.objects.filter(tenant=tenant).first()
    return row.thresholds if row else DEFAULTS


def figures_of(
    *,
    tenant: Tenant,
    since: datetime,
    until: datetime,
    gates: Sequence[Gate] | None = None,
) -> dict[int, Figures]:
    """
    Returns the figures of the tenant's gates (or of those given) by their id.

    Bypasses count by their start, deploys by when they were let through, days of
    enforcing whole, from the one that `since` is in. A gate of which nothing is on
    record is left out: its figures are `Figures()`.
    """
    given = _grants(tenant=tenant, since=since, until=until, gates=gates)
    counts: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in _bypasses(given, until=until):
        counts[row.pop("gate")].update(row)
    for gate, admitted in _admitted(tenant, since=since, until=until, gates=gates):
        counts[gate]["admitted"] = admitted
    for gate, enforced in _enforced(tenant, since=since, until=until, gates=gates):
        counts[gate]["enforced"] = enforced
    for gate, repeats in _repeats(given).items():
        counts[gate]["repeats"] = repeats
    return {gate: Figures(**found) for gate, found in counts.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """One gate of the report; `repeats` are the services over the threshold."""

    gate: Gate
    figures: Figures
    repeats: tuple[Repeat, ...]


def report(
    *, gates: Sequence[Gate], tenant: Tenant, since: datetime, until: datetime
) -> list[Row]:
    """Returns those of the tenant's gates that are or were in use, worst first."""
    seen = figures_of(tenant=tenant, since=since, until=until)
    at_least = thresholds_of(tenant=tenant).scope_repeats
    rows = [
        _row(gate, seen.get(gate.pk, Figures()), at_least)
        for gate in gates
        if gate.is_active or gate.pk in seen
    ]
    return sorted(rows, key=lambda row: (-row.figures.bypasses, row.gate.slug))


def _row(gate: Gate, figures: Figures, at_least: int) -> Row:
    repeats = repeats_from(repeats=figures.repeats, at_least=at_least)
    return Row(gate=gate, figures=figures, repeats=repeats)


def closed_since(*, tenant: Tenant, since: datetime) -> dict[tuple[int, str], datetime]:
    """Returns when a finding of each (gate, kind) was last closed, if since then."""
    rows = (
        Finding.objects.filter(tenant=tenant, closed_at__gt=since)
        .order_by()
        .values_list("gate", "kind")
        .annotate(at=Max("closed_at"))
    )
    return {(gate, kind): at for gate, kind, at in rows}


def open_kinds(*, tenant: Tenant) -> set[tuple[int, str]]:
    """Returns the (gate, kind) of each finding that is open."""
    rows = Finding.objects.filter(tenant=tenant, closed_at__isnull=True)
    return set(rows.order_by().values_list("gate", "kind"))


def _grants(
    *,
    tenant: Tenant,
    since: datetime,
    until: datetime,
    gates: Sequence[Gate] | None,
) -> QuerySet[Grant]:
    rows = Grant.objects.filter(
        tenant=tenant, starts_at__gte=since, starts_at__lt=until
    ).order_by()
    return rows if gates is None else rows.filter(gate__in=gates)


def _bypasses(given: QuerySet[Grant], *, until: datetime) -> QuerySet[Any, Any]:
    """Closed by predicate: a window that is over counts, whether or not a sweep ran."""
    closed = ~Q(state=GrantState.ACTIVE) | Q(expires_at__lte=until)
    used = Exists(Deploy.objects.filter(grant=OuterRef("pk")))
    told = Q(postmortem__state=PostMortemState.PUBLISHED)
    return given.values("gate").annotate(
        bypasses=Count("pk"),
        closed=Count("pk", filter=closed),
        unused=Count("pk", filter=closed & ~Q(used)),
        blamed=Count("pk", filter=told & Q(postmortem__gate_blamed=GateBlame.YES)),
        partly=Count("pk", filter=told & Q(postmortem__gate_blamed=GateBlame.PARTLY)),
        cleared=Count("pk", filter=told & Q(postmortem__gate_blamed=GateBlame.NO)),
    )


def _admitted(
    tenant: Tenant,
    *,
    since: datetime,
    until: datetime,
    gates: Sequence[Gate] | None,
) -> QuerySet[Any, Any]:
    rows = Deploy.objects.filter(
        tenant=tenant, admitted_at__gte=since, admitted_at__lt=until
    ).order_by()
    rows = rows if gates is None else rows.filter(gate__in=gates)
    return rows.values_list("gate").annotate(number=Count("pk"))


def _enforced(
    tenant: Tenant,
    *,
    since: datetime,
    until: datetime,
    gates: Sequence[Gate] | None,
) -> QuerySet[Any, Any]:
    rows = GateDay.objects.filter(
        tenant=tenant, day__gte=_day(since), day__lte=_day(until - _INSTANT)
    ).order_by()
    rows = rows if gates is None else rows.filter(gate__in=gates)
    return rows.values_list("gate").annotate(number=Sum("enforced"))


def _repeats(given: QuerySet[Grant]) -> dict[int, list[Repeat]]:
    """Every service that a gate was bypassed for more than once."""
    rows = (
        given.values("gate", "service")
        .annotate(count=Count("pk"), first=Min("branch"), last=Max("branch"))
        .filter(count__gt=1)
        .order_by("-count", "service")
    )
    found: dict[int, list[Repeat]] = defaultdict(list)
    for row in rows:
        branch = row["first"] if row["first"] == row["last"] else ""
        found[row["gate"]].append(Repeat(row["service"], branch, row["count"]))
    return found


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
