"""Who counts, when a quorum is met, and when everybody is told again."""

from datetime import UTC, datetime, timedelta

import pytest

from breakglass.errors import SelfApproval
from breakglass.rules.approval import (
    Person,
    count_quorum,
    counts,
    escalates_at,
    require_second_person,
    stricter_quorum,
    united,
)
from breakglass.rules.tiers import Requirement
from tests.unit.rules.make import ALICE, BOB, CHARLIE, DORA, needs, person


def quorum(requirements, *approvers):
    return count_quorum(
        requirements=requirements, approvers=approvers, requester_id=ALICE
    )


def test_whoever_asked_cannot_approve():
    with pytest.raises(SelfApproval, match="someone else must approve"):
        require_second_person(requester_id=ALICE, approver_id=ALICE)
    require_second_person(requester_id=ALICE, approver_id=BOB)


def test_only_a_live_human_second_person_of_a_required_group_counts():
    def verdict(who):
        return counts(person=who, requester_id=ALICE, requirements=needs(peers=1, b=1))

    assert verdict(person(BOB, "peers"))
    assert verdict(person(BOB, "b", "unrelated"))
    assert not verdict(person(ALICE, "peers"))
    assert not verdict(person(BOB, "peers", human=False))
    assert not verdict(person(BOB, "peers", active=False))
    assert not verdict(person(BOB, "unrelated"))
    assert not verdict(person(BOB))


def test_nobody_counts_where_nothing_is_required():
    assert not counts(person=person(BOB, "peers"), requester_id=ALICE, requirements=())


def test_the_second_approver_completes_the_quorum():
    required = needs(peers=2)
    half = quorum(required, person(BOB, "peers"))
    assert not half.met
    assert (half.needed, half.filled) == (2, 1)
    assert half.missing == needs(peers=1)
    whole = quorum(required, person(BOB, "peers"), person(CHARLIE, "peers"))
    assert whole.met
    assert whole.missing == ()
    assert whole.slots == ((BOB, "peers"), (CHARLIE, "peers"))


@pytest.mark.parametrize(
    "useless",
    [
        person(ALICE, "peers"),
        person(BOB, "peers", human=False),
        person(BOB, "peers", active=False),
        person(BOB, "strangers"),
    ],
)
def test_a_useless_approval_fills_no_slot(useless):
    answer = quorum(needs(peers=1), useless)
    assert not answer.met
    assert answer.filled == 0
    assert answer.slots == ()


def test_one_person_fills_one_slot_even_in_two_groups():
    answer = quorum(needs(seniors=1, peers=1), person(BOB, "seniors", "peers"))
    assert not answer.met
    assert answer.filled == 1


def test_one_person_listed_twice_counts_once():
    bob = person(BOB, "peers")
    assert not quorum(needs(peers=2), bob, bob).met


def test_people_are_moved_between_slots_to_fill_as_many_as_possible():
    required = needs(seniors=1, peers=1)
    both, senior = person(BOB, "seniors", "peers"), person(CHARLIE, "seniors")
    answer = quorum(required, both, senior)
    assert answer.met
    assert answer.slots == ((CHARLIE, "seniors"), (BOB, "peers"))


def test_a_chain_of_moves_is_followed_to_its_end():
    required = needs(a=1, b=1, c=1)
    answer = quorum(required, person(2, "a", "b"), person(3, "a", "c"), person(4, "a"))
    assert answer.met
    assert answer.slots == ((4, "a"), (2, "b"), (3, "c"))


def test_the_order_of_approvals_does_not_matter():
    people = [person(2, "a", "b"), person(3, "a"), person(4, "b", "a")]
    required = needs(a=1, b=1)
    assert quorum(required, *people) == quorum(required, *reversed(people))


def test_no_requirements_are_never_met():
    answer = quorum((), person(BOB, "peers"))
    assert not answer.met
    assert answer.needed == 0


