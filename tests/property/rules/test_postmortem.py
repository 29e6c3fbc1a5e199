"""Deadlines counted day by day, and templates filled in one pass."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from breakglass.rules.postmortem import (
    business_days_between,
    due_at,
    missing,
    prefill,
)
from breakglass.rules.postmortem_body import Edit, base_of, merge, split
from breakglass.rules.postmortem_timeline import Line, read, write

MOMENTS = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(opened=MOMENTS, days=st.integers(1, 60))
def test_the_deadline_is_the_same_as_counting_on_a_calendar(opened, days):
    day, left = opened, days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    assert due_at(opened_at=opened, business_days=days) == day


@given(opened=MOMENTS, days=st.integers(-5, 60))
def test_one_more_day_is_never_due_earlier(opened, days):
    due = due_at(opened_at=opened, business_days=days)
    assert opened <= due <= due_at(opened_at=opened, business_days=days + 1)


@given(
    template=st.text(alphabet="${}ab_ \n", max_size=30),
    value=st.text(alphabet="${}ab", max_size=10),
)
def test_filling_in_names_nobody_used_changes_nothing(template, value):
    assert prefill(template=template, values={"zz": value}) == template
    filled = prefill(template="<${a}>", values={"a": value, "b": "never"})
    assert filled == f"<{value}>"


@given(body=st.text(alphabet="#_` -~ab\n", max_size=80))
def test_any_text_at_all_can_be_read(body):
    parts = missing(
        body=body,
        action_items=[],
        no_action_reason="",
        required_headings=["a"],
        gate_blamed="no",
    )
    assert 1 <= len(parts) <= 2


@given(opened=MOMENTS, days=st.integers(1, 60))
def test_counting_days_back_gives_the_days_of_the_deadline(opened, days):
    due = due_at(opened_at=opened, business_days=days)

    assert business_days_between(start=opened, end=due) == days
    assert business_days_between(start=opened, end=due - timedelta(seconds=1)) < days


BODIES = st.text(alphabet="#`~ ab|\n", max_size=120)


@given(body=BODIES)
def test_the_sections_of_any_text_are_that_text_again(body):
    sections = split(body)

    assert "".join(part.head + part.text for part in sections) == body
    assert len({part.key for part in sections}) == len(sections)


@given(body=BODIES)
def test_saving_what_was_shown_changes_no_byte(body):
    edits = [
        Edit(part.key, part.heading, base_of(section=part, hidden=()), part.shown)
        for part in split(body)
    ]
    merged = merge(body=body, hidden=(), edits=edits, signed=())

    assert (merged.body, merged.clashes) == (body, ())


@given(body=BODIES, mine=BODIES)
def test_what_stands_in_other_sections_never_moves(body, mine):
    sections = split(body)
    first = sections[-1]
    base = base_of(section=first, hidden=())
    edit = Edit(first.key, first.heading, base, mine)
    merged = merge(body=body, hidden=(), edits=[edit], signed=())

    before = "".join(part.head + part.text for part in sections[:-1])
    assert merged.body.startswith(before)
    assert merged.clashes == ()


CELLS = st.text(alphabet="ab| \\", max_size=10).map(lambda text: " ".join(text.split()))


@given(rows=st.lists(st.tuples(CELLS, st.integers(0, 9)), max_size=5))
def test_a_timeline_is_read_as_it_was_written(rows):
    lines = [Line(f"2026-11-25 02:00:0{n} UTC", what, n) for what, n in rows]
    once = write(lines=lines, note="below")

    again, note = read(once)
    assert write(lines=again, note=note) == once
    assert sorted(read(once)[0], key=repr) == sorted(lines, key=repr)
