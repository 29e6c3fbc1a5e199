"""Requests that wait for one approver, across tenants."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from breakglass.clock import DbNow
from breakglass.models import BypassRequest, Tenant, User
from breakglass.queries import approvers, policies
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
    rows: list[InboxRow] = []
    for bypass in _candidates(user=user).filter(lapses_at__gt=now):
        pinned, latest = policies.tiers_in_question(bypass=bypass)
        person = approvers.person(tenant=bypass.tenant, user=user)
        wanted = {r.group for r in (*pinned.requirements, *latest.requirements)}
        groups = tuple(sorted(wanted & person.groups))
        if not groups or not person.human or not person.active:
            continue
        reached = approvers.quorum(bypass=bypass)
        needed = approvers.still_needed(
            bypass=bypass,
            reached=reached,
            without=[bypass.requester.merged_into_id or bypass.requester_id],
        )
        rows.append(
            InboxRow(
                bypass=bypass,
                tenant=bypass.tenant,
                quorum=reached,
                needs=needed,
                groups=groups,
            )
        )
    return rows


def waiting_count(*, user: User) -> int:
    """Returns how many requests the inbox would show, for the badge in the header."""
    if not user.is_active or not user.is_human:
        return 0
    rows = _candidates(user=user).filter(lapses_at__gt=DbNow())
    mine: dict[int, frozenset[str]] = {}
    count = 0
    for bypass in rows:
        if bypass.tenant_id not in mine:
            person = approvers.person(tenant=bypass.tenant, user=user)
            mine[bypass.tenant_id] = person.groups
        pinned, latest = policies.tiers_in_question(bypass=bypass)
        wanted = {r.group for r in (*pinned.requirements, *latest.requirements)}
        count += bool(wanted & mine[bypass.tenant_id])
    return count


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
