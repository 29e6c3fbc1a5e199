"""
Who may decide many requests, and what each still misses: as many queries for a
hundred as for one. For pages; a service that counts asks `approvers`, under its lock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from breakglass.models import Approval, Assertion, BypassRequest, RoleMember, User
from breakglass.queries import policies
from breakglass.queries.approvers import GroupNeed, further_need
from breakglass.queries.policies import InQuestion
from breakglass.rules.approval import Person, Quorum, stricter_quorum
from breakglass.rules.outage import stricter_offline_quorum
from breakglass.rules.tiers import Requirement
from breakglass.states import SignedBy


@dataclass(frozen=True, slots=True)
class Reach:
    """
    How far one request has come, and who could bring it further, as of now.

    `quorum`, `requester_id`, `is_offline`, `may_count` and `needs` say what the
    functions of these names in `approvers` and `outage` say. `members` has the live
    people of each group that counts, by name; `approved` the ids of all approvers.
    """

    bypass: BypassRequest
    tiers: InQuestion
    requester_id: int
    is_offline: bool
    quorum: Quorum
    members: dict[str, tuple[User, ...]]
    approved: frozenset[int]

    @property
    def passkey_required(self) -> bool:
        """Whether each approval must carry a passkey's assertion."""
        asked = (self.tiers.pinned, self.tiers.latest)
        return self.is_offline or any(tier.passkey_required for tier in asked)

    def groups_of(self, user: User) -> tuple[str, ...]:
        """Returns the person's groups whose yes counts here, in order of the slug."""
        ours = (group for group, held in self.members.items() if user in held)
        return tuple(sorted(ours))

    def may_count(self, user: User) -> bool:
        """Says whether this person's yes could fill a slot, as of now."""
        return user.pk != self.requester_id and bool(self.groups_of(user))

    def needs(self, *, without: Iterable[int] = ()) -> tuple[GroupNeed, ...]:
        """Returns what is missing, by group, with who could fill it but for `without`.

        The requester is never among them; the approvers are, unless left out.
        """
        out = {self.requester_id, *without}
        missing = tuple(self._need(need, out) for need in self.quorum.missing)
        if not self.quorum.further:
            return missing
        done = out | self.approved
        could = {u for held in self.members.values() for u in held if u.pk not in done}
        return (*missing, further_need(count=self.quorum.further, people=could))

    def _need(self, need: Requirement, out: set[int]) -> GroupNeed:
        held = self.members[need.group]
        return GroupNeed(
            group=need.group,
            name=self.tiers.names[need.group],
            count=need.count,
            people=tuple(person for person in held if person.pk not in out),
        )


def of(*, requests: Sequence[BypassRequest]) -> dict[int, Reach]:
    """
    Returns the reach of each request, by its id, in four queries in all.

    Use: load the requests with `select_related("gate__tenant")`, then
    `reaches = quorums.of(requests=rows)`; `reaches[row.pk].quorum` is what
    `approvers.quorum(bypass=row)` would say, `.needs()` what is missing and who could
    fill it, `.may_count(user)` whether that person's yes could count. People, roles,
    policies and approvals are read afresh, whatever the caller's objects say.
    """
    if not requests:
        return {}
    tiers = policies.all_in_question(requests=requests)
    given: dict[int, list[Approval]] = {bypass.pk: [] for bypass in requests}
    for approval in _approvals(requests):
        given[approval.request_id].append(approval)
    members = _members(requests, tiers)
    askers = {bypass.requester_id for bypass in requests}
    merged = dict(
        User.objects.filter(pk__in=askers).values_list("pk", "merged_into_id")
    )
    return {
        bypass.pk: _reach(
            bypass=bypass,
            tiers=tiers[bypass.pk],
            given=given[bypass.pk],
            members={
                group: members.get((bypass.tenant_id, group), ())
                for group in tiers[bypass.pk].groups
            },
            requester_id=merged[bypass.requester_id] or bypass.requester_id,
        )
        for bypass in requests
    }


def _reach(
    *,
    bypass: BypassRequest,
    tiers: InQuestion,
    given: Sequence[Approval],
    members: dict[str, tuple[User, ...]],
    requester_id: int,
) -> Reach:
    is_offline = any(a.bundle.signed_by != SignedBy.INSTANCE for a in given)
    pinned, latest = tiers.pinned, tiers.latest
    strict = is_offline or pinned.passkey_required or latest.passkey_required
    standing = [
        _person(approval.approver, members)
        for approval in given
        if bytes(approval.digest) == bytes(bypass.digest)
        and (_flag(approval, "has_passkey") or not strict)
    ]
    if is_offline:
        reached = stricter_offline_quorum(
            pinned=pinned.requirements,
            current=latest.requirements,
            approvers=standing,
            asserted={a.approver_id for a in given if _flag(a, "has_own_passkey")},
            requester_id=requester_id,
        )
        allowed = pinned.offline_quorum and latest.offline_quorum
        reached = replace(reached, met=reached.met and allowed)
    else:
        reached = stricter_quorum(
            pinned=pinned.requirements,
            current=latest.requirements,
            approvers=standing,
            requester_id=requester_id,
        )
    return Reach(
        bypass=bypass,
        tiers=tiers,
        requester_id=requester_id,
        is_offline=is_offline,
        quorum=reached,
        members=members,
        approved=frozenset(approval.approver_id for approval in given),
    )


def _person(user: User, members: dict[str, tuple[User, ...]]) -> Person:
    """Only groups that count here: no rule looks at the others."""
    return Person(
        id=user.merged_into_id or user.pk,
        groups=frozenset(group for group, held in members.items() if user in held),
        human=user.is_human,
        active=user.is_active,
    )


def _approvals(requests: Sequence[BypassRequest]) -> QuerySet[Approval]:
    given = Assertion.objects.filter(intent=OuterRef("bundle__intent"))
    return (
        Approval.objects.filter(request__in=[bypass.pk for bypass in requests])
        .select_related("approver", "bundle")
        .annotate(
            has_passkey=Exists(given),
            has_own_passkey=Exists(given.filter(credential__user=OuterRef("approver"))),
        )
        .order_by("pk")
    )


def _flag(approval: Approval, name: str) -> bool:
    return bool(getattr(approval, name))  # annotated by `_approvals`


def _members(
    requests: Sequence[BypassRequest], tiers: dict[int, InQuestion]
) -> dict[tuple[int, str], tuple[User, ...]]:
    wanted = Q(pk__in=())
    by_tenant: dict[int, set[str]] = {}
    for bypass in requests:
        by_tenant.setdefault(bypass.tenant_id, set()).update(tiers[bypass.pk].groups)
    for tenant_id, groups in by_tenant.items():
        wanted |= Q(role__tenant=tenant_id, role__slug__in=groups)
    rows = (
        RoleMember.objects.filter(wanted, user__is_active=True, user__kind="human")
        .annotate(tenant_id=F("role__tenant"), group=F("role__slug"))
        .select_related("user")
        .order_by("user__name", "pk")
    )
    held: dict[tuple[int, str], list[User]] = {}
    for row in rows:
        key = (getattr(row, "tenant_id"), getattr(row, "group"))  # noqa: B009 - annotated
        held.setdefault(key, []).append(row.user)
    return {key: tuple(people) for key, people in held.items()}
