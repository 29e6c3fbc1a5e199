"""The first page: what is open, what waits, what is due, which gates are silent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from breakglass.models import BypassRequest, Gate, Grant, PostMortem, Tenant, User
from breakglass.queries import access, gates, grants, inbox, postmortems
from breakglass.queries.inbox import InboxRow
from breakglass.states import RequestState

SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class GateHealth:
    """How a gate in use fares: a state of `queries.gates.GateRow`."""

    gate: Gate
    state: str
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the dashboard shows to one person."""

    active: list[Grant]
    waiting: list[InboxRow]
    own_pending: list[BypassRequest]
    postmortems: list[PostMortem]
    gates: list[GateHealth]


def overview(*, user: User, tenants: Sequence[Tenant], now: datetime) -> Overview:
    """Returns the dashboard of this person over these tenants."""
    own = BypassRequest.objects.filter(
        requester=user,
        tenant__in=tenants,
        state=RequestState.PENDING,
        lapses_at__gt=now,
    ).select_related("tenant", "gate", "tier")
    return Overview(
        active=grants.in_force_of(tenants=list(tenants)),
        waiting=inbox.waiting_for(user=user, now=now),
        own_pending=list(own),
        postmortems=postmortems.due_of(tenants=tenants, now=now),
        gates=[
            health
            for tenant in tenants
            for health in gate_health(user=user, tenant=tenant, now=now)
        ],
    )


def gate_health(*, user: User, tenant: Tenant, now: datetime) -> list[GateHealth]:
    """Returns the state of each gate of the tenant that the person may see."""
    visible = access.gates_visible(user=user, tenant=tenant)
    in_use = [gate for gate in visible if gate.is_active]
    states = gates.states_of(gates=in_use, tenant=tenant, now=now)
    return [
        GateHealth(gate=gate, state=states[gate.pk], seen_at=gate.last_seen_at)
        for gate in in_use
    ]
