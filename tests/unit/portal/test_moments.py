"""Lengths and moments, in English as ever and in another language by its own rules."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.utils import translation

from portal.templatetags import moments, portal, words

NOW = datetime(2026, 11, 25, 3, 42, 7, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (timedelta(seconds=1), "1 second"),
        (90 * MINUTE, "1 hour 30 minutes"),
        (DAY + HOUR + MINUTE, "1 day 1 hour"),
        (3600, "1 hour"),
        (-HOUR, "0 seconds"),
    ],
)
def test_a_length_is_said_in_its_two_largest_units(length, shown):
    assert moments.length(length) == shown


@pytest.mark.parametrize(
    ("ahead", "shown", "due"),
    [
        (timedelta(seconds=30), "in a moment", "in a moment"),
        (-timedelta(seconds=30), "just now", "just overdue"),
        (MINUTE, "in 1 minute", "in 1 minute"),
        (-3 * HOUR, "3 hours ago", "3 hours overdue"),
        (2 * DAY, "in 2 days", "in 2 days"),
    ],
)
def test_a_moment_is_said_from_now(ahead, shown, due):
    assert moments.relative(NOW + ahead, NOW) == shown
    assert moments.due(NOW + ahead, NOW) == due


@pytest.mark.parametrize(
    ("language", "today", "day", "year", "full"),
    [
        ("en", "03:42 UTC", "24 Nov, 03:42 UTC", "25 Nov 2025, 03:42 UTC",
         "25 Nov 2026, 03:42:07 UTC"),
        ("de", "03:42 UTC", "24. Nov., 03:42 UTC", "25. Nov. 2025, 03:42 UTC",
         "25. Nov. 2026, 03:42:07 UTC"),
    ],
)  # fmt: skip
def test_a_day_is_written_as_the_language_writes_it(language, today, day, year, full):
    with translation.override(language):
        assert moments.clock_time(NOW, NOW, seconds=False) == today
        assert moments.clock_time(NOW - DAY, NOW, seconds=False) == day
        assert moments.clock_time(NOW - 365 * DAY, NOW, seconds=False) == year
        assert moments.in_full(NOW) == full


def test_a_deadline_is_escaped_whatever_its_words_are():
    page = Template("{% load portal %}{% closes at '<b>{0} ends' %}")

    shown = page.render(Context({"at": NOW, "now": NOW}))

    assert "&lt;b&gt;{0} ends <time" in shown


def test_people_are_listed_as_the_language_lists_them():
    assert portal.names(["Ana", "Ben"], "and") == "Ana and Ben"
    assert portal.names(["Ana", "Ben", "Cem"]) == "Ana, Ben or Cem"
    assert portal.names(list("abcdefg")) == "a, b, c or 4 others"


def test_every_kind_of_deadline_has_a_place_for_its_time():
    assert words.closing("closes") == "closes {time}"
    assert words.closing("by") == "by {time}"
