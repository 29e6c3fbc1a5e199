"""The front answers the certain `enforce` as the endpoint would, and nothing else."""

import json

import psycopg
import pytest
from django.db import connection

from breakglass.actors import OPERATOR
from breakglass.models import AuditEntry, Deploy, Gate, GateContact
from breakglass.queries import certainty
from breakglass.services import grants
from breakglass.services.gates import contacts, days, registry, tokens
from portal.api import counters
from portal.api.ahead import connections
from tests import factories
from tests.conformance.api.gate_client import ask
from tests.flows.ahead.conftest import QUESTION, Front

pytestmark = pytest.mark.django_db(transaction=True)

CHANGING = ("decision_id", "evaluated_at")


@pytest.fixture(autouse=True)
def fresh():
    contacts.forget()
    yield
    contacts.forget()


def test_the_certain_enforce_is_the_endpoints_own_answer(front, gate_token):
    for fields in ({}, {"dry_run": True}, {"gate": "prod-deploy", "actor": "ci"}):
        found, expected = front.ask(gate_token, **fields), ask(gate_token, **fields)

        assert front.status == "200 OK"
        assert list(found) == list(expected.json())
        for name in CHANGING:
            assert len(found.pop(name)) == len(expected.json()[name])
        assert found == {k: v for k, v in expected.json().items() if k not in CHANGING}
        assert front.headers.pop("Content-Length") == str(len(expected.content))
        assert front.headers.items() <= dict(expected.items()).items()
    assert front.handed_on == []


def test_it_costs_one_statement_and_writes_nothing(front, gate_token):
    before = AuditEntry.objects.count()

    assert front.ask(gate_token)["reason"] == "no_grant"

    assert AuditEntry.objects.count() == before
    assert not Deploy.objects.exists()


def test_a_grant_that_is_over_but_not_swept_is_left_to_the_endpoint(
    front, gate_token, active_grant, advance
):
    advance(3600)

    assert front.ask(gate_token) is None


def test_a_deploy_that_was_admitted_is_left_to_the_endpoint(
    front, people, gate_token, active_grant
):
    assert ask(gate_token).json()["decision"] == "bypass"
    grants.revoke(
        tenant=active_grant.tenant,
        bypass_id=active_grant.request.bypass_id,
        person=people.oncall,
        reason="Over.",
    )

    assert front.ask(gate_token) is None
    assert front.ask(gate_token, deploy_id="run-2")["reason"] == "no_grant"


def test_whoever_may_not_ask_is_left_to_the_endpoint(
    front, gate, gate_token, other_gate_token
):
    assert front.ask("bg_live_" + "x" * 43) is None
    assert front.ask("") is None
    assert front.ask(gate_token, gate="another") is None
    assert front.ask(other_gate_token)["decision"] == "enforce"

    tokens.revoke(gate=gate, token_id=gate.tokens.get().pk, actor=OPERATOR)
    assert front.ask(gate_token) is None


@pytest.mark.parametrize(
    "environ",
    [
        {"REQUEST_METHOD": "GET"},
        {"PATH_INFO": "/api/v1/decisions/"},
        {"CONTENT_TYPE": "text/plain"},
        {"CONTENT_LENGTH": ""},
        {"CONTENT_LENGTH": "4097"},
        {"CONTENT_LENGTH": "９"},
        {"CONTENT_LENGTH": "1" * 5000},
        {"CONTENT_LENGTH": "-1"},
    ],
    ids=str,
)
def test_an_odd_request_is_handed_on_with_its_body_unread(front, gate_token, environ):
    raw = json.dumps(QUESTION).encode()

    assert front.send(raw, token=gate_token, **environ) is None
    assert front.handed_on == [raw]


