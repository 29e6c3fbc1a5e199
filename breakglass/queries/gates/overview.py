"""Gates for people: how each fares, what called lately, what refers to one."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from breakglass.errors import NotFound
from breakglass.models import (
    BypassRequest,
    Gate,
    GateContact,
    GateToken,
    Grant,
    Policy,
    Tenant,
    User,
)
from breakglass.queries import access, grants, policies
from breakglass.rules import tiers
from breakglass.rules.scopes import Scope
from breakglass.states import RequestState
from breakglass.texts import text

LOST_AFTER: Final = timedelta(days=1)
AGEING: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class GateRow:
    """
    A gate in the list.

    `state` is bypassed, healthy, degraded (quiet for a while, or its last call was
    refused), no_contact, setup, paused or retired; `tier` is what a request of low
    impact for any service falls into, if there is a policy.
    """

    gate: Gate
    state: str
    tier: tiers.Tier | None


@dataclass(frozen=True, slots=True)
class TokenRow:
    """
    A token, and whether it is live, ending (rotated), over, or revoked.

    `is_ageing`: it is live, and runs out by itself within two weeks.
    """

    token: GateToken
    state: str
    is_ageing: bool = False


@dataclass(frozen=True, slots=True)
class References:
    """What refers to a gate: what pausing or retiring it would touch."""

    in_force: list[Grant]
    waiting: list[BypassRequest]
    tiers: tuple[tiers.Tier, ...]
    tokens: int


def rows(
    *, user: User, tenant: Tenant, policy: Policy | None, now: datetime
) -> list[GateRow]:
    """Returns the gates that the person may see; the queries do not grow with them."""
    gates = access.gates_visible(user=user, tenant=tenant)
    states = states_of(gates=gates, tenant=tenant, now=now)
    found = policies.as_rules(policy=policy) if policy else None
    return [
        GateRow(
            gate=gate,
            state=states[gate.pk],
            tier=_default_tier(policy=found, gate=gate) if found else None,
        )
        for gate in gates
    ]


def states_of(
    *,
    gates: Sequence[Gate],
    tenant: Tenant | None = None,
    bypassed: Container[int] | None = None,
    now: datetime,
) -> dict[int, str]:
    """
    Returns the state of each gate, by its key, in two queries.

    Give the tenant that they are of; or, where the caller knows them, the keys of the
    gates that are bypassed, which saves one.
    """
    newest = GateContact.objects.filter(gate__in=gates).order_by("gate_id", "-last_at")
    accepted = dict(newest.distinct("gate_id").values_list("gate_id", "is_accepted"))
    if bypassed is None:
        bypassed = _bypassed(tenant) if tenant else frozenset()
    return {
        gate.pk: _state(
            gate=gate,
            is_bypassed=gate.pk in bypassed,
            was_refused=not accepted.get(gate.pk, True),
            now=now,
        )
        for gate in gates
    }


def is_quiet(*, gate: Gate, now: datetime) -> bool:
    """Says whether a gate that was heard of before has been quiet for too long."""
    return gate.last_seen_at is not None and now - gate.last_seen_at >= gate.silent_for


def state_of(*, gate: Gate, contacts: Sequence[GateContact], now: datetime) -> str:
    """Returns the state of one gate, whose last calls are known, newest first."""
    return _state(
        gate=gate,
        is_bypassed=gate.pk in _bypassed(gate.tenant),
        was_refused=bool(contacts) and not contacts[0].is_accepted,
        now=now,
    )


def contacts_of(*, gate: Gate) -> list[GateContact]:
    """Returns the last calls of a gate, newest first."""
    return list(GateContact.objects.filter(gate=gate).order_by("-last_at", "-pk"))


def contact_since(*, gate: Gate, since: datetime) -> GateContact | None:
    """Returns the newest call since then; an accepted one before any refused one."""
    found = GateContact.objects.filter(gate=gate, last_at__gte=since)
    return found.order_by("-is_accepted", "-last_at", "-pk").first()


def tokens_of(*, gate: Gate, now: datetime) -> list[TokenRow]:
    """Returns a gate's tokens, newest first, each with what it is good for."""
    tokens = gate.tokens.order_by("-created_at", "-pk")
    return [_token_row(token, now) for token in tokens]


def live_token(*, gate: Gate, token_id: int, now: datetime) -> GateToken:
    """Returns a token of the gate that still works, or raises NotFound."""
    for row in tokens_of(gate=gate, now=now):
        if row.token.pk == token_id and row.state in {"live", "ending"}:
            return row.token
    msg = text("this gate has no such token in use")
    raise NotFound(msg)


def references(*, gate: Gate, policy: Policy | None, now: datetime) -> References:
    """Returns what names or uses a gate at this moment."""
    open_ones = grants.in_force_of(tenants=[gate.tenant])
    waiting = BypassRequest.objects.filter(
        gate=gate, state=RequestState.PENDING, lapses_at__gt=now
    ).select_related("requester")
    found = policies.as_rules(policy=policy).tiers if policy else ()
    return References(
        in_force=[grant for grant in open_ones if grant.gate_id == gate.pk],
        waiting=list(waiting),
        tiers=tuple(tier for tier in found if gate.slug in tier.match.gates),
        tokens=sum(
            row.state in {"live", "ending"} for row in tokens_of(gate=gate, now=now)
        ),
    )


def _bypassed(tenant: Tenant) -> set[int]:
    return {grant.gate_id for grant in grants.in_force_of(tenants=[tenant])}


def _default_tier(*, policy: tiers.Policy, gate: Gate) -> tiers.Tier | None:
    if not policy.tiers:
        return None
    target = tiers.Target(
        scope=Scope(gate=gate.slug, service=gate.service, branch="", artifact=""),
        environment=gate.environment,
        data_class=gate.data_class,
    )
    chosen = tiers.select_tier(policy=policy, target=target, impact=tiers.Impact.LOW)
    return chosen.tier


def _state(*, gate: Gate, is_bypassed: bool, was_refused: bool, now: datetime) -> str:
    if gate.is_retired:
        return "retired"
    if gate.in_setup:
        return "setup"
    if not gate.is_active:
        return "paused"
    if is_bypassed:
        return "bypassed"
    if gate.last_seen_at is None or now - gate.last_seen_at > LOST_AFTER:
        return "degraded" if was_refused else "no_contact"
    return "degraded" if is_quiet(gate=gate, now=now) or was_refused else "healthy"


def _token_row(token: GateToken, now: datetime) -> TokenRow:
    state, end = _token_state(token, now), token.lives_until
    is_ageing = state == "live" and end is not None and end - now <= AGEING
    return TokenRow(token, state, is_ageing)


def _token_state(token: GateToken, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    ends = [end for end in (token.expires_at, token.lives_until) if end is not None]
    if ends and min(ends) <= now:
        return "over"
    return "live" if token.expires_at is None else "ending"
