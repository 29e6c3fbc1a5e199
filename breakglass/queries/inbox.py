"""Requests that wait for one approver, across tenants."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from breakglass.clock import DbNow
from breakglass.models import BypassRequest, RoleMember, Tenant, User
from breakglass.queries import policies, quorums
from breakglass.queries.approvers import GroupNeed
from breakglass.rules.approval import Quorum
from breakglass.states import IntentState, RequestState


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One request that this person could decide now."""

    bypass: BypassRequest
    tenant: Tenant
    quorum: Quorum
    needs: tuple[GroupNeed, ...]
    groups: tuple[str, ...]


def waiting_for(*, user: User, now: datetime) -> list[InboxRow]:
    """
    Returns what waits for this person's decision, soonest lapse first.

    Only requests in whose tier, pinned or current, one of their groups counts; not
    their own, and none that they have approved or whose approval is being signed.
    """
    if not user.is_active or not user.is_human:
        return []
    found = list(_candidates(user=user).filter(lapses_at__gt=now))
    reaches = quorums.of(requests=found)
    return [
        InboxRow(
            bypass=bypass,
            tenant=bypass.tenant,
            quorum=reach.quorum,
            needs=reach.needs(),
            groups=reach.groups_of(user),
        )
        for bypass in found
        if (reach := reaches[bypass.pk]).may_count(user)
    ]


def waiting_count(*, user: User) -> int:
    """
    Returns how many requests the inbox would show, for the badge in the header.

    Two queries, and one where nothing waits in any of the person's tenants: every
    page asks this.
    """
    if not user.is_active or not user.is_human:
        return 0
    roles = RoleMember.objects.filter(role__tenant=OuterRef("tenant"), user=user)
    rows = list(
        _candidates(user=user)
        .filter(lapses_at__gt=DbNow())
        .annotate(mine=ArraySubquery(roles.values("role__slug")))
    )
    tiers = policies.all_in_question(requests=rows) if rows else {}
    return sum(bool(tiers[row.pk].groups.intersection(row.mine)) for row in rows)


def decided_by(*, user: User, limit: int = 20) -> list[BypassRequest]:
    """Returns the requests that this person approved or rejected, newest first."""
    approved = BypassRequest.objects.filter(approvals__approver=user)
    rejected = BypassRequest.objects.filter(state=RequestState.REJECTED, ended_by=user)
    ids = {
        *approved.values_list("pk", flat=True),
        *rejected.values_list("pk", flat=True),
    }
    rows = BypassRequest.objects.filter(pk__in=ids).select_related(
        "tenant", "gate", "requester", "tier", "grant"
    )
    return list(rows.order_by("-pk")[:limit])


def _candidates(*, user: User) -> QuerySet[BypassRequest]:
    """Pending requests of the person's tenants that they have not decided yet."""
    busy = (IntentState.COMMITTED, IntentState.SIGNED)
    return (
        BypassRequest.objects.filter(
            state=RequestState.PENDING,
            tenant__roles__memberships__user=user,
            tenant__is_active=True,
        )
        .exclude(requester=user)
        .exclude(requester__merged_into=user)
        .exclude(approvals__approver=user)
        .exclude(intents__signer=user, intents__state__in=busy)
        .select_related("tenant", "gate__tenant", "requester", "tier", "policy")
        .order_by("lapses_at", "pk")
        .distinct()
    )
