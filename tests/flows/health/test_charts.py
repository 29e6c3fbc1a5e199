"""The charts' numbers, worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from breakglass import clock
from breakglass.queries import charts
from breakglass.queries.charts import Medians
from breakglass.services import grants
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
WEEK = 7 * 24 * 3600
# So that no test's bypass is cut by the end of a week.
TUESDAY_NOON = timedelta(days=1, hours=12)


@pytest.fixture
def tuesday(advance):
    """Noon of the next Tuesday, in UTC."""
    now = clock.db_now()
    start = charts.monday(now) + timedelta(weeks=1) + TUESDAY_NOON
    advance((start - now).total_seconds())


def history(tenant, weeks=4):
    return charts.history(tenant=tenant, weeks=weeks, now=clock.db_now())


def bypass(acme, people, gate, advance, *, waits=0, lasts=None, **fields):
    """Asked, granted after `waits` seconds, and closed after `lasts` or by itself."""
    asked = factories.request(acme, people.oncall, gate, **fields)
    advance(waits)
    steps.approve(asked, people.peer)
    if lasts is not None:
        advance(lasts)
        grants.revoke(
            tenant=acme, bypass_id=asked.bypass_id, person=people.oncall, reason="Done."
        )


@pytest.mark.parametrize(
    ("moment", "start"),
    [
        (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
        (
            datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC),
            datetime(2026, 11, 23, tzinfo=UTC),
        ),
    ],
)
def test_a_week_starts_on_monday_in_utc(moment, start):
    assert charts.monday(moment) == start


def test_without_a_past_there_is_nothing(acme, gate):
    found = history(acme)
    assert (found.total, found.before, found.tiers, found.gates) == (0, 0, {}, [])
    assert found.medians == [Medians(None, None)] * 4


def test_weeks_tiers_gates_and_medians(
    acme, people, gate, database_gate, advance, tuesday
):
    one = (acme, people, gate, advance)
    bypass(*one, waits=60, lasts=300)
    bypass(*one, waits=120, lasts=600)
    bypass(*one, waits=300)  # ends by itself after 15 minutes, which no sweep saw
    advance(WEEK)
    high = factories.request(acme, people.oncall, gate, impact="high")
    for person in (people.approver1, people.approver2):
        steps.approve(high, person)
    low = factories.request(acme, people.oncall, database_gate, service="search")
    steps.approve(low, people.senior)
    steps.approve(low, people.approver1)
    found = history(acme)

    assert found.total == 5
    assert found.tiers == {
        "Production database": [0, 0, 0, 1],
        "High impact": [0, 0, 0, 1],
        "Low impact": [0, 0, 3, 0],
    }
    assert list(found.tiers) == ["Production database", "High impact", "Low impact"]
    assert found.gates == [("prod-deploy", 4), ("db-migrate", 1)]
    third, fourth = found.medians[2:]
    assert third.to_open == pytest.approx(120, abs=5)  # of 60, 120, 300
    assert third.open_for == pytest.approx(600, abs=5)  # of 300, 600, 900
    assert fourth.to_open == pytest.approx(0, abs=5)
    assert fourth.open_for is None  # both are in force
    assert found.overall.open_for == pytest.approx(600, abs=5)
    assert [week.isoweekday() for week in found.weeks] == [1, 1, 1, 1]


def test_before_is_as_long_a_time_and_ends_as_far_into_its_week(
    acme, people, gate, advance, tuesday
):
    bypass(acme, people, gate, advance)  # Tuesday of week 1: before
    advance(24 * 3600)
    bypass(acme, people, gate, advance)  # Wednesday of week 1: neither
    advance(3 * WEEK + 6 * 24 * 3600)  # Tuesday of week 5
    bypass(acme, people, gate, advance)
    found = history(acme, weeks=4)
    assert (found.total, found.before) == (1, 1)
    assert sum(found.tiers["Low impact"]) == 1


def test_another_tenant_sees_none_of_it(acme, people, gate, charlie, advance):
    bypass(acme, people, gate, advance)
    assert history(factories.tenant_of(charlie)).total == 0


def test_all_charts_take_one_query(acme, people, gate, advance):
    now = clock.db_now()
    for service in ("a", "b"):
        bypass(acme, people, gate, advance, service=service)
    with CaptureQueriesContext(connection) as queries:
        charts.history(tenant=acme, weeks=26, now=now)
    assert len(queries) == 1
