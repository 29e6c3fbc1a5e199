"""Probes and metrics: what blocks, what only degrades, and what is waiting."""

import os
import time
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from breakglass.services.logs import standings
from portal.http.health import probes
from tests import factories, fallback
from tests.conformance.api.gate_client import ask, call


def ready():
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


def metrics():
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return {  # by name and by the labels' values, in the order of their names
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def broken(*_args, **_kwargs):
    raise OperationalError("the connection is closed: host=10.0.0.7")


# --- alive and ready ------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_alive_asks_no_database(method):  # which no test without `db` may touch
    answer = Client().generic(method, "/healthz")

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_ready_says_how_each_part_is():
    status, body = ready()

    assert status == 200
    assert body == {
        "ready": True,
        "database": {"state": "ok", "blocks": True, "detail": ""},
        "schema": {"state": "ok", "blocks": True, "detail": ""},
        "signing": {"state": "ok", "blocks": False, "detail": ""},
        "broker": {"state": "ok", "blocks": False, "detail": ""},
        "log": {"state": "ok", "blocks": False, "detail": ""},
        "checkpoints": {"state": "ok", "blocks": False, "detail": ""},
    }


@pytest.mark.django_db
def test_logs_in_question_turn_the_probe_red_without_a_name(acme, charlie):
    globex = factories.tenant_of(charlie)
    standings.make_read_only(tenant=acme, reason="A backup was restored.")
    standings.note_finding(tenant=globex, seq=7, message="Entry 7 was altered.")

    status, body = ready()

    assert (status, body["ready"]) == (200, True)
    assert body["log"] == {
        "state": "failed",
        "blocks": False,
        "detail": "1 read-only, their gates enforce; 1 with a finding",
    }
    assert "acme" not in str(body)
    found = metrics()
    assert found["breakglass_logs_read_only",] == 1
    assert found["breakglass_logs_with_findings",] == 1


@pytest.mark.django_db
def test_without_the_authority_the_portal_is_ready_but_says_so(no_signing_service):
    status, body = ready()

    assert (status, body["ready"]) == (200, True)
    assert body["signing"]["state"] == "failed"
    assert body["database"]["state"] == body["broker"]["state"] == "ok"


@pytest.mark.django_db
@pytest.mark.parametrize("content", [None, "", "{}", "[]", "\xff"])
def test_without_a_trust_config_signing_has_failed(settings, tmp_path, content):
    settings.TRUST_CONFIG = str(tmp_path / "trust.json")
    if content is not None:
        (tmp_path / "trust.json").write_text(content, encoding="latin-1")

    status, body = ready()

    assert (status, body["signing"]["state"]) == (200, "failed")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:9/0", "redis+socket:///nowhere.sock", "nonsense"]
)
def test_without_the_broker_the_portal_is_ready_but_says_so(settings, url):
    settings.CELERY_BROKER_URL = url

    status, body = ready()

    assert (status, body["broker"]["state"]) == (200, "failed")
    assert "nowhere" not in str(body)


@pytest.mark.django_db
def test_without_the_database_the_portal_is_not_ready(monkeypatch):
    monkeypatch.setattr(connection, "cursor", broken)

    status, body = ready()

    assert (status, body["ready"]) == (503, False)
    assert body["database"]["state"] == body["schema"]["state"] == "failed"
    assert body["signing"]["state"] == body["broker"]["state"] == "ok"
    assert "10.0.0.7" not in str(body)


@pytest.mark.django_db
def test_a_schema_that_is_behind_is_not_ready(monkeypatch):
    applied = MigrationRecorder(connection).applied_migrations()
    last = max(name for app, name in applied if app == "breakglass")
    del applied["breakglass", last]
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda _: applied)

    status, body = ready()

    assert status == 503
    assert last in body["schema"]["detail"]


@pytest.mark.django_db
def test_a_server_that_only_reads_is_not_ready():
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")

    status, body = ready()

    assert (status, body["database"]["state"]) == (503, "failed")


@pytest.mark.parametrize(
    ("celery", "redis"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis+socket:///run/v.sock", "unix:///run/v.sock"),
        ("redis+socket:///run/v.sock?virtual_host=2", "unix:///run/v.sock?db=2"),
    ],
)
def test_a_celery_address_is_read_as_redis_means_it(celery, redis):
    assert probes.redis_url(celery) == redis


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_take_no_other_method(path):
    assert Client().post(path).status_code == 405