@pytest.mark.parametrize("count", [0, -1])
def test_a_requirement_for_nobody_is_never_met(count):
    answer = quorum((Requirement("peers", count),), person(BOB, "peers"))
    assert not answer.met
    assert (answer.needed, answer.filled, answer.missing) == (0, 0, ())


def test_an_empty_group_means_nobody():
    assert not quorum(needs(ghosts=1), person(BOB, "peers"), person(DORA, "")).met


def test_one_group_required_twice_needs_two_people():
    twice = (Requirement("peers", 1), Requirement("peers", 1))
    half = quorum(twice, person(BOB, "peers"))
    assert not half.met
    assert half.missing == needs(peers=1)
    assert quorum(twice, person(BOB, "peers"), person(DORA, "peers")).met


def test_an_absurd_count_is_not_met_and_costs_nothing():
    answer = quorum(needs(peers=10**12), person(BOB, "peers"))
    assert not answer.met
    assert answer.missing == needs(peers=10**12 - 1)


def stricter(pinned, current, *approvers):
    return stricter_quorum(
        pinned=pinned, current=current, approvers=iter(approvers), requester_id=ALICE
    )


def test_both_the_pinned_and_the_current_requirements_must_be_met():
    bob, dora = person(BOB, "peers"), person(DORA, "seniors")
    assert not stricter(needs(peers=1), needs(seniors=1), bob).met
    assert not stricter(needs(peers=1), needs(seniors=1), dora).met
    assert stricter(needs(peers=1), needs(seniors=1), bob, dora).met


def test_the_unmet_requirements_are_the_ones_reported():
    bob = person(BOB, "peers")
    assert stricter(needs(peers=1), needs(seniors=2), bob).missing == needs(seniors=2)
    assert stricter(needs(seniors=2), needs(peers=1), bob).missing == needs(seniors=2)


def test_of_two_unmet_sets_the_one_that_misses_more_is_reported():
    assert stricter(needs(peers=1), needs(peers=2)).needed == 2
    assert stricter(needs(peers=2), needs(peers=1)).needed == 2
    assert stricter(needs(a=1), needs(b=1)).missing == needs(a=1)
    bob = person(BOB, "peers")
    assert stricter(needs(peers=3), needs(b=3), bob).missing == needs(b=3)
    assert stricter(needs(b=3), needs(peers=3), bob).missing == needs(b=3)


def test_when_both_are_met_the_pinned_assignment_is_kept():
    both = person(BOB, "a", "b")
    assert stricter(needs(a=1), needs(b=1), both).slots == ((BOB, "a"),)


@pytest.mark.parametrize("empty_side", ["pinned", "current"])
def test_an_emptied_policy_never_lets_a_request_through(empty_side):
    sets = {"pinned": needs(peers=1), "current": needs(peers=1), empty_side: ()}
    assert not stricter(sets["pinned"], sets["current"], person(BOB, "peers")).met


def test_two_accounts_of_one_person_are_united_with_all_their_groups():
    people = united(
        people=[
            Person(id=1, groups=frozenset({"peers"}), human=True, active=False),
            Person(id=2, groups=frozenset({"peers"}), human=True, active=True),
            Person(id=1, groups=frozenset({"seniors"}), human=True, active=True),
        ]
    )

    assert [(p.id, sorted(p.groups), p.active) for p in people] == [
        (1, ["peers", "seniors"], True),
        (2, ["peers"], True),
    ]


@pytest.mark.parametrize(
    ("remind", "is_answered", "minute"),
    [(5, False, 5), (5, True, None), (29, False, 29), (30, False, None)],
)
def test_everybody_is_told_again_unless_somebody_answered_or_it_lapses_before(
    remind, is_answered, minute
):
    opened_at = datetime(2026, 11, 25, 2, tzinfo=UTC)

    found = escalates_at(
        opened_at=opened_at,
        remind_after=timedelta(minutes=remind),
        lapses_at=opened_at + timedelta(minutes=30),
        is_answered=is_answered,
    )

    assert found == (minute and opened_at + timedelta(minutes=minute))
