"""A grant is never longer than anybody said."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass.errors import InvalidInput, PolicyViolation
from breakglass.rules import window as rule
from breakglass.rules.stricter import stricter_terms
from tests.unit.rules.make import NOON, tier

TTLS = st.timedeltas(min_value=timedelta(hours=-1), max_value=timedelta(days=2))
MINUTES = st.integers(1, 240).map(lambda n: timedelta(minutes=n))
LIMITS = st.none() | st.integers(0, 5)
TIERS = st.builds(
    tier,
    ttl_choices=st.lists(MINUTES, max_size=3).map(tuple),
    max_deploys=LIMITS,
    max_active_per_service=LIMITS,
    digest_required=st.booleans(),
)


@given(proposed=TTLS, approved=st.lists(TTLS), caps=st.lists(TTLS))
def test_the_granted_time_is_the_shortest_of_all(proposed, approved, caps):
    granted = rule.granted_ttl(proposed=proposed, set_by_approvers=approved, caps=caps)
    everything = [proposed, *approved, *caps]
    assert granted in everything
    assert all(granted <= ttl for ttl in everything)


@given(ttl=TTLS, cap=TTLS, offset=TTLS)
def test_a_window_never_outlasts_its_time_or_its_cap(ttl, cap, offset):
    if min(ttl, cap) < rule.MINIMUM_TTL:
        with pytest.raises(PolicyViolation):
            rule.open_window(now=NOON, ttl=ttl, cap=cap)
        return
    opened = rule.open_window(now=NOON, ttl=ttl, cap=cap)
    assert opened.covers(NOON)
    inside = timedelta(0) <= offset < min(ttl, cap)
    assert opened.covers(NOON + offset) is inside


@given(ttl=TTLS, proposed=MINUTES)
def test_what_an_approver_sets_is_whole_minutes_within_the_proposal(ttl, proposed):
    try:
        accepted = rule.check_set_ttl(ttl=ttl, proposed=proposed)
    except InvalidInput:
        whole = not ttl % timedelta(minutes=1)
        assert not (whole and rule.MINIMUM_TTL <= ttl <= proposed)
    else:
        assert accepted == ttl
        assert rule.MINIMUM_TTL <= ttl <= proposed
        assert not ttl.seconds % 60
        assert not ttl.microseconds


@given(ttl=TTLS, choices=st.lists(MINUTES, max_size=4))
def test_only_an_offered_time_is_accepted(ttl, choices):
    try:
        assert rule.check_ttl(ttl=ttl, choices=choices) in choices
    except InvalidInput:
        assert ttl not in choices


@given(pinned=TIERS, current=TIERS)
def test_stricter_terms_satisfy_both_tiers_in_either_order(pinned, current):
    terms = stricter_terms(pinned=pinned, current=current)
    assert terms == stricter_terms(pinned=current, current=pinned)
    for one in (pinned, current):
        assert terms.ttl_cap <= max(one.ttl_choices, default=timedelta(0))
        assert terms.digest_required >= one.digest_required
        for axis in ("max_deploys", "max_active_per_service"):
            limit = getattr(one, axis)
            assert limit is None or getattr(terms, axis) <= limit
