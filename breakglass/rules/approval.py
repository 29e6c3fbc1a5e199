"""Who counts towards a quorum, and whether it is met (security.md I-01 to I-04)."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from breakglass.errors import SelfApproval
from breakglass.rules.tiers import Requirement
from breakglass.texts import text


@dataclass(frozen=True, slots=True)
class Person:
    """One person as of now: live memberships, not the ones at the time of asking."""

    id: int
    groups: frozenset[str]
    human: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Quorum:
    """
    How far the approvals reach.

    `needed` and `filled` count slots; `missing` says how many more people each
    group still owes; `slots` says which person's id fills a slot of which group.
    `further` counts people missing beside those, of any of the groups (outage.py).
    """

    met: bool
    needed: int
    filled: int
    missing: tuple[Requirement, ...]
    slots: tuple[tuple[int, str], ...]
    further: int = 0


def require_second_person(*, requester_id: int, approver_id: int) -> None:
    """Raises SelfApproval when the two are the same person (I-02)."""
    if requester_id == approver_id:
        raise SelfApproval(
            text("You asked for this bypass, so someone else must approve it.")
        )


def counts(
    *, person: Person, requester_id: int, requirements: Iterable[Requirement]
) -> bool:
    """
    Says whether this person's approval could fill a slot at all.

    Human, active, not the requester, in at least one required group. An empty
    group means nobody, never anybody (design.md section 4).
    """
    if not person.human or not person.active or person.id == requester_id:
        return False
    return any(requirement.group in person.groups for requirement in requirements)


def count_quorum(
    *,
    requirements: Sequence[Requirement],
    approvers: Iterable[Person],
    requester_id: int,
) -> Quorum:
    """
    Returns the best assignment of approvers to the required slots.

    Each person fills at most one slot, and as many slots as possible are filled:
    a maximum bipartite matching by augmenting paths, people in order of id, so
    the same input always gives the same slots. Listing a person twice counts
    once. No requirements at all is never met: an empty tier grants nothing.
    """
    eligible = {
        person.id: person
        for person in approvers
        if counts(person=person, requester_id=requester_id, requirements=requirements)
    }
    people = [eligible[key] for key in sorted(eligible)]
    slots = _slots(requirements=requirements, most=len(people))
    holders = _assign(slots=slots, people=people)

    needed = sum(max(0, requirement.count) for requirement in requirements)
    filled = tuple(
        (holder.id, group)
        for group, holder in zip(slots, holders, strict=True)
        if holder is not None
    )
    return Quorum(
        met=needed > 0 and len(filled) == needed,
        needed=needed,
        filled=len(filled),
        missing=_missing(requirements=requirements, filled=filled),
        slots=filled,
    )


def stricter_quorum(
    *,
    pinned: Sequence[Requirement],
    current: Sequence[Requirement],
    approvers: Iterable[Person],
    requester_id: int,
) -> Quorum:
    """
    Returns the quorum that decides: both requirement sets must each be met.

    The one that is not met is returned (of two, the one that misses more), and of
    two that are met the one that asked for more people; of equals the pinned. So
    `met` is true only when both are (design.md section 12).
    """
    people = tuple(approvers)
    return stricter_of(
        pinned=count_quorum(
            requirements=pinned, approvers=people, requester_id=requester_id
        ),
        current=count_quorum(
            requirements=current, approvers=people, requester_id=requester_id
        ),
    )


def stricter_of(*, pinned: Quorum, current: Quorum) -> Quorum:
    """Returns the one of two that decides; see `stricter_quorum`."""
    old, new = pinned, current
    if old.met != new.met:
        return new if old.met else old
    missing = (new.needed - new.filled, new.needed)
    return new if missing > (old.needed - old.filled, old.needed) else old


def united(*, people: Iterable[Person]) -> list[Person]:
    """
    Returns each person once, with the groups of all their accounts, as active.

    For approvals that have counted already: two accounts of one person share its id,
    and whether an account is active now says nothing about the day it approved.
    """
    groups: dict[int, frozenset[str]] = {}
    human: dict[int, bool] = {}
    for person in people:
        groups[person.id] = groups.get(person.id, frozenset()) | person.groups
        human[person.id] = human.get(person.id, True) and person.human
    return [
        Person(id=key, groups=held, human=human[key], active=True)
        for key, held in groups.items()
    ]


def _slots(*, requirements: Sequence[Requirement], most: int) -> list[str]:
    """One group name per slot; never more per requirement than there are people."""
    return [
        requirement.group
        for requirement in requirements
        for _ in range(min(requirement.count, most))
    ]


def _assign(*, slots: Sequence[str], people: Sequence[Person]) -> list[Person | None]:
    """Returns the person in each slot, adding one person after the other."""
    holders: list[Person | None] = [None] * len(slots)
    for person in people:
        _seat(newcomer=person, slots=slots, holders=holders)
    return holders


def _seat(
    *, newcomer: Person, slots: Sequence[str], holders: list[Person | None]
) -> None:
    """
    Finds the newcomer a slot, moving others to another slot of theirs if need be.

    Breadth first over slots; `came_from` remembers whose slot led to which. Nobody
    who has a slot loses it, so adding an approver never fills fewer.
    """
    came_from: dict[int, int | None] = {}
    queue: deque[tuple[Person, int | None]] = deque([(newcomer, None)])
    while queue:
        person, held = queue.popleft()
        for slot, group in enumerate(slots):
            if slot in came_from or group not in person.groups:
                continue
            came_from[slot] = held
            holder = holders[slot]
            if holder is not None:
                queue.append((holder, slot))
                continue
            at, before = slot, held
            while before is not None:
                holders[at] = holders[before]
                at, before = before, came_from[before]
            holders[at] = newcomer
            return


def escalates_at(
    *,
    opened_at: datetime,
    remind_after: timedelta,
    lapses_at: datetime,
    is_answered: bool,
) -> datetime | None:
    """
    Returns when everybody is told again that a request waits, past or to come.

    None once somebody has approved, and where the request lapses before.
    """
    at = opened_at + remind_after
    return at if at < lapses_at and not is_answered else None


def _missing(
    *, requirements: Sequence[Requirement], filled: Sequence[tuple[int, str]]
) -> tuple[Requirement, ...]:
    short: dict[str, int] = {}
    for requirement in requirements:
        count = max(0, requirement.count)
        short[requirement.group] = short.get(requirement.group, 0) + count
    for _, group in filled:
        short[group] -= 1
    return tuple(Requirement(group, count) for group, count in short.items() if count)
