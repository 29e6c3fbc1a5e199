"""
What a merge of two accounts does to approvals and grants that counted them as two.

Split from identities.py by step: nothing here changes an account or an identity.
"""

from dataclasses import dataclass

from django.db.models import Q

from breakglass import clock
from breakglass.models import BypassRequest, Grant, Intent, User
from breakglass.models.signing import IntentKind
from breakglass.queries import approvers, policies
from breakglass.rules.approval import Person, stricter_quorum, united
from breakglass.services import grants
from breakglass.services.approving import counting
from breakglass.states import GrantState, IntentState, RequestState

_UNFINISHED = (IntentState.DRAFT, IntentState.COMMITTED, IntentState.SIGNED)


@dataclass(frozen=True, slots=True)
class Affected:
    """Everything of the two that is not at its end, locked until the commit."""

    intents: tuple[Intent, ...]
    grants: tuple[Grant, ...]
    sound: frozenset[int]  # keys of the grants whose tiers the two accounts filled


def lock(*, keep: User, merged: User) -> Affected:
    """
    Locks what the merge may touch: requests, then intents, then grants.

    The accounts are locked already, so neither can begin another decision meanwhile.
    What is read behind the requests' locks includes whatever they waited for.
    """
    both = Q(pk__in=[keep.pk, merged.pk]) | Q(merged_into__in=[keep, merged])
    accounts = list(User.objects.filter(both).values_list("pk", flat=True))
    theirs = (
        Q(requester__in=accounts)
        | Q(approvals__approver__in=accounts)
        | Q(intents__signer__in=accounts, intents__state__in=_UNFINISHED)
    )
    open_ones = Q(state=RequestState.PENDING) | Q(grant__state=GrantState.ACTIVE)
    found = BypassRequest.objects.filter(theirs, open_ones).values("pk")
    requests = list(
        BypassRequest.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=found)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    intents = (
        Intent.objects.select_for_update(of=("self",), no_key=True)
        .filter(request__in=requests, kind=IntentKind.APPROVAL, signer__in=accounts)
        .filter(state__in=_UNFINISHED)
        .order_by("pk")
    )
    held = (
        Grant.objects.select_for_update(of=("self",), no_key=True)
        .select_related("gate__tenant", "request__requester", "request__tier")
        .select_related("tenant", "postmortem", "request__tenant", "request__gate")
        .filter(request__in=requests, state=GrantState.ACTIVE)
        .order_by("pk")
    )
    active = tuple(held)
    sound = frozenset(grant.pk for grant in active if _is_filled(grant))
    return Affected(intents=tuple(intents), grants=active, sound=sound)


def refuse_intents(*, affected: Affected, merged: User) -> None:
    """Ends the decisions that the given-up account had begun."""
    for intent in affected.intents:
        if intent.signer_id == merged.pk:
            counting.refuse(intent=intent, why="the account was merged into another")


def broken(*, affected: Affected) -> list[Grant]:
    """Returns the grants in force that lack a quorum now that the two are one."""
    now = clock.db_now()
    in_force = [grant for grant in affected.grants if grant.window.covers(now)]
    return [
        grant
        for grant in in_force
        if len(_people(grant)) < grant.quorum
        or (grant.pk in affected.sound and not _is_filled(grant))
    ]


def revoke(*, grants_: list[Grant], keep: User, merged: User) -> None:
    """Closes the grants, and says why: their two people were one."""
    reason = (
        f"{merged.email} and {keep.email} turned out to be one person, so this never "
        "had the approvals that it needs."
    )
    for grant in grants_:
        grants.revoke_broken(grant=grant, now=clock.db_now(), reason=reason)


def _people(grant: Grant) -> list[Person]:
    """The people behind a grant's approvals, each once, and never who asked."""
    asked = approvers.requester_id(bypass=grant.request)
    given = approvers.standing(bypass=grant.request)
    return [person for person in united(people=given) if person.id != asked]


def _is_filled(grant: Grant) -> bool:
    """
    Says whether those people fill the tiers in question, by their groups as of now.

    Asked before the merge and after it: a group that somebody has left since, or a
    policy that became stricter, is not the merge's doing and closes nothing.
    """
    bypass = grant.request
    pinned, latest = policies.tiers_in_question(bypass=bypass)
    return stricter_quorum(
        pinned=pinned.requirements,
        current=latest.requirements,
        approvers=_people(grant),
        requester_id=approvers.requester_id(bypass=bypass),
    ).met
