"""Quorum against every possible assignment of people to slots."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from breakglass.rules.approval import Person, count_quorum, stricter_quorum
from breakglass.rules.eligibility import may_decide
from breakglass.rules.tiers import Requirement

REQUESTER = 1
GROUPS = st.sampled_from("abc")
REQUIREMENTS = st.lists(
    st.builds(Requirement, group=GROUPS, count=st.integers(0, 2)), max_size=3
)
PEOPLE = st.lists(
    st.builds(
        Person,
        id=st.integers(1, 6),
        groups=st.frozensets(GROUPS),
        human=st.booleans() | st.just(value=True),
        active=st.booleans() | st.just(value=True),
    ),
    max_size=5,
    unique_by=lambda person: person.id,
)


def useful(person):
    return person.human and person.active and person.id != REQUESTER


def most_slots_by_trying_everything(requirements, people):
    slots = [need.group for need in requirements for _ in range(need.count)]
    people = [person for person in people if useful(person)]
    # Pad, so that a slot may also stay empty.
    seats = [*people, *([None] * len(slots))]
    return max(
        sum(
            holder is not None and group in holder.groups
            for group, holder in zip(slots, order, strict=False)
        )
        for order in permutations(seats, len(slots))
    )


def quorum(requirements, people):
    return count_quorum(
        requirements=requirements, approvers=people, requester_id=REQUESTER
    )


@given(
    requirements=st.lists(
        st.builds(Requirement, group=GROUPS, count=st.integers(0, 2)), max_size=2
    ),
    people=PEOPLE,
)
def test_the_quorum_fills_as_many_slots_as_any_assignment_could(requirements, people):
    answer = quorum(requirements, people)
    assert answer.filled == most_slots_by_trying_everything(requirements, people)
    assert answer.met == (answer.filled == answer.needed > 0)


@given(requirements=REQUIREMENTS, people=PEOPLE)
def test_every_filled_slot_holds_a_different_person_who_may_fill_it(
    requirements, people
):
    answer = quorum(requirements, people)
    by_id = {person.id: person for person in people}
    holders = [who for who, _ in answer.slots]
    assert len(holders) == len(set(holders)) == answer.filled
    for who, group in answer.slots:
        assert useful(by_id[who])
        assert group in by_id[who].groups
    for group in "abc":
        wanted = sum(need.count for need in requirements if need.group == group)
        missing = sum(need.count for need in answer.missing if need.group == group)
        filled = sum(held == group for _, held in answer.slots)
        assert wanted == missing + filled


@given(requirements=REQUIREMENTS, people=PEOPLE)
def test_the_requester_machines_and_the_deactivated_change_nothing(
    requirements, people
):
    without = [person for person in people if useful(person)]
    assert quorum(requirements, people) == quorum(requirements, without)


@given(requirements=REQUIREMENTS, people=PEOPLE, data=st.data())
def test_the_order_and_repetition_of_approvals_change_nothing(
    requirements, people, data
):
    shuffled = data.draw(st.permutations(people + people))
    assert quorum(requirements, people) == quorum(requirements, shuffled)


@given(requirements=REQUIREMENTS, people=PEOPLE)
def test_one_more_approver_never_fills_fewer_slots(requirements, people):
    fills = [
        quorum(requirements, people[:size]).filled for size in range(len(people) + 1)
    ]
    assert fills == sorted(fills)


@given(pinned=REQUIREMENTS, current=REQUIREMENTS, people=PEOPLE)
def test_the_stricter_quorum_is_met_exactly_when_both_are(pinned, current, people):
    answer = stricter_quorum(
        pinned=pinned, current=current, approvers=people, requester_id=REQUESTER
    )
    sides = [quorum(pinned, people), quorum(current, people)]
    assert answer.met == all(side.met for side in sides)
    assert answer in sides


@given(pinned=REQUIREMENTS, current=REQUIREMENTS, people=PEOPLE, approved=st.booleans())
def test_whoever_fills_a_slot_was_also_allowed_to_decide(
    pinned, current, people, approved
):
    holders = {who for who, _ in quorum(pinned, people).slots}
    holders |= {who for who, _ in quorum(current, people).slots}
    for person in people:
        answer = may_decide(
            person=person,
            requester_id=REQUESTER,
            requirements_pinned=pinned,
            requirements_current=current,
            already_approved=approved,
        )
        assert answer.allowed == (not answer.reasons)
        if person.id in holders:
            assert answer.allowed == (not approved)
