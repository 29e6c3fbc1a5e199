"""`manage.py drain`: the workers' job, with no worker and no broker."""

import pytest
from django.core import mail

from breakglass.models import BypassRequest, Checkpoint, Deploy, Grant, PostMortem
from breakglass.services import grants, sweeps
from breakglass.services.logs.verification import verify_tenant
from tests import database, factories
from tests.flows.commands.endings import run
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def alone(settings, tmp_path):
    """No broker answers, and checkpoints go to a folder of this test."""
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    settings.CHECKPOINT_DIR = str(tmp_path)


def test_it_does_everything_without_celery(
    capsys, acme, people, pending_request, high_request, gate, tmp_path
):
    factories.approve(pending_request, people.peer)
    steps.ask(gate, "in-flight")
    code, told, err = run(capsys, "drain")
    assert (code, err) == (0, "")
    assert {m.to[0] for m in mail.outbox} >= {people.oncall.email}
    assert "sign_statements: 2" in told or "sign_statements: 1" in told

    database.advance(2 * 3600)
    code, told, err = run(capsys, "drain")

    assert (code, err) == (0, "")
    assert BypassRequest.objects.get(pk=high_request.pk).state == "lapsed"
    assert Grant.objects.get().state == "expired"
    assert Grant.objects.get().snapped_back_at is not None
    assert Deploy.objects.get().state == "reverted"
    assert PostMortem.objects.get().state == "open"
    assert "expire_grants: 1" in told
    assert "lapse_requests: 1" in told
    assert any("post-mortem" in m.subject.lower() for m in mail.outbox)
    run(capsys, "drain")
    assert Checkpoint.objects.filter(published_at__isnull=False).exists()
    report = verify_tenant(tenant=acme, checkpoint_file=tmp_path / "acme.jsonl")
    assert (report.findings, report.unproven) == ([], [])


def test_with_nothing_to_do_it_says_nothing(capsys, acme):
    for _ in range(3):
        run(capsys, "drain")

    assert run(capsys, "drain") == (0, "", "")


def test_a_sweep_that_breaks_is_named_and_the_others_run(
    capsys, monkeypatch, people, pending_request
):
    factories.approve(pending_request, people.peer)
    database.advance(901)

    def breaks():
        raise ZeroDivisionError

    monkeypatch.setitem(sweeps.SWEEPS, "expire_grants", breaks)
    monkeypatch.setattr(sweeps.logger, "exception", lambda *_, **__: None)
    _, _, err = run(capsys, "drain")

    assert err == "expire_grants: failed (ZeroDivisionError)\n"
    assert Grant.objects.get().state == "active", "its own sweep could not close it"
    assert PostMortem.objects.get().state == "open", "and nothing is forgotten for it"
    assert mail.outbox


def test_a_grant_that_no_sweep_closed_still_lets_nothing_through(
    capsys, people, pending_request, gate
):
    factories.approve(pending_request, people.peer)
    database.advance(901)

    assert steps.verdict(steps.ask(gate))[0] == "enforce"
    assert grants.expire_due() == 1


def test_with_signing_down_the_rest_goes_on(
    capsys, acme, people, pending_request, no_signing_service
):
    database.advance(2 * 3600)

    code, told, _ = run(capsys, "drain")

    assert code == 0
    assert "lapse_requests: 1" in told
    assert any("lapse" in m.subject.lower() for m in mail.outbox)
