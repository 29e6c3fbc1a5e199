"""A cut network never makes approval easier: whatever passes there passes here."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from breakglass.rules.approval import stricter_quorum
from breakglass.rules.outage import offline_terms, stricter_offline_quorum
from breakglass.rules.stricter import Terms
from tests.property.rules.test_approval import PEOPLE, REQUESTER, REQUIREMENTS

ASSERTED = st.frozensets(st.integers(1, 6))
LENGTHS = st.integers(60, 86_400).map(lambda seconds: timedelta(seconds=seconds))
LIMITS = st.none() | st.integers(1, 5)
TERMS = st.builds(
    Terms,
    ttl_cap=LENGTHS,
    max_deploys=LIMITS,
    digest_required=st.booleans(),
    max_active_per_service=LIMITS,
    passkey_required=st.booleans(),
    offline_quorum=st.booleans(),
)


def offline(pinned, current, people, asserted):
    return stricter_offline_quorum(
        pinned=pinned,
        current=current,
        approvers=people,
        asserted=asserted,
        requester_id=REQUESTER,
    )


def online(pinned, current, people):
    return stricter_quorum(
        pinned=pinned, current=current, approvers=people, requester_id=REQUESTER
    )


@given(pinned=REQUIREMENTS, current=REQUIREMENTS, people=PEOPLE, asserted=ASSERTED)
def test_what_passes_without_the_network_passes_with_it(
    pinned, current, people, asserted
):
    if offline(pinned, current, people, asserted).met:
        assert online(pinned, current, people).met


@given(pinned=REQUIREMENTS, current=REQUIREMENTS, people=PEOPLE, asserted=ASSERTED)
def test_one_approver_fewer_than_passes_offline_still_passes_online(
    pinned, current, people, asserted
):
    """The further approver is a real one: somebody can be spared."""
    if offline(pinned, current, people, asserted).met:
        assert any(
            online(pinned, pinned, [p for p in people if p != spared]).met
            for spared in people
        )


@given(requirements=REQUIREMENTS, people=PEOPLE, asserted=ASSERTED)
def test_it_takes_more_people_than_the_tier_asks_and_a_passkey_of_each(
    requirements, people, asserted
):
    reached = offline(requirements, requirements, people, asserted)

    useful = {
        person.id
        for person in people
        if person.human and person.active and person.id != REQUESTER
    }
    if reached.met:
        assert len(useful) > sum(need.count for need in requirements)
        assert {person.id for person in people} <= asserted
    assert reached.filled + reached.further + sum(
        need.count for need in reached.missing
    ) == (reached.needed)


@given(pinned=REQUIREMENTS, people=PEOPLE, asserted=ASSERTED)
def test_nobodys_passkey_but_an_approvers_helps(pinned, people, asserted):
    mine = {person.id for person in people}

    assert offline(pinned, pinned, people, asserted) == offline(
        pinned, pinned, people, asserted & mine
    )


@given(terms=TERMS)
def test_the_terms_are_never_looser(terms):
    found = offline_terms(terms=terms)

    assert found.ttl_cap <= min(terms.ttl_cap, timedelta(minutes=60))
    assert found.max_active_per_service == 1
    assert found.passkey_required
    assert (found.max_deploys, found.digest_required) == (
        terms.max_deploys,
        terms.digest_required,
    )
