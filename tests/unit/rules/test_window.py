"""How long a grant lasts, and who may set it."""

from datetime import timedelta

import pytest

from breakglass.errors import InvalidInput, PolicyViolation
from breakglass.rules import window as rule
from tests.unit.rules.make import HOUR, MINUTE, NOON, window

TICK = timedelta(microseconds=1)


def test_a_window_includes_its_start_and_excludes_its_end():
    hour = window()
    assert hour.covers(NOON)
    assert hour.covers(NOON + HOUR - TICK)
    assert not hour.covers(NOON - TICK)
    assert not hour.covers(NOON + HOUR)


def test_a_window_opens_now_and_lasts_as_long_as_granted():
    opened = rule.open_window(now=NOON, ttl=HOUR, cap=4 * HOUR)
    assert (opened.starts_at, opened.expires_at) == (NOON, NOON + HOUR)


def test_a_window_is_cut_to_the_cap():
    opened = rule.open_window(now=NOON, ttl=4 * HOUR, cap=HOUR)
    assert opened.expires_at == NOON + HOUR


@pytest.mark.parametrize(
    ("ttl", "cap"),
    [
        (HOUR, timedelta(0)),
        (timedelta(0), HOUR),
        (-HOUR, HOUR),
        (MINUTE - TICK, HOUR),
        (HOUR, MINUTE - TICK),
    ],
)
def test_a_window_shorter_than_a_minute_is_not_opened(ttl, cap):
    with pytest.raises(PolicyViolation, match="nothing to grant"):
        rule.open_window(now=NOON, ttl=ttl, cap=cap)


def test_a_window_of_one_minute_is_opened():
    assert rule.open_window(now=NOON, ttl=MINUTE, cap=HOUR)


CHOICES = (15 * MINUTE, HOUR, 4 * HOUR)


@pytest.mark.parametrize("ttl", CHOICES)
def test_each_offered_time_may_be_chosen(ttl):
    assert rule.check_ttl(ttl=ttl, choices=CHOICES) == ttl


@pytest.mark.parametrize(
    "ttl", [timedelta(0), -HOUR, 30 * MINUTE, HOUR + TICK, timedelta(days=900)]
)
def test_a_time_that_is_not_offered_is_refused_with_the_choices(ttl):
    with pytest.raises(InvalidInput, match="15 minutes, 1 hour or 4 hours") as refused:
        rule.check_ttl(ttl=ttl, choices=CHOICES, field="length")
    assert refused.value.field == "length"


def test_a_single_choice_is_listed_alone():
    with pytest.raises(InvalidInput, match=r"offered: 1 hour$") as refused:
        rule.check_ttl(ttl=MINUTE, choices=[HOUR])
    assert refused.value.field == "ttl"


def test_a_tier_that_offers_nothing_grants_no_time():
    with pytest.raises(InvalidInput, match="offers no times"):
        rule.check_ttl(ttl=HOUR, choices=())


@pytest.mark.parametrize("ttl", [MINUTE, 59 * MINUTE, HOUR])
def test_an_approver_may_set_any_whole_minutes_up_to_the_proposal(ttl):
    assert rule.check_set_ttl(ttl=ttl, proposed=HOUR) == ttl


@pytest.mark.parametrize(
    ("ttl", "why"),
    [
        (HOUR + MINUTE, "the request asks for 1 hour: you may shorten"),
        (HOUR + TICK, "you may shorten"),
        (timedelta(0), "at least 1 minute"),
        (-HOUR, "at least 1 minute"),
        (MINUTE - TICK, "at least 1 minute"),
        (MINUTE + timedelta(seconds=30), "whole minutes"),
        (2 * MINUTE + TICK, "whole minutes"),
    ],
)
def test_an_approver_cannot_extend_or_split_minutes(ttl, why):
    with pytest.raises(InvalidInput, match=why) as refused:
        rule.check_set_ttl(ttl=ttl, proposed=HOUR)
    assert refused.value.field == "ttl"


def test_the_shortest_of_proposal_approvals_and_caps_is_granted():
    def granted(approved=(), caps=()):
        return rule.granted_ttl(proposed=HOUR, set_by_approvers=approved, caps=caps)

    assert granted() == HOUR
    assert granted(approved=[30 * MINUTE, HOUR]) == 30 * MINUTE
    assert granted(approved=[30 * MINUTE], caps=[20 * MINUTE, HOUR]) == 20 * MINUTE
    assert granted(approved=[4 * HOUR], caps=[4 * HOUR]) == HOUR


@pytest.mark.parametrize(
    ("ttl", "words"),
    [
        (MINUTE, "1 minute"),
        (15 * MINUTE, "15 minutes"),
        (HOUR, "1 hour"),
        (4 * HOUR, "4 hours"),
        (90 * MINUTE, "1 hour 30 minutes"),
        (24 * HOUR, "24 hours"),
        (timedelta(seconds=61), "1 minute 1 second"),
        (timedelta(seconds=59.9), "59 seconds"),
        (timedelta(0), "0 minutes"),
        (-HOUR, "0 minutes"),
    ],
)
def test_a_length_reads_as_people_say_it(ttl, words):
    assert rule.in_words(ttl) == words


def test_the_limits_are_one_minute_and_four_hours():
    assert rule.MINIMUM_TTL == MINUTE
    assert rule.MAXIMUM_TTL == 4 * HOUR
