"""
What a grant asks for when a signature was made without the Sigstore instance.

Whoever can cut the portal's network decides when these rules apply. So each of them
only adds to the ordinary ones: what passes here passes there (security.md 4.3).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from breakglass.rules.approval import (
    Person,
    Quorum,
    count_quorum,
    counts,
    stricter_of,
)
from breakglass.rules.stricter import Terms
from breakglass.rules.tiers import Requirement

OFFLINE_TTL: Final = timedelta(minutes=60)
FURTHER_APPROVERS: Final = 1
COUNTERSIGN_WITHIN: Final = timedelta(hours=24)


def offline_terms(*, terms: Terms) -> Terms:
    """
    Returns the terms under the fallback: never looser than the ones given.

    At most an hour, one active grant for the service, a passkey with each approval.
    The further approver is a matter of the quorum: `offline_quorum`.
    """
    return replace(
        terms,
        ttl_cap=min(terms.ttl_cap, OFFLINE_TTL),
        max_active_per_service=min(1, terms.max_active_per_service or 1),
        passkey_required=True,
    )


def offline_quorum(
    *,
    requirements: Sequence[Requirement],
    approvers: Iterable[Person],
    asserted: Collection[int],
    requester_id: int,
) -> Quorum:
    """
    Returns how far the approvals reach when one more than the tier's is needed.

    Met when the tier's own slots are filled, one more eligible person approved, and
    each approval there is carries a passkey's assertion (`asserted` are the ids of
    those whose do). `further` says how many more people of any group are missing.
    """
    people = {person.id: person for person in approvers}
    proven = [person for person in people.values() if person.id in asserted]
    own = count_quorum(
        requirements=requirements, approvers=proven, requester_id=requester_id
    )
    eligible = sum(
        counts(person=person, requester_id=requester_id, requirements=requirements)
        for person in proven
    )
    further = min(FURTHER_APPROVERS, eligible - own.filled)
    return replace(
        own,
        met=own.met and further == FURTHER_APPROVERS and len(proven) == len(people),
        needed=own.needed + FURTHER_APPROVERS,
        filled=own.filled + further,
        further=FURTHER_APPROVERS - further,
    )


def stricter_offline_quorum(
    *,
    pinned: Sequence[Requirement],
    current: Sequence[Requirement],
    approvers: Iterable[Person],
    asserted: Collection[int],
    requester_id: int,
) -> Quorum:
    """Returns the quorum that decides under the fallback: both sets must be met."""
    people = tuple(approvers)
    old, new = (
        offline_quorum(
            requirements=requirements,
            approvers=people,
            asserted=asserted,
            requester_id=requester_id,
        )
        for requirements in (pinned, current)
    )
    return stricter_of(pinned=old, current=new)
