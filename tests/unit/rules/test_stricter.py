"""The stricter of the pinned and the current tier, on every axis."""

import pytest

from breakglass.rules.stricter import stricter_terms
from tests.unit.rules.make import HOUR, MINUTE, tier


def both_ways(one, other):
    answer = stricter_terms(pinned=one, current=other)
    assert answer == stricter_terms(pinned=other, current=one)
    return answer


def test_the_shorter_of_the_longest_times_is_the_cap():
    short = tier(ttl_choices=(HOUR, 15 * MINUTE))
    assert both_ways(short, tier()).ttl_cap == HOUR


def test_a_tier_that_offers_no_time_caps_at_nothing():
    assert both_ways(tier(ttl_choices=()), tier()).ttl_cap == 0 * HOUR


@pytest.mark.parametrize("axis", ["max_deploys", "max_active_per_service"])
def test_the_smaller_limit_wins_and_a_limit_beats_none(axis):
    def limit(one, other):
        return getattr(both_ways(tier(**{axis: one}), tier(**{axis: other})), axis)

    assert limit(1, 3) == 1
    assert limit(3, None) == 3
    assert limit(0, None) == 0
    assert limit(None, None) is None


def test_a_digest_is_required_when_either_tier_requires_it():
    asks = tier(digest_required=True)
    assert both_ways(asks, tier()).digest_required
    assert not both_ways(tier(), tier()).digest_required
