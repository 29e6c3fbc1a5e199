"""The first page: what is open, what waits, what is due, which gates are silent."""

from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef

from breakglass.models import (
    BypassRequest,
    Deploy,
    Finding,
    Gate,
    Grant,
    Policy,
    PostMortem,
    Requirement,
    RoleGroup,
    RoleMember,
    Tenant,
    User,
)
from breakglass.models.people import UserKind
from breakglass.queries import access, grants, inbox, policies
from breakglass.queries.gates import findings
from breakglass.queries.gates import overview as gates
from breakglass.queries.inbox import InboxRow
from breakglass.queries.postmortems import drafting
from breakglass.states import RequestState

SHOWN: Final = 5
SOON: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class GateHealth:
    """How a gate in use fares: a state of `queries.gates.GateRow`."""

    gate: Gate
    state: str
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class ActiveBypass:
    """
    One bypass in force, how long it has been, and whether this person may end it.

    `is_unconfirmed`: its gate fell silent and has let no deploy through under it, so
    whether it would open is not known.
    """

    grant: Grant
    used: timedelta
    may_close: bool
    is_unconfirmed: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """
    What the dashboard shows to one person.

    `last` is the bypass that closed last, when none is in force. `due` has the
    post-mortems that are overdue or due within a week, the first few of `due_count`.
    `gates_seen` are all that the person may see, in use or not.
    """

    active: list[ActiveBypass]
    last: Grant | None
    waiting: list[InboxRow]
    own_pending: list[BypassRequest]
    due: list[PostMortem]
    due_count: int
    overdue: int
    gates: list[GateHealth]
    gates_seen: list[Gate]
    findings: list[Finding]


def overview(
    *,
    user: User,
    tenants: Sequence[Tenant],
    in_force: Sequence[Grant],
    closes: Container[int],
    now: datetime,
) -> Overview:
    """
    Returns the dashboard of this person over these tenants.

    `in_force` is what `grants.in_force_of` found in them, which the frame asked too,
    and `closes` the ids of the tenants in which the person may end any of them.
    """
    own = BypassRequest.objects.filter(
        requester=user,
        tenant__in=tenants,
        state=RequestState.PENDING,
        lapses_at__gt=now,
    ).select_related("tenant", "gate", "tier")
    waiting = inbox.waiting_for(user=user, now=now)
    owed = drafting.due_of(tenants=tenants, now=now)
    seen = access.gates_seen(user=user, tenants=tenants)
    due = [item for item in owed if item.due_at <= now + SOON]
    return Overview(
        active=_active(user=user, in_force=in_force, closes=closes, now=now),
        last=None if in_force else grants.last_closed(tenants=tenants, now=now),
        waiting=sorted(waiting, key=lambda row: (row.bypass.opened_at, row.bypass.pk)),
        own_pending=list(own),
        due=due[:SHOWN],
        due_count=len(due),
        overdue=sum(item.due_at <= now for item in due),
        gates=_gate_health(seen=seen, in_force=in_force, now=now),
        gates_seen=seen,
        findings=findings.open_of(tenants=tenants, gates=seen),
    )


def _active(
    *, user: User, in_force: Sequence[Grant], closes: Container[int], now: datetime
) -> list[ActiveBypass]:
    """Who may end it is for the button's sake: `grants.revoke` asks again."""
    if not in_force:
        return []
    for grant in in_force:
        grant.request.gate = grant.gate  # the same row, which nobody has to load again
    tiers = policies.all_in_question(requests=[grant.request for grant in in_force])
    roles = RoleMember.objects.filter(
        user=user, role__tenant__in={grant.tenant_id for grant in in_force}
    )
    mine: dict[int, set[str]] = defaultdict(set)
    for tenant, group in roles.values_list("role__tenant", "role__slug"):
        mine[tenant].add(group)
    unconfirmed = _unconfirmed(in_force, now=now)
    return [
        ActiveBypass(
            grant=grant,
            used=now - grant.starts_at,
            may_close=user.pk == grant.request.requester_id
            or grant.tenant_id in closes
            or bool(tiers[grant.request_id].groups & mine[grant.tenant_id]),
            is_unconfirmed=grant.pk in unconfirmed,
        )
        for grant in in_force
    ]


def _unconfirmed(in_force: Sequence[Grant], *, now: datetime) -> set[int]:
    """Asks about deploys only where a gate is quiet: usually that is no query."""
    quiet = {one.pk for one in in_force if gates.is_quiet(gate=one.gate, now=now)}
    if not quiet:
        return set()
    used = Deploy.objects.filter(grant__in=quiet).values_list("grant_id", flat=True)
    return quiet - set(used.distinct())


def empty_groups(*, policy: Policy) -> list[RoleGroup]:
    """Returns the groups that a policy asks and that nobody who counts is in."""
    counting = RoleMember.objects.filter(
        role=OuterRef("pk"), user__is_active=True, user__kind=UserKind.HUMAN
    )
    asked = Requirement.objects.filter(tier__policy=policy).values("group")
    empty = RoleGroup.objects.filter(~Exists(counting), pk__in=asked)
    return list(empty.order_by("name"))


def _gate_health(
    *,
    seen: Sequence[Gate],
    in_force: Sequence[Grant],
    now: datetime,
) -> list[GateHealth]:
    """Those of the gates that are in use: as many queries for one as for all."""
    in_use = [gate for gate in seen if gate.is_active]
    bypassed = {grant.gate_id for grant in in_force}
    states = gates.states_of(gates=in_use, bypassed=bypassed, now=now)
    return [
        GateHealth(gate=gate, state=states[gate.pk], seen_at=gate.last_seen_at)
        for gate in in_use
    ]
