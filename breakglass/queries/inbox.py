"""Requests that wait for one approver, across tenants."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Prefetch, QuerySet

from breakglass.clock import DbNow
from breakglass.models import Approval, BypassRequest, RoleMember, Tenant, User
from breakglass.queries import policies, quorums
from breakglass.queries.approvers import GroupNeed
from breakglass.queries.quorums import Reach
from breakglass.rules import approval
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
    names: tuple[str, ...] = ()
    is_answered: bool = False

    @property
    def escalates_at(self) -> datetime | None:
        """When everybody is told again; None if nobody will be."""
        return approval.escalates_at(
            opened_at=self.bypass.opened_at,
            remind_after=timedelta(seconds=self.bypass.tier.remind_seconds),
            lapses_at=self.bypass.lapses_at,
            is_answered=self.is_answered,
        )

    @property
    def next_at(self) -> datetime:
        """What the list is ordered by: the escalation, or else the end."""
        return self.escalates_at or self.bypass.lapses_at


@dataclass(frozen=True, slots=True)
class Board:
    """What waits for one person, and what waits for others in that person's roles."""

    mine: list[InboxRow]
    others: list[InboxRow]


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that was on the list, and does not wait any more: what became of it."""

    bypass: BypassRequest
    status: str
    who: User | None


def board(*, user: User, now: datetime) -> Board:
    """
    Returns both lists at once, soonest escalation first.

    Others are waited for where the person asked, has approved, or is being signed for.
    """
    if not user.is_active or not user.is_human:
        return Board([], [])
    found = list(_candidates(user=user).filter(lapses_at__gt=now))
    known = {bypass.pk for bypass in found}
    rest = _pending(user=user).filter(lapses_at__gt=now).exclude(pk__in=known)
    reaches = quorums.of(requests=[*found, *rest])
    rows = [
        _row(reach, user=user)
        for reach in reaches.values()
        if reach.groups_of(user)
        and (reach.may_count(user) or reach.bypass.pk not in known)
    ]
    rows.sort(key=lambda row: (row.next_at, row.bypass.pk))
    return Board(
        mine=[row for row in rows if row.bypass.pk in known],
        others=[row for row in rows if row.bypass.pk not in known],
    )


def taken(
    *, user: User, bypass_ids: Sequence[str], waiting: Collection[str]
) -> list[Taken]:
    """Returns what became of those that the person saw and that do not wait now."""
    gone = [bypass_id for bypass_id in bypass_ids if bypass_id not in waiting]
    if not gone:
        return []
    rows = BypassRequest.objects.filter(
        bypass_id__in=gone,
        tenant__roles__memberships__user=user,
        tenant__is_active=True,
    ).select_related("ended_by", "grant")
    rows = rows.prefetch_related(
        Prefetch("approvals", Approval.objects.select_related("approver"))
    )
    return [_taken(bypass) for bypass in rows.distinct()]


def _taken(bypass: BypassRequest) -> Taken:
    given = list(bypass.approvals.all())
    if bypass.state in (RequestState.PENDING, RequestState.APPROVED) and given:
        return Taken(bypass, RequestState.APPROVED, given[-1].approver)
    return Taken(bypass, bypass.state, bypass.ended_by)


def _row(reach: Reach, *, user: User) -> InboxRow:
    return InboxRow(
        bypass=reach.bypass,
        tenant=reach.bypass.tenant,
        quorum=reach.quorum,
        needs=reach.needs(without=reach.approved),
        groups=reach.groups_of(user),
        names=tuple(reach.tiers.names[group] for group in reach.groups_of(user)),
        is_answered=bool(reach.approved),
    )


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


def _pending(*, user: User) -> QuerySet[BypassRequest]:
    """Pending requests of the person's tenants."""
    return (
        BypassRequest.objects.filter(
            state=RequestState.PENDING,
            tenant__roles__memberships__user=user,
            tenant__is_active=True,
        )
        .select_related("tenant", "gate__tenant", "requester", "tier", "policy")
        .order_by("lapses_at", "pk")
        .distinct()
    )


def _candidates(*, user: User) -> QuerySet[BypassRequest]:
    """Those of them that the person has not decided yet."""
    busy = (IntentState.COMMITTED, IntentState.SIGNED)
    return (
        _pending(user=user)
        .exclude(requester=user)
        .exclude(requester__merged_into=user)
        .exclude(approvals__approver=user)
        .exclude(intents__signer=user, intents__state__in=busy)
    )
