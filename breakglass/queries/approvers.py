"""
Who is eligible, and who has approved and still stands: live rows, one query each.

django-guardian's helpers are never asked here: they disagree about inactive people
and cached checks (security.md, finding 13).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from breakglass.models import BypassRequest, RoleGroup, RoleMember, Tenant, User
from breakglass.queries import outage, policies
from breakglass.rules.approval import Person, Quorum, counts, stricter_quorum
from breakglass.rules.outage import stricter_offline_quorum
from breakglass.rules.tiers import Requirement
from breakglass.texts import text


@dataclass(frozen=True, slots=True)
class GroupNeed:
    """One group that has to approve: how many of it, and who could."""

    group: str
    name: str
    count: int
    people: tuple[User, ...]


def person(*, tenant: Tenant, user: User) -> Person:
    """Returns the person as the rules count them, with their roles as of now."""
    return _people(tenant=tenant, ids=[user.pk])[0]


def requester_id(*, bypass: BypassRequest) -> int:
    """Returns whom the request is by, as the rules compare people: one id a person."""
    asked = User.objects.values_list("pk", "merged_into_id").get(pk=bypass.requester_id)
    return asked[1] or asked[0]


def standing(*, bypass: BypassRequest) -> list[Person]:
    """
    Returns everybody who signed this digest, with their roles as of now.

    Where either policy asks for passkeys, an approval without one does not stand.
    """
    terms = policies.terms_of(bypass=bypass)
    return _standing(bypass=bypass, with_passkey=terms.passkey_required)


def quorum(*, bypass: BypassRequest) -> Quorum:
    """
    Returns how far the standing approvals reach, by the stricter of two policies.

    Under the outage fallback one more is needed and each needs its passkey; where a
    policy does not allow the fallback any more, nothing is met.
    """
    pinned, latest = policies.tiers_in_question(bypass=bypass)
    if outage.is_offline(bypass=bypass):
        reached = stricter_offline_quorum(
            pinned=pinned.requirements,
            current=latest.requirements,
            approvers=standing(bypass=bypass),
            asserted=outage.asserted(bypass=bypass),
            requester_id=bypass.requester_id,
        )
        allowed = pinned.offline_quorum and latest.offline_quorum
        return replace(reached, met=reached.met and allowed)
    return stricter_quorum(
        pinned=pinned.requirements,
        current=latest.requirements,
        approvers=_standing(
            bypass=bypass,
            with_passkey=pinned.passkey_required or latest.passkey_required,
        ),
        requester_id=requester_id(bypass=bypass),
    )


def eligible_users(*, bypass: BypassRequest) -> list[User]:
    """Returns everybody who may still approve: live members but for the requester."""
    pinned, latest = policies.tiers_in_question(bypass=bypass)
    needs = (*pinned.requirements, *latest.requirements)
    done = set(bypass.approvals.values_list("approver_id", flat=True))
    users = User.objects.filter(
        memberships__role__tenant=bypass.tenant,
        memberships__role__slug__in={need.group for need in needs},
        is_active=True,
        kind="human",
    ).distinct()
    done.add(requester_id(bypass=bypass))
    return [user for user in users if user.pk not in done]


def needs(
    *, tenant: Tenant, requirements: Iterable[Requirement], without: Sequence[int]
) -> tuple[GroupNeed, ...]:
    """Returns each required group with the people who could fill it, by name."""
    wanted = list(requirements)
    roles = {
        role.slug: role
        for role in RoleGroup.objects.filter(
            tenant=tenant, slug__in=[need.group for need in wanted]
        )
    }
    people: dict[str, list[User]] = {need.group: [] for need in wanted}
    members = (
        RoleMember.objects.filter(
            role__in=roles.values(), user__is_active=True, user__kind="human"
        )
        .exclude(user_id__in=without)
        .select_related("user", "role")
        .order_by("user__name")
    )
    for member in members:
        people[member.role.slug].append(member.user)
    return tuple(
        GroupNeed(
            group=need.group,
            name=roles[need.group].name if need.group in roles else need.group,
            count=need.count,
            people=tuple(people[need.group]),
        )
        for need in wanted
    )


def still_needed(
    *, bypass: BypassRequest, reached: Quorum, without: Sequence[int]
) -> tuple[GroupNeed, ...]:
    """
    Returns what a quorum still misses, group by group, with who could fill it.

    The further approver of the outage fallback may be of any group: it comes last,
    under the name of none.
    """
    missing = needs(tenant=bypass.tenant, requirements=reached.missing, without=without)
    if not reached.further:
        return missing
    could = [u for u in eligible_users(bypass=bypass) if u.pk not in without]
    further = further_need(count=reached.further, people=could)
    return (*missing, further)


def waited_for(*, bypass: BypassRequest, group: str) -> list[User] | None:
    """
    Returns who of a group could still fill a slot; None when it owes nobody any more.

    The empty group stands for the further approver of the outage fallback.
    """
    done = list(bypass.approvals.values_list("approver_id", flat=True))
    missing = still_needed(
        bypass=bypass,
        reached=quorum(bypass=bypass),
        without=[requester_id(bypass=bypass), *done],
    )
    found = next((need for need in missing if need.group == group), None)
    return list(found.people) if found else None


def further_need(*, count: int, people: Iterable[User]) -> GroupNeed:
    """Returns the need of the outage fallback: so many more, of any of the groups."""
    return GroupNeed(
        group="",
        name=text("any of the groups, since signing was down"),
        count=count,
        people=tuple(sorted(people, key=lambda user: user.name)),
    )


def may_count(*, bypass: BypassRequest, user: User) -> bool:
    """Says whether this person's yes could fill a slot, as of now."""
    pinned, latest = policies.tiers_in_question(bypass=bypass)
    return counts(
        person=person(tenant=bypass.tenant, user=user),
        requester_id=requester_id(bypass=bypass),
        requirements=(*pinned.requirements, *latest.requirements),
    )


def _standing(*, bypass: BypassRequest, with_passkey: bool) -> list[Person]:
    given = bypass.approvals.filter(digest=bypass.digest)
    if with_passkey:
        given = given.filter(bundle__intent__assertion__isnull=False)
    ids = list(given.values_list("approver_id", flat=True))
    return _people(tenant=bypass.tenant, ids=ids)


def _people(*, tenant: Tenant, ids: Sequence[int]) -> list[Person]:
    """
    Reads the people afresh, whatever the caller's objects say.

    An account that was merged into another one has that one's id: the two are one
    person, and never two approvers, or a requester and an approver.
    """
    groups: dict[int, set[str]] = {pk: set() for pk in ids}
    members = RoleMember.objects.filter(role__tenant=tenant, user_id__in=ids)
    for user_id, slug in members.values_list("user_id", "role__slug"):
        groups[user_id].add(slug)
    users = {user.pk: user for user in User.objects.filter(pk__in=ids)}
    return [
        Person(
            id=users[pk].merged_into_id or pk,
            groups=frozenset(groups[pk]),
            human=users[pk].is_human,
            active=users[pk].is_active,
        )
        for pk in ids
    ]
