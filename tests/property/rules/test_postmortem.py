"""Deadlines counted day by day, and templates filled in one pass."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from breakglass.rules.postmortem import due_at, missing_parts, prefill

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
    parts = missing_parts(
        body=body, action_items=[], no_action_reason="", required_headings=["a"]
    )
    assert 1 <= len(parts) <= 2
