"""The sweeps: findings where a threshold is passed, and a word once a month."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.errors import InvalidInput
from breakglass.models import (
    Finding,
    GateDay,
    HealthSummary,
    HealthTerms,
    LogStanding,
    Notification,
)
from breakglass.queries.gates.messages import owners_of
from breakglass.rules.gate_health import DEFAULTS, Thresholds
from breakglass.services.gates import findings, health
from breakglass.services.telling import delivery
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
DAY = 24 * 3600


@pytest.fixture
def repeated(acme, people, gate):
    """Three bypasses for one service: at the default threshold."""
    for _ in range(3):
        steps.grant(acme, people, gate)


def terms(tenant, **fields):
    values = {name: getattr(DEFAULTS, name) for name in DEFAULTS.__dataclass_fields__}
    wanted = Thresholds(**{**values, **fields})
    return health.set_terms(tenant=tenant, thresholds=wanted, actor=OPERATOR)


def close(finding, person):
    findings.close(
        tenant=finding.tenant,
        public_id=finding.public_id,
        person=person,
        reason="Split the service.",
    )


def test_a_figure_over_its_threshold_becomes_one_finding(acme, gate, repeated, advance):
    assert health.raise_due() == 1
    finding = Finding.objects.get()
    assert (finding.gate, finding.kind) == (gate, "scope_repeated")
    assert finding.facts == {
        "service": "checkout",
        "branch": "",
        "bypasses": 3,
        "services": 1,
        "threshold": 3,
        "days": 30,
    }
    advance(11 * 60)
    assert health.raise_due() == 0
    assert Finding.objects.count() == 1


def test_below_the_threshold_there_is_none(acme, repeated):
    terms(acme, scope_repeats=4)
    assert health.raise_due() == 0


def test_each_tenant_is_looked_at_every_few_minutes(acme, repeated, advance):
    terms(acme, scope_repeats=4)
    assert health.raise_due() == 0
    terms(acme)
    assert health.raise_due() == 0  # just looked
    advance(10 * 60 + 1)
    assert health.raise_due() == 1


def test_what_was_answered_counts_anew(acme, people, gate, repeated, advance):
    terms(acme, unused=0)
    health.raise_due()
    advance(1)
    close(Finding.objects.get(), people.admin)
    advance(11 * 60)
    assert health.raise_due() == 0  # nothing new since the answer
    for _ in range(3):
        steps.grant(acme, people, gate)
    advance(11 * 60)
    assert health.raise_due() == 1


def test_a_gate_that_is_switched_off_is_not_judged(acme, gate, repeated):
    gate.is_active = False
    gate.save(update_fields=["is_active"])
    assert health.raise_due() == 0


def test_a_read_only_log_is_left_alone(acme, gate, repeated):
    LogStanding.objects.create(
        tenant=acme, read_only_at=clock.db_now(), read_only_reason="Restored."
    )
    assert (health.raise_due(), health.summarize_due()) == (0, 0)


def test_the_owner_and_nobody_else_is_told(acme, people, gate, repeated):
    health.raise_due()
    delivery.drain()
    [told] = Notification.objects.filter(message__topic="finding.opened")
    assert told.recipient == people.admin
    finding = Finding.objects.get()
    assert told.subject == (
        "[acme] finding on prod-deploy: bypassed again and again for one service"
    )
    assert "Found: 3 bypasses for checkout in 30 days" in told.body
    assert told.path == f"/t/acme/findings/{finding.public_id}"


def test_a_finding_closed_meanwhile_is_not_told(acme, people, gate, repeated):
    health.raise_due()
    close(Finding.objects.get(), people.admin)
    delivery.drain()
    assert not Notification.objects.filter(message__topic="finding.opened").exists()


def test_whoever_gets_a_finding_is_told_unless_it_went_on(acme, people, gate, repeated):
    health.raise_due()
    public_id = Finding.objects.get().public_id
    for to in (people.peer, people.oncall):
        findings.hand_over(tenant=acme, public_id=public_id, person=people.admin, to=to)
    delivery.drain()
    [told] = Notification.objects.filter(message__topic="finding.handed_over")
    assert told.recipient == people.oncall
    assert "yours now" in told.subject


def test_an_owner_who_left_is_told_nothing_and_whoever_answers_now_is(
    acme, people, gate, repeated
):
    health.raise_due()
    public_id = Finding.objects.get().public_id
    findings.hand_over(
        tenant=acme, public_id=public_id, person=people.admin, to=people.auditor
    )
    factories.leave(acme, people.auditor, "auditors")
    assert owners_of(tenant=acme) == [people.admin]
    delivery.drain()
    rows = Notification.objects.filter(message__topic__startswith="finding.")
    assert [row.recipient for row in rows] == [people.admin]
    assert "auditor" not in rows[0].body.lower()


def test_thresholds_are_on_record_and_kept_in_bounds(acme):
    terms(acme, unused=7)
    assert steps.facts(acme, "health.terms_changed")["unused"] == 7
    assert HealthTerms.objects.get(tenant=acme).thresholds == Thresholds(unused=7)
    for wrong in (
        {"period_days": 0},
        {"period_days": 367},
        {"blamed_percent": 101},
        {"unused": -1},
    ):
        with pytest.raises(InvalidInput) as refused:
            terms(acme, **wrong)
        assert refused.value.field in wrong


# --- the month ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "month"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), date(2026, 10, 1)),
        (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), date(2026, 10, 1)),
        (datetime(2027, 1, 15, tzinfo=UTC), date(2026, 12, 1)),
    ],
)
def test_the_last_whole_month(now, month):
    assert health.last_month(now) == month


def test_a_new_tenant_has_no_last_month(acme, gate):
    assert health.summarize_due() == 0


def test_a_month_is_told_once_whenever_the_sweep_runs(acme, people, gate, advance):
    advance(40 * DAY)  # days were missed
    assert health.summarize_due() == 1
    assert health.summarize_due() == 0
    advance(31 * DAY)
    assert health.summarize_due() == 1
    months = list(HealthSummary.objects.values_list("month", flat=True))
    assert months == sorted(set(months), reverse=True)


def test_a_tenant_without_gates_is_told_nothing(acme, advance):
    advance(40 * DAY)
    assert health.summarize_due() == 0


def test_the_summary_says_what_the_month_came_to(acme, people, gate, repeated, advance):
    steps.ask(gate, "one")
    began = clock.db_now()
    GateDay.objects.create(tenant=acme, gate=gate, day=began.date(), enforced=19)
    to_next_month = timedelta(days=32) + began.replace(day=1) - began
    advance(to_next_month.total_seconds())
    health.summarize_due()
    delivery.drain()
    [told] = Notification.objects.filter(message__topic="health.summary")
    assert told.recipient == people.admin
    assert f"gates in {began:%B %Y}: 3 bypasses" in told.subject
    assert "bypasses: 3, per 100 deploys: 15.0" in told.body  # 3 of 20
    assert "services bypassed again and again: 1" in told.body
    assert "bypasses that nobody used: 2 of 3" in told.body
    assert told.path == "/t/acme/gates/health"
    assert any("gates in" in message.subject for message in mail.outbox)
