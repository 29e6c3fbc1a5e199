"""Who may ask, decide and close, and what the page tells everybody else."""

import pytest

from breakglass.rules.eligibility import may_close, may_decide, may_request
from tests.unit.rules.make import ALICE, BOB, needs, person

FINE = {
    "active": True,
    "member": True,
    "may_ask_gate": True,
    "gate_active": True,
    "open_requests": 0,
    "open_limit": 5,
}


def test_a_member_with_room_may_ask():
    answer = may_request(**FINE)
    assert answer.allowed
    assert answer.reasons == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"active": False}, "deactivated"),
        ({"member": False}, "not a member"),
        ({"may_ask_gate": False}, "may not ask for this gate"),
        ({"gate_active": False}, "not in use"),
        ({"open_requests": 5}, "You have 5 open requests and the limit is 5"),
        ({"open_requests": 6}, "the limit is 5"),
    ],
)
def test_each_obstacle_to_asking_is_named(change, words):
    answer = may_request(**{**FINE, **change})
    assert not answer.allowed
    assert len(answer.reasons) == 1
    assert words in answer.reasons[0]


def test_the_last_free_place_may_be_used():
    assert may_request(**{**FINE, "open_requests": 4}).allowed


def test_all_obstacles_are_named_at_once():
    answer = may_request(
        active=False,
        member=False,
        may_ask_gate=False,
        gate_active=False,
        open_requests=1,
        open_limit=1,
    )
    assert len(answer.reasons) == 5


@pytest.mark.parametrize(
    "right", ["is_requester", "is_eligible_approver", "holds_close_right"]
)
def test_requester_approver_and_security_may_each_close(right):
    rights = ("is_requester", "is_eligible_approver", "holds_close_right")
    assert may_close(**{**dict.fromkeys(rights, False), right: True}).allowed


def test_nobody_else_may_close():
    answer = may_close(
        is_requester=False, is_eligible_approver=False, holds_close_right=False
    )
    assert not answer.allowed
    assert "may end this early" in answer.reasons[0]


PEERS = needs(peers=1)


def decide(who, *, pinned=PEERS, current=PEERS, approved=False):
    return may_decide(
        person=who,
        requester_id=ALICE,
        requirements_pinned=pinned,
        requirements_current=current,
        already_approved=approved,
    )


def test_a_member_of_a_required_group_may_decide():
    answer = decide(person(BOB, "peers"))
    assert answer.allowed
    assert answer.reasons == ()


def test_the_requester_is_told_only_that_someone_else_must_approve():
    for alice in (person(ALICE, "peers"), person(ALICE), person(ALICE, active=False)):
        answer = decide(alice)
        assert not answer.allowed
        assert answer.reasons == (
            "You asked for this bypass, so someone else must approve it.",
        )


def test_a_stranger_is_told_which_groups_may_approve():
    answer = decide(person(BOB, "c"), pinned=needs(a=1), current=needs(b=1, a=2))
    assert not answer.allowed
    assert answer.reasons == (
        "You are not in one of the groups that may approve this: a or b.",
    )


def test_a_group_of_either_policy_is_enough_to_decide():
    assert decide(person(BOB, "a"), pinned=needs(a=1), current=needs(b=1)).allowed
    assert decide(person(BOB, "b"), pinned=needs(a=1), current=needs(b=1)).allowed


def test_a_machine_may_not_decide():
    answer = decide(person(BOB, "peers", human=False))
    assert not answer.allowed
    assert "never approve" in answer.reasons[0]


def test_a_deactivated_person_may_not_decide():
    answer = decide(person(BOB, "peers", active=False))
    assert not answer.allowed
    assert "deactivated" in answer.reasons[0]


def test_whoever_approved_may_not_decide_again():
    answer = decide(person(BOB, "peers"), approved=True)
    assert answer.reasons == ("You already approved.",)
    assert not answer.allowed


def test_without_any_requirement_nobody_may_decide():
    answer = decide(person(BOB, "peers"), pinned=(), current=())
    assert not answer.allowed
    assert "nobody may approve" in answer.reasons[0]
