"""A tenant's last weeks, added up in the database: one query, whatever is in them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection

from breakglass.models import Gate, Tenant

WEEK: Final = timedelta(weeks=1)
PERIODS: Final = (4, 12, 26)
PERIOD: Final = 12
GATES_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Medians:
    """Half of the bypasses took at most so many seconds; None when there are none."""

    to_open: float | None
    open_for: float | None


_NOTHING: Final = Medians(None, None)


@dataclass(frozen=True, slots=True)
class History:
    """
    The bypasses of some weeks, which begin on Mondays in UTC; the last one goes on.

    `tiers` has the bypasses of each week by tier name, strictest first; `before` is how
    many there were in as long a time before.
    """

    weeks: list[date]
    tiers: dict[str, list[int]]
    medians: list[Medians]
    overall: Medians
    gates: list[tuple[str, int]]
    total: int
    before: int


def history(
    *, tenant: Tenant, weeks: int, now: datetime, gates: Sequence[Gate] | None = None
) -> History:
    """
    Returns the tenant's last `weeks` weeks, the one that `now` is in included.

    Only `gates` are named, when they are given; the sums are over all of them.
    """
    named = {gate.slug for gate in gates or () if gate.tenant_id == tenant.pk}
    start = monday(now) - (weeks - 1) * WEEK
    mondays = [(start + number * WEEK).date() for number in range(weeks)]
    column = {week: number for number, week in enumerate(mondays)}
    tiers: dict[str, list[int]] = defaultdict(lambda: [0] * weeks)
    medians = [_NOTHING] * weeks
    overall, bars, total, before = _NOTHING, [], 0, 0
    for row in _rows(tenant=tenant, start=start, span=weeks * WEEK, now=now):
        match row.kind:
            case "tier":
                tiers[row.name][column[row.week]] = row.number
            case "week":
                medians[column[row.week]] = row.medians
            case "gate":
                if gates is None or row.name in named:
                    bars.append((row.name, row.number))
            case _:
                overall, total, before = row.medians, row.number, row.before
    bars.sort(key=lambda gate: (-gate[1], gate[0]))
    return History(
        weeks=mondays,
        tiers=dict(tiers),
        medians=medians,
        overall=overall,
        gates=bars[:GATES_SHOWN],
        total=total,
        before=before,
    )


def monday(moment: datetime) -> datetime:
    """Returns the start of the week that a moment is in, in UTC."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


class _Row(NamedTuple):
    """One line of the answer: of a week and tier, of a week, of a gate, or of all."""

    kind: str
    week: date
    name: str
    number: int
    before: int
    to_open: float | None
    open_for: float | None

    @property
    def medians(self) -> Medians:
        return Medians(self.to_open, self.open_for)


def _rows(
    *, tenant: Tenant, start: datetime, span: timedelta, now: datetime
) -> list[_Row]:
    values: dict[str, int | datetime] = {
        "tenant": tenant.pk,
        "start": start,
        "before": start - span,
        "until": now - span,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, values)
        return [_Row(*row) for row in cursor.fetchall()]


# All four charts in one walk over the index of a tenant's latest grants. The span
# before ends as far into its last week as this one does: like is compared with like. A
# window that is over counts as closed whether or not a sweep has run.
_HISTORY: Final = """
    WITH given AS (
      SELECT date_trunc('week', g.starts_at AT TIME ZONE 'UTC')::date AS week,
             t.name AS tier, t.position, gate.slug AS gate,
             g.starts_at >= %(start)s AS now,
             extract(epoch FROM g.starts_at - r.opened_at) AS to_open,
             CASE WHEN g.state <> 'active' OR g.expires_at <= %(now)s THEN
               extract(epoch FROM
                 least(coalesce(g.closed_at, g.expires_at), g.expires_at) - g.starts_at)
             END AS open_for
      FROM breakglass_grant g
      JOIN breakglass_bypassrequest r ON r.id = g.request_id
      JOIN breakglass_tier t ON t.id = r.tier_id
      JOIN breakglass_gate gate ON gate.id = g.gate_id
      WHERE g.tenant_id = %(tenant)s AND g.starts_at >= %(before)s
        AND (g.starts_at >= %(start)s OR g.starts_at < %(until)s)
    )
    SELECT CASE WHEN grouping(tier) = 0 THEN 'tier' WHEN grouping(week) = 0 THEN 'week'
                WHEN grouping(gate) = 0 THEN 'gate' ELSE 'all' END,
           week, coalesce(tier, gate, ''),
           count(*) FILTER (WHERE now), count(*) FILTER (WHERE NOT now),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY to_open) FILTER (WHERE now),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY open_for) FILTER (WHERE now)
    FROM given
    GROUP BY GROUPING SETS ((week, tier), (week), (gate), ())
    HAVING grouping(week, tier, gate) = 7 OR bool_or(now)
    ORDER BY min(position), tier, week
"""
