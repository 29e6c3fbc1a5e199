"""Beat runs every sweep there is, each is a task, and none minds running twice."""

import pytest
from django.conf import settings

from breakglass import clock, tasks
from breakglass.actors import OPERATOR
from breakglass.models import (
    AuditEntry,
    Checkpoint,
    Export,
    LogStanding,
    OutboxMessage,
    TokenIssuer,
    User,
    Webhook,
    WebhookDelivery,
)
from breakglass.rules.gate_health import Thresholds
from breakglass.services import sweeps
from breakglass.services.approving import signatures
from breakglass.services.gates import health, registry
from breakglass.services.hooks import addresses, sending
from breakglass.services.logs import checks, exports, sealing
from breakglass.services.provenance import giving
from breakglass.services.telling import expansion
from portal.celery import app
from tests import database, factories, fallback
from tests.flows.services import steps

SCHEDULE = settings.CELERY_BEAT_SCHEDULE


@pytest.mark.parametrize("name", SCHEDULE)
def test_every_beat_entry_names_a_task_that_exists(name):
    task = SCHEDULE[name]["task"]

    assert app.tasks[task].name == f"breakglass.tasks.{name}"


def test_every_sweep_is_scheduled_and_every_task_is_a_sweep():
    named = {n for n in vars(tasks) if hasattr(getattr(tasks, n), "apply_async")}

    assert set(SCHEDULE) == set(sweeps.SWEEPS) == named


@pytest.mark.parametrize("name", SCHEDULE)
def test_a_backlog_does_not_pile_up(name):
    entry = SCHEDULE[name]

    assert 1 <= entry["schedule"].total_seconds() <= entry["options"]["expires"]


@pytest.mark.parametrize("name", SCHEDULE)
def test_a_task_survives_its_worker_and_keeps_no_result(name):
    task = app.tasks[f"breakglass.tasks.{name}"]

    assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (
        True,
        True,
        True,
    )
    assert app.conf.task_time_limit > app.conf.task_soft_time_limit > 0


@pytest.fixture
def busy(acme, people, gate, settings, tmp_path, monkeypatch):
    """Something due for every sweep."""
    settings.CHECKPOINT_DIR = str(tmp_path)
    settings.EXPORT_DIR = str(tmp_path / "exports")
    settings.DEPLOY_REPORT_DEADLINE = steps.QUARTER / 3
    monkeypatch.setattr(
        signatures, "fulfil", lambda *, intent, **_: steps.sign_here(intent)
    )
    steps.grant(acme, people, gate)
    steps.ask(gate, "in-flight", artifact=steps.DIGEST)
    giving.give(gate=gate, deploy_id="in-flight", bundle=b"{}")
    steps.grant(acme, people, gate, service="payments", ttl=steps.QUARTER * 16)
    steps.ask(gate, "lost", service="payments")
    waiting = factories.request(acme, people.oncall, gate, impact="high")
    steps.commit(factories.intend(waiting, people.approver1), people.approver1)
    factories.request(acme, people.oncall, gate)
    exports.ask(
        tenant=acme, person=people.auditor, scope=exports.WHOLE_LOG, reason="Audit."
    )
    fallback.seal(settings, tmp_path)
    fallback.allow(acme, "low")
    fallback.grant(acme, people, gate, service="ledger")
    seal(acme)
    damage(acme, tmp_path)
    one_is_enough = Thresholds(unused=1)
    health.set_terms(tenant=acme, thresholds=one_is_enough, actor=OPERATOR)
    factories.machine(gate)
    settings.CHECKPOINT_WEBHOOK_URL = "ftp://nowhere.example/"
    registry.heartbeat(gate=gate, config_digest="")
    database.advance(3000)
    return acme


def seal(acme):
    """A checkpoint, signed here, for whoever publishes it."""
    sealing.seal_due()
    checkpoint = Checkpoint.objects.get(tenant=acme)
    steps.sign_here(checkpoint.statement)
    sealing.seal_due()
    factories.gate(acme, "behind-the-seal")


def damage(acme, folder):
    """A file that ends with garbage, and a head that was never verified."""
    with (folder / "acme.jsonl").open("a") as lines:
        lines.write("garbage\n")
    LogStanding.objects.create(
        tenant=acme,
        verified_size=1,
        verified_hash=bytes(32),
        verified_at=clock.db_now(),
    )


def never_taken(tenant):
    """An event of an opening that nobody took for as long as it is tried."""
    words = {"url": "https://nowhere.example/", "is_active": True, "actor": OPERATOR}
    addresses.store(tenant=tenant, gate=None, name="nowhere", **words)
    Webhook.objects.update(created_at=tenant.created_at)
    while expansion.expand_due():
        pass
    assert WebhookDelivery.objects.exists()
    database.advance(sending.GIVE_UP_AFTER.total_seconds())


def traces():
    return (
        AuditEntry.objects.count(),
        OutboxMessage.objects.count(),
        LogStanding.objects.filter(full_verified_at__isnull=False).count(),
        Checkpoint.objects.exclude(send_error="").count(),
        Export.objects.filter(state="ready").count(),
        TokenIssuer.objects.exclude(trouble="").count(),
    )


# What it changes is a file, not a row: tests/flows/instances holds it.
WITHOUT_ROWS = {"refresh_trust"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(set(SCHEDULE) - WITHOUT_ROWS))
def test_a_task_run_twice_does_its_work_once(busy, name):
    task = app.tasks[f"breakglass.tasks.{name}"]
    if name == "lapse_requests":
        database.advance(7200)
    if name == "countersign_grants":
        database.advance(24 * 3600)
    if name in {"remind_overdue", "summarize_gates"}:
        database.advance(30 * 24 * 3600)
    if name == "check_asked_logs":
        checks.ask(tenant=busy, person=User.objects.get(email__startswith="auditor"))
    if name == "send_webhooks":
        never_taken(busy)
    before = traces()
    assert task() is None
    once = traces()
    task()

    assert traces() == once
    assert once != before, "there was nothing to do: this proves nothing"
