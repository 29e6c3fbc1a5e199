"""What would happen if a request were sent now: the preview of the form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.db.models import Q

from breakglass.clock import DbNow
from breakglass.errors import PolicyViolation
from breakglass.models import BypassRequest, Channel, Gate, Grant, Policy, Tenant, User
from breakglass.queries import approvers, messages, passkeys, policies, standing
from breakglass.queries.approvers import GroupNeed
from breakglass.rules import postmortem, tiers
from breakglass.rules.approval import Person, count_quorum
from breakglass.rules.scopes import Scope, covers
from breakglass.states import GrantState, RequestState
from breakglass.texts import text

NAMED: Final = 3


class Block(StrEnum):
    """Why sending would be refused; empty when it would not."""

    NONE = ""
    READ_ONLY = "read_only"
    TOO_MANY_OPEN = "too_many_open"


@dataclass(frozen=True, slots=True)
class Similar:
    """A bypass of this gate and service that is open, and whether it would do."""

    grant: Grant
    is_enough: bool


@dataclass(frozen=True, slots=True)
class Need:
    """One group that has to approve: who could, those who signed in last first."""

    group: str
    name: str
    count: int
    people: tuple[User, ...]
    missing: int

    @property
    def shown(self) -> tuple[User, ...]:
        """The few whom the preview names."""
        return self.people[:NAMED]

    @property
    def others(self) -> int:
        """How many there are beside those."""
        return max(0, len(self.people) - NAMED)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen if this were sent now."""

    tier: tiers.Tier
    reasons: tuple[str, ...]
    policy_version: int
    approvers: tuple[Need, ...]
    with_passkey: tuple[User, ...]
    channels: tuple[Channel, ...]
    ttl_choices: tuple[timedelta, ...]
    active: Similar | None
    full_until: datetime | None
    pending: BypassRequest | None
    covers_any: str
    own_open: tuple[BypassRequest, ...]
    open_limit: int
    lapses_at: datetime
    assignee: User | None
    block: Block

    @property
    def lacking(self) -> tuple[Need, ...]:
        """The groups that are too small."""
        return tuple(need for need in self.approvers if need.missing)

    @property
    def postmortem_days(self) -> int:
        """Working days from the close to the post-mortem's deadline."""
        return self.tier.postmortem_days

    def postmortem_due_at(self, *, now: datetime, ttl: timedelta) -> datetime:
        """Returns the post-mortem's deadline if the bypass opened now, for `ttl`."""
        return postmortem.due_at(
            opened_at=now + ttl, business_days=self.tier.postmortem_days
        )


def preview(
    *,
    tenant: Tenant,
    requester: User,
    gate: Gate,
    scope: Scope,
    impact: str,
    now: datetime,
) -> Preview:
    """
    Returns tier, approvers, times and what stands in the way, for one requester.

    PolicyViolation without a policy. Reads what sending would check, so that nobody
    types a request which cannot be sent; the service has the last word all the same.
    """
    policy = require_policy(tenant=tenant)
    chosen = tiers.select_tier(
        policy=policies.as_rules(policy=policy),
        target=tiers.Target(
            scope=scope, environment=gate.environment, data_class=gate.data_class
        ),
        impact=tiers.Impact(impact),
    )
    tier = chosen.tier
    needs = approvers.needs(
        tenant=tenant, requirements=tier.requirements, without=[requester.pk]
    )
    short = shortfall(needs=needs, requester_id=requester.pk)
    waiting = _waiting(tenant=tenant, gate=gate, scope=scope, requester=requester)
    own = tuple(row for row in waiting if row.requester_id == requester.pk)
    pending = (row for row in waiting if _is_about(row, gate=gate, scope=scope))
    grants = _in_force(gate=gate, scope=scope)
    return Preview(
        tier=tier,
        reasons=chosen.reasons,
        policy_version=policy.version or 0,
        approvers=_by_sign_in(needs, short),
        with_passkey=_ready(tenant, needs) if tier.passkey_required else (),
        channels=tuple(messages.active_channels_of(tenant=tenant)),
        ttl_choices=tier.ttl_choices,
        active=_similar(grants=grants, scope=scope),
        full_until=_full_until(grants=grants, limit=tier.max_active_per_service),
        pending=next(pending, None),
        covers_any=_covers_any(scope),
        own_open=own,
        open_limit=settings.OPEN_REQUEST_LIMIT,
        lapses_at=now + tier.pending_for,
        assignee=requester if requester.is_human else None,
        block=_block(
            is_read_only=standing.is_read_only(tenant=tenant),
            is_at_limit=len(own) >= settings.OPEN_REQUEST_LIMIT,
        ),
    )


