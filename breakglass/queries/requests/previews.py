"""What would happen if a request were sent now: the preview of the form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Q

from breakglass.clock import DbNow
from breakglass.errors import PolicyViolation
from breakglass.models import BypassRequest, Channel, Gate, Grant, Policy, Tenant, User
from breakglass.queries import messages, policies
from breakglass.queries.logs import standing
from breakglass.queries.requests.trials import Need, trial
from breakglass.rules import postmortem, tiers
from breakglass.rules.scopes import Scope, covers
from breakglass.states import GrantState, RequestState
from breakglass.texts import text


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
    found = trial(
        policy=policy, gate=gate, scope=scope, impact=impact, requester=requester
    )
    tier = found.tier
    waiting = _waiting(tenant=tenant, gate=gate, scope=scope, requester=requester)
    own = tuple(row for row in waiting if row.requester_id == requester.pk)
    pending = (row for row in waiting if _is_about(row, gate=gate, scope=scope))
    grants = _in_force(gate=gate, scope=scope)
    return Preview(
        tier=tier,
        reasons=found.reasons,
        policy_version=policy.version or 0,
        approvers=found.approvers,
        with_passkey=found.with_passkey,
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
