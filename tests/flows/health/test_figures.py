"""The figures of the gate health report, each worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from breakglass import clock
from breakglass.models import GateDay, PostMortem
from breakglass.queries.gates import health
from breakglass.rules.gate_health import Figures, Repeat
from breakglass.services import grants
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=30)


def figures(tenant, *, back=MONTH, **fields):
    now = clock.db_now()
    return health.figures_of(tenant=tenant, since=now - back, until=now, **fields)


def blame(grant, answer, *, state="published"):
    """As if its writer had answered so; publishing is another test's matter."""
    now = clock.db_now()
    PostMortem.objects.filter(pk=grant.postmortem_id).update(
        gate_blamed=answer,
        state=state,
        opened_at=now,
        published_at=now if state == "published" else None,
    )


def close(grant, person):
    grants.revoke(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=person,
        reason="Done.",
    )


def test_a_gate_without_a_past_has_no_figures(acme, gate):
    assert figures(acme) == {}


def test_bypasses_deploys_repeats_and_blame_are_counted_per_gate(
    acme, people, gate, database_gate
):
    used = steps.grant(acme, people, gate, branch="main")
    steps.ask(gate, "one", branch="main")
    steps.ask(gate, "two", branch="main")
    close(used, people.oncall)
    unused = steps.grant(acme, people, gate, branch="main")
    close(unused, people.oncall)
    steps.grant(acme, people, gate, service="search")  # in force: not unused yet
    other = steps.grant(acme, people, gate, service="payments")
    close(other, people.oncall)
    blame(used, "yes")
    blame(unused, "no")
    blame(other, "partly", state="open")  # a draft's answer may change
    today = clock.db_now().astimezone(UTC).date()
    GateDay.objects.create(tenant=acme, gate=gate, day=today, enforced=7)
    GateDay.objects.create(tenant=acme, gate=database_gate, day=today, enforced=4)

    assert figures(acme) == {
        gate.pk: Figures(
            bypasses=4,
            closed=3,
            unused=2,
            admitted=2,
            enforced=7,
            blamed=1,
            partly=0,
            cleared=1,
            repeats=[Repeat("checkout", "main", 2)],
        ),
        database_gate.pk: Figures(enforced=4),
    }
    assert set(figures(acme, gates=[database_gate])) == {database_gate.pk}


def test_two_branches_of_one_service_repeat_without_a_branch(acme, people, gate):
    steps.grant(acme, people, gate, branch="a")
    steps.grant(acme, people, gate, branch="b")
    assert figures(acme)[gate.pk].repeats == [Repeat("checkout", "", 2)]


def test_a_window_that_is_over_counts_as_closed_before_any_sweep(
    acme, people, gate, advance
):
    steps.grant(acme, people, gate)
    assert figures(acme)[gate.pk].unused == 0
    advance(15 * steps.MINUTE)
    assert figures(acme)[gate.pk].unused == 1


def test_what_came_before_the_span_is_not_counted(acme, people, gate, advance):
    steps.grant(acme, people, gate)
    steps.ask(gate, "one")
    advance(2 * 24 * 3600)
    assert figures(acme, back=timedelta(days=1)) == {}
    assert figures(acme, back=timedelta(days=3))[gate.pk].bypasses == 1


def test_a_month_ends_before_the_first_day_of_the_next(acme, gate):
    for day, enforced in ((date(2026, 10, 1), 1), (date(2026, 11, 1), 2)):
        GateDay.objects.create(tenant=acme, gate=gate, day=day, enforced=enforced)
    seen = health.figures_of(
        tenant=acme,
        since=datetime(2026, 10, 1, tzinfo=UTC),
        until=datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert seen[gate.pk].enforced == 1


def test_another_tenants_gates_are_in_no_figure(acme, people, gate, charlie):
    globex = factories.tenant_of(charlie)
    factories.gate(globex, "prod-deploy")
    steps.grant(acme, people, gate)
    assert figures(globex) == {}


def test_the_figures_take_as_many_queries_for_many_rows_as_for_one(
    acme, people, gate, database_gate
):
    steps.grant(acme, people, gate)
    with CaptureQueriesContext(
        connection,
    ) as one:
        figures(acme)
    for service in ("a", "b", "c"):
        close(steps.grant(acme, people, gate, service=service), people.oncall)
        steps.ask(gate, f"deploy-{service}")
    GateDay.objects.create(
        tenant=acme, gate=database_gate, day=clock.db_now().date(), enforced=1
    )
    with CaptureQueriesContext(connection) as many:
        figures(acme)
    assert len(one) == len(many) == 5  # the clock, and four aggregates