def require_policy(*, tenant: Tenant) -> Policy:
    """Returns the tenant's current policy; PolicyViolation before the first."""
    policy = policies.current(tenant=tenant)
    if policy is None:
        msg = text(
            "%(tenant)s has no published policy yet: ask an admin to publish one",
            tenant=tenant.name,
        )
        raise PolicyViolation(msg)
    return policy


def shortfall(
    *, needs: Sequence[GroupNeed], requester_id: int
) -> tuple[tiers.Requirement, ...]:
    """
    Returns how many people each group lacks for this ever to be approved.

    Counted as the quorum is: somebody in two groups fills one place. Empty when the
    people there are would do. `needs` holds live members without the requester.
    """
    groups: dict[int, set[str]] = {}
    for need in needs:
        for person in need.people:
            groups.setdefault(person.pk, set()).add(need.group)
    everybody = [
        Person(id=pk, groups=frozenset(held), human=True, active=True)
        for pk, held in groups.items()
    ]
    required = [tiers.Requirement(need.group, need.count) for need in needs]
    return count_quorum(
        requirements=required, approvers=everybody, requester_id=requester_id
    ).missing


def _by_sign_in(
    needs: Sequence[GroupNeed], short: Sequence[tiers.Requirement]
) -> tuple[Need, ...]:
    """Whoever signed in last is the likeliest to answer at this hour."""
    missing = {lack.group: lack.count for lack in short}
    return tuple(
        Need(
            group=need.group,
            name=need.name,
            count=need.count,
            people=tuple(sorted(need.people, key=_last_seen, reverse=True)),
            missing=missing.get(need.group, 0),
        )
        for need in needs
    )


def _last_seen(person: User) -> float:
    return person.last_login.timestamp() if person.last_login else 0.0


def _covers_any(scope: Scope) -> str:
    """Which of branch and artefact was left open: both, one of them, or neither."""
    if not scope.branch and not scope.artifact:
        return "both"
    if not scope.branch:
        return "branch"
    return "" if scope.artifact else "artifact"


def _block(*, is_read_only: bool, is_at_limit: bool) -> Block:
    """The first of these that holds: what has to be mended before anything else."""
    if is_read_only:
        return Block.READ_ONLY
    return Block.TOO_MANY_OPEN if is_at_limit else Block.NONE


def _waiting(
    *, tenant: Tenant, gate: Gate, scope: Scope, requester: User
) -> list[BypassRequest]:
    """Pending requests that matter here: for this gate and service, or one's own."""
    about = Q(gate=gate, service=scope.service) | Q(requester=requester)
    rows = BypassRequest.objects.filter(
        about, tenant=tenant, state=RequestState.PENDING, lapses_at__gt=DbNow()
    )
    return list(rows.select_related("gate", "requester").order_by("-pk"))


def _is_about(row: BypassRequest, *, gate: Gate, scope: Scope) -> bool:
    return row.gate_id == gate.pk and row.service == scope.service


def _in_force(*, gate: Gate, scope: Scope) -> list[Grant]:
    """Grants of this gate and service, the one that ends last first."""
    rows = Grant.objects.filter(
        gate=gate,
        service=scope.service,
        state=GrantState.ACTIVE,
        expires_at__gt=DbNow(),
    )
    return list(rows.select_related("request", "gate").order_by("-expires_at"))


def _similar(*, grants: Sequence[Grant], scope: Scope) -> Similar | None:
    """The grant that would do, else the one that ends last, if there is one."""
    found = [
        Similar(grant=grant, is_enough=covers(granted=grant.scope, asked=scope))
        for grant in grants
    ]
    return next((one for one in found if one.is_enough), next(iter(found), None))


def _full_until(*, grants: Sequence[Grant], limit: int | None) -> datetime | None:
    """When one more may open, where as many as the tier allows are open already."""
    if not limit or len(grants) < limit:
        return None
    return grants[limit - 1].expires_at


def _ready(tenant: Tenant, needs: tuple[GroupNeed, ...]) -> tuple[User, ...]:
    """Returns those who are waited for and have a passkey that may approve now."""
    people = {person.pk: person for need in needs for person in need.people}
    return tuple(passkeys.ready(tenant=tenant, users=people.values()))
