"""When the write-up is due, what it still lacks, and how it is pre-filled."""

from datetime import datetime, timedelta, timezone

import pytest

from breakglass.rules.postmortem import (
    ActionItemView,
    business_days_between,
    due_at,
    in_words,
    is_soon,
    prefill,
    reminders_due,
)
from breakglass.rules.postmortem import missing as missing_of
from tests.unit.rules.make import NOON

DAY = timedelta(days=1)  # NOON is a Friday


@pytest.mark.parametrize(
    ("opened", "days", "later"),
    [
        (NOON, 1, 3),
        (NOON, 2, 4),
        (NOON, 5, 7),
        (NOON, 6, 10),
        (NOON + DAY, 1, 2),  # Saturday, so Monday
        (NOON + 2 * DAY, 1, 1),  # Sunday, so Monday
        (NOON + 2 * DAY, 5, 5),
        (NOON + 3 * DAY, 1, 1),
        (NOON + 3 * DAY, 4, 4),
        (NOON + 3 * DAY, 5, 7),
        (NOON, 0, 0),
        (NOON + DAY, 0, 0),
        (NOON, -3, 0),
    ],
)
def test_weekends_do_not_count_towards_the_deadline(opened, days, later):
    assert due_at(opened_at=opened, business_days=days) == opened + later * DAY


def test_the_weekday_is_the_one_in_utc():
    tokyo = timezone(timedelta(hours=9))
    saturday_there = datetime(2026, 11, 21, 3, 0, tzinfo=tokyo)  # Friday 18:00 UTC
    due = due_at(opened_at=saturday_there, business_days=1)
    assert due == saturday_there + 3 * DAY
    assert due.utcoffset() == timedelta(0)


DONE = [ActionItemView(text="Add an alarm", done=False)]


def missing(body, items=DONE, reason="", headings=("Impact", "Root cause"), gate="no"):
    found = missing_of(
        body=body,
        action_items=items,
        no_action_reason=reason,
        required_headings=headings,
        gate_blamed=gate,
    )
    return tuple(in_words(part) for part in found)


GOOD = "## Impact\n\nTwo hours of errors.\n\n## Root cause\nA full disk.\n"


def test_a_complete_write_up_lacks_nothing():
    assert missing(GOOD) == ()
    assert missing(GOOD.replace("\n", "\r\n")) == ()


def test_a_missing_heading_is_named():
    assert missing("## Impact\nText") == ('Add the heading "## Root cause".',)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "   \n\n",
        "_What happened?_",
        "  _What happened?_  ",
        "- _first_\n- _second_\n1. _third_",
        "_What happened,\nand to whom?_",
        "---",
        "### Details",
        "### Details\n_More._",
        "## Impact",
        "# Another document\nText",
    ],
)
def test_a_heading_without_text_of_its_own_is_named(written):
    body = f"## Impact\n{written}\n\n## Root cause\nA full disk."
    assert missing(body) == ('Write something under "Impact".',)


@pytest.mark.parametrize(
    "written",
    [
        "Text",
        "_What happened?_\nTwo hours of errors.",
        "_What happened?_\n\nTwo hours of errors.",
        "_Two_ hours of _errors_",
        "__Two hours__",
        "### Details\nTwo hours.",
        "```\n## Root cause\n```",
        "- _Cause:_ disk",
    ],
)
def test_text_of_ones_own_is_enough(written):
    body = f"## Impact\n{written}\n\n## Root cause\nA full disk."
    assert missing(body) == ()


@pytest.mark.parametrize("fence", ["```", "~~~"])
def test_a_heading_inside_a_code_fence_is_no_heading(fence):
    body = f"## Impact\nx\n{fence}\n## Root cause\ntext\n{fence}\n"
    assert missing(body) == ('Add the heading "## Root cause".',)


def test_another_kind_of_fence_does_not_end_a_code_block():
    body = "## Impact\nx\n```\n~~~\n## Root cause\ntext\n```\n"
    assert missing(body) == ('Add the heading "## Root cause".',)


@pytest.mark.parametrize("level", ["#", "###", "##no space "])
def test_only_a_second_level_heading_counts(level):
    body = f"## Impact\nx\n{level} Root cause\nText"
    assert missing(body) == ('Add the heading "## Root cause".',)


def test_headings_compare_without_case_and_closing_hashes():
    assert missing("## IMPACT ##\nText", headings=["## Impact"]) == ()
    assert missing("## Why C#\nText", headings=["Why C#"]) == ()
    assert missing("## Why C#\nText", headings=["Why C"]) != ()


def test_a_heading_that_stands_twice_needs_text_once():
    body = "## Impact\n\n## Root cause\nDisk.\n\n## Impact\nText"
    assert missing(body) == ()


def test_an_action_item_or_a_reason_is_needed():
    words = ("Add at least one action item, or say why there is none.",)
    assert missing(GOOD, items=[]) == words
    assert missing(GOOD, items=[], reason="  ") == words
    assert missing(GOOD, items=[ActionItemView(text=" ", done=True)]) == words
    assert missing(GOOD, items=[], reason="A drill.") == ()


def test_everything_missing_is_named_at_once():
    assert len(missing("", items=[])) == 3


def test_known_names_are_filled_in():
    filled = prefill(
        template="${bypass_id} by ${who}", values={"bypass_id": "BG-1", "who": "Alice"}
    )
    assert filled == "BG-1 by Alice"


@pytest.mark.parametrize(
    "template", ["${unknown}", "$who", "$$", "$5", "${who", "${ who }", "${wh\u00f6}"]
)
def test_anything_else_with_a_dollar_stays(template):
    assert prefill(template=template, values={"who": "Alice"}) == template


def test_a_value_is_never_expanded_again():
    values = {"a": "${b} ${a} $$ \\1", "b": "secret"}
    assert prefill(template="${a}", values=values) == values["a"]


def test_somebody_has_to_say_whether_the_gate_was_at_fault():
    assert missing(GOOD, gate="") == ("Say whether the gate was at fault.",)
    assert missing(GOOD, gate="unknown") == ()


def test_a_template_without_required_headings_asks_for_none():
    assert missing("", headings=("",)) == ()


def test_a_missing_summary_is_asked_for_by_name():
    assert missing("## Summary\n", headings=("Summary",)) == ("Write a summary.",)


@pytest.mark.parametrize(
    ("after", "days"),
    [
        (timedelta(0), 0),
        (3 * DAY - timedelta(seconds=1), 0),  # from Friday noon to Monday noon
        (3 * DAY, 1),
        (4 * DAY, 2),
        (7 * DAY, 5),
        (-DAY, 0),
    ],
)
def test_days_between_are_counted_as_the_deadline_counts_them(after, days):
    assert business_days_between(start=NOON, end=NOON + after) == days


def test_the_day_before_is_told_unless_it_opened_within_it():
    due = NOON + 3 * DAY
    assert not is_soon(opens_at=NOON, due_at=due, now=due - DAY - timedelta(seconds=1))
    assert is_soon(opens_at=NOON, due_at=due, now=due - DAY)
    assert not is_soon(opens_at=NOON, due_at=due, now=due)
    assert not is_soon(opens_at=due - DAY, due_at=due, now=due - DAY)


def test_one_more_reminder_is_earned_each_whole_day():
    earned = [reminders_due(due_at=NOON, now=NOON + n * DAY / 2) for n in range(-2, 5)]
    assert earned == [0, 0, 0, 0, 1, 1, 2]