def test_where_django_would_redirect_to_https_it_may(settings, gate_token):
    settings.SECURE_SSL_REDIRECT = True
    front = Front()
    raw = json.dumps(QUESTION).encode()
    assert front.send(raw, token=gate_token) is None
    secure = {"wsgi.url_scheme": "https"}
    assert front.send(raw, token=gate_token, **secure) is not None

    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    front = Front()
    assert front.send(raw, token=gate_token, **secure) is None
    told = {"HTTP_X_FORWARDED_PROTO": "https"}
    assert front.send(raw, token=gate_token, **told) is not None
    connections.close()


def test_a_connection_that_was_lost_is_made_anew(front, gate_token):
    front.ask(gate_token)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'breakglass-decisions'"
            " AND datname = current_database()"
        )

    assert front.ask(gate_token)["decision"] == "enforce"


def test_trouble_with_the_database_is_left_to_the_endpoint(
    front, gate_token, monkeypatch
):
    def refuse(*_, **__):
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(certainty, "reading", refuse)

    assert front.ask(gate_token) is None
    assert len(front.handed_on) == 1


def test_what_was_answered_is_counted(front, gate_token):
    counter = counters.DECISIONS.labels("enforce", "no_grant", "live")
    before = counter._value.get()

    front.ask(gate_token)
    front.ask(gate_token, dry_run=True)

    assert counter._value.get() == before + 1


def test_no_tenant_sees_anothers_grant(front, gate_token, active_grant, charlie):
    theirs = factories.token(factories.gate(factories.tenant_of(charlie), "prod-x"))

    assert front.ask(theirs)["reason"] == "no_grant"


def test_a_token_that_has_run_out_is_left_to_the_endpoint(
    front, gate, gate_token, advance
):
    tokens.rotate(gate=gate, token_id=gate.tokens.get().pk, actor=OPERATOR)
    assert front.ask(gate_token)["decision"] == "enforce"

    advance(tokens.OVERLAP.total_seconds())

    assert front.ask(gate_token) is None


def test_a_gate_that_is_being_set_up_is_told_to_enforce(front, acme):
    token = factories.token(factories.gate(acme, "new-gate", in_setup=True))

    found, expected = (
        front.ask(token, gate="new-gate"),
        ask(token, gate="new-gate").json(),
    )

    assert {**found, **{name: expected[name] for name in CHANGING}} == expected


def test_a_gate_that_is_paused_or_retired_is_left_to_the_endpoint(
    front, gate, gate_token
):
    registry.turn(gate=gate, is_active=False, actor=OPERATOR)
    assert front.ask(gate_token) is None

    registry.turn(gate=gate, is_active=True, actor=OPERATOR)
    assert front.ask(gate_token)["decision"] == "enforce"

    Gate.objects.filter(pk=gate.pk).update(is_active=False, retired_at=gate.created_at)
    assert front.ask(gate_token) is None


def test_what_was_answered_counts_in_the_gates_day(front, gate_token, monkeypatch):
    monkeypatch.setattr(days, "TALLY", days.Tally())

    for deploy_id in ("run-1", "run-1", "run-2"):
        front.ask(gate_token, deploy_id=deploy_id)
    front.ask(gate_token, deploy_id="run-3", dry_run=True)

    assert days.TALLY.flush() == 2


def test_the_gates_page_hears_of_the_call_as_from_the_endpoint(front, gate, gate_token):
    front.ask(gate_token, dry_run=True)
    noted = GateContact.objects.values().get()
    GateContact.objects.all().delete()
    contacts.forget()
    ask(gate_token, dry_run=True)
    expected = GateContact.objects.values().get()

    for name in ("id", "first_at", "last_at"):
        noted.pop(name), expected.pop(name)
    assert noted == expected
    gate.refresh_from_db()
    assert gate.last_seen_at is not None


def test_a_contact_that_cannot_be_noted_harms_no_answer(front, gate_token, monkeypatch):
    def fail(**_):
        raise RuntimeError("no room")

    monkeypatch.setattr(contacts, "_write", fail)

    assert front.ask(gate_token)["decision"] == "enforce"