# --- metrics --------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_metrics_show_how_things_stand(gate_token, active_grant, people, advance):
    ask(gate_token)

    now = metrics()

    assert now["breakglass_database_up",] == 1
    assert now["breakglass_grants_in_force",] == 1
    assert now["breakglass_grants_unswept",] == 0
    assert now["breakglass_requests_pending",] == 0
    assert now["breakglass_postmortems_open",] == 0
    assert now["breakglass_log_entries",] == now["breakglass_log_unsealed",] > 0
    assert now["breakglass_decisions_total", "bypass", "live", "grant_in_force"] >= 1
    assert now["breakglass_api_request_seconds_count", "decisions"] >= 1

    advance(15 * 60)
    later = metrics()

    assert later["breakglass_grants_in_force",] == 0
    assert later["breakglass_grants_unswept",] == 1
    assert later["breakglass_postmortems_open",] == 1
    assert later["breakglass_unsent_oldest_seconds",] >= 15 * 60

    advance(90 * 24 * 3600)

    assert metrics()["breakglass_postmortems_overdue",] == 1


def test_a_pending_request_is_counted_until_it_lapses(pending_request, advance):
    assert metrics()["breakglass_requests_pending",] == 1
    advance(90 * 24 * 3600)
    assert metrics()["breakglass_requests_pending",] == 0


def test_refusals_are_counted_by_code(db):
    key = ("breakglass_api_errors_total", "unauthenticated", "decisions")
    before = metrics().get(key, 0)

    call("POST", "/api/v1/decisions", body={})

    assert metrics()[key] == before + 1


def test_no_metric_names_a_tenant(acme, gate):
    page = Client().get("/metrics").content.decode()

    assert "acme" not in page
    assert "prod-deploy" not in page


@pytest.mark.django_db
def test_without_the_database_metrics_say_that_it_is_down(monkeypatch):
    monkeypatch.setattr(connection, "cursor", broken)

    now = metrics()

    assert now["breakglass_database_up",] == 0
    assert ("breakglass_grants_in_force",) not in now


@pytest.mark.django_db
def test_a_gauge_that_fails_is_left_out(monkeypatch):
    counts = {**probes._COUNTS, "grants_in_force": ("", broken)}
    monkeypatch.setattr(probes, "_COUNTS", counts)

    now = metrics()

    assert ("breakglass_grants_in_force",) not in now
    assert now["breakglass_requests_pending",] == 0


def test_the_suite_has_a_real_broker():
    assert configured.CELERY_BROKER_URL.startswith("redis+socket://")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "days", "state"),
    [
        ("https://tuf.example", 1, "ok"),
        ("https://tuf.example", 5, "failed"),
        ("", 500, "ok"),
    ],
)
def test_of_an_external_instance_the_age_of_its_trust_is_shown_and_nobody_is_asked(
    no_signing_service, settings, tmp_path, url, days, state
):
    old = tmp_path / "trust_config.json"
    old.write_text(Path(settings.TRUST_CONFIG).read_text())
    at = time.time() - days * 86_400
    os.utime(old, (at, at))
    settings.SIGNING_INSTANCE, settings.TUF_URL = "private", url
    settings.TRUST_CONFIG = str(old)

    signing = ready()[1]["signing"]
    assert signing["state"] == state
    assert ("5 days old" in signing["detail"]) is (state == "failed")


@pytest.mark.django_db
def test_without_the_authority_it_says_that_nothing_stands_in(no_signing_service):
    _, body = ready()

    assert "no fallback is configured" in body["signing"]["detail"]


@pytest.mark.django_db
def test_without_the_authority_it_says_what_stands_in(
    no_signing_service, settings, tmp_path
):
    fallback.seal(settings, tmp_path)

    _, body = ready()

    assert (body["signing"]["state"], body["signing"]["blocks"]) == ("failed", False)
    assert "sealed local key stands in" in body["signing"]["detail"]


@pytest.mark.django_db
def test_a_tier_that_expects_a_fallback_nobody_configured_is_a_complaint(acme):
    assert ready()[1]["signing"]["state"] == "ok"
    fallback.allow(acme, "low")

    _, body = ready()

    assert body["signing"]["state"] == "failed"
    assert "none is configured" in body["signing"]["detail"]
