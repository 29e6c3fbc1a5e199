"""The front lets a deploy through as the endpoint would, or leaves it to that."""

import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection

from breakglass.actors import OPERATOR
from breakglass.audit import events
from breakglass.models import AuditEntry, Deploy, GateContact, Grant, LogStanding
from breakglass.queries import certainty
from breakglass.rules.decision import Question
from breakglass.rules.scopes import Scope
from breakglass.services import admissions, grants
from breakglass.services.gates import contacts, tokens
from portal.api import counters
from portal.api.ahead import connections, questions
from tests import database, factories, fallback
from tests.conformance.api.gate_client import ask
from tests.flows.ahead.conftest import Front
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)

CHANGING = ("decision_id", "evaluated_at", "seconds_left")
AGAIN = ("deploy_id", "admitted_at")


@pytest.fixture(autouse=True)
def fresh():
    contacts.forget()
    yield
    contacts.forget()


@pytest.fixture
def nothing_written(active_grant):
    """What the log held before; the test ends with nothing added to it."""
    before = AuditEntry.objects.count()
    yield
    assert AuditEntry.objects.count() == before
    assert not Deploy.objects.exists()


def admitted():
    return AuditEntry.objects.filter(event=events.DEPLOY_ADMITTED).order_by("seq")


def facts(entry):
    body = json.loads(bytes(entry.body))
    found = {name: fact for name, fact in body["facts"].items() if name not in AGAIN}
    return {**found, "actor": body["actor"], "tenant": body["tenant"]}


def test_a_bypass_is_the_endpoints_own_answer(front, gate_token, active_grant):
    found = front.ask(gate_token, actor="ci@acme")
    expected = ask(gate_token, actor="ci@acme")

    assert front.handed_on == []
    assert list(found) == list(expected.json())
    same = {k: v for k, v in found.items() if k not in CHANGING}
    assert same == {k: v for k, v in expected.json().items() if k not in CHANGING}
    assert found["decision"] == "bypass"
    assert front.headers.pop("Content-Length")
    assert front.headers.items() <= dict(expected.items()).items()


def test_it_writes_what_the_endpoint_writes(front, gate_token, active_grant):
    front.ask(gate_token, actor="ci@acme", branch="main")
    ask(gate_token, deploy_id="run-2", actor="ci@acme", branch="main")

    ahead, behind = admitted()
    assert facts(ahead) == facts(behind)
    assert (ahead.actor, ahead.bypass_id) == (behind.actor, behind.bypass_id)
    left, right = Deploy.objects.order_by("pk").values(
        "tenant", "gate", "grant", "service", "branch", "artifact", "actor", "state"
    )
    assert left == right
    assert Deploy.objects.get(deploy_id="run-1").admitted_at <= ahead.at


def test_the_same_deploy_asked_again_is_the_same_one(front, gate_token, active_grant):
    first, second = front.ask(gate_token), front.ask(gate_token)

    assert first["bypass_id"] == second["bypass_id"]
    assert first["decision"] == second["decision"] == "bypass"
    assert admitted().count() == Deploy.objects.count() == 1


def test_a_dry_run_is_left_to_the_endpoint(front, gate_token, nothing_written):
    assert front.ask(gate_token, dry_run=True) is None


def test_another_branch_is_left_to_the_endpoint(front, acme, people, gate, gate_token):
    bypass = factories.request(acme, people.oncall, gate, branch="main")
    factories.approve(bypass, people.peer)
    before = AuditEntry.objects.count()

    assert front.ask(gate_token, branch="other") is None
    assert front.ask(gate_token) is None
    assert AuditEntry.objects.count() == before

    assert front.ask(gate_token, branch="main")["decision"] == "bypass"


def test_a_grant_of_the_fallback_is_left_where_sigstore_is_asked_for(
    front, acme, people, gate, gate_token, settings, tmp_path
):
    fallback.seal(settings, tmp_path)
    fallback.allow(acme)
    fallback.grant(acme, people, gate)

    assert front.ask(gate_token, require_assurance="sigstore") is None
    assert not Deploy.objects.exists()

    found = front.ask(gate_token)
    assert (found["decision"], found["assurance"]) == ("bypass", "offline_quorum")


def test_a_window_that_is_over_is_left_to_the_endpoint(
    front, gate_token, nothing_written, advance
):
    advance(15 * 60)

    assert front.ask(gate_token) is None


def test_an_admitted_deploy_of_a_closed_grant_is_left_to_be_reverted(
    front, people, gate_token, active_grant
):
    front.ask(gate_token)
    grants.revoke(
        tenant=active_grant.tenant,
        bypass_id=active_grant.request.bypass_id,
        person=people.oncall,
        reason="Over.",
    )

    assert front.ask(gate_token) is None
    assert ask(gate_token).json()["reason"] == "revoked"


def test_while_the_log_is_read_only_nothing_passes(front, gate_token, nothing_written):
    LogStanding.objects.update_or_create(
        tenant=Grant.objects.get().tenant,
        defaults={"read_only_at": "2026-11-01T00:00Z"},
    )

    assert front.ask(gate_token) is None


def test_a_token_that_was_revoked_passes_nothing_though_a_copy_knows_it(
    gate, gate_token, active_grant
):
    token_hash = questions.token_hash(f"Bearer {gate_token}")
    known = connections.ask(
        lambda primary: certainty.reading(
            primary, token_hash=token_hash, service="checkout", deploy_id="run-1"
        )
    )
    question = Question(Scope("prod-deploy", "checkout", "", ""), "run-1")
    question_of_it = admissions.Ask(known.asker, token_hash, question, "")
    tokens.revoke(gate=gate, token_id=gate.tokens.get().pk, actor=OPERATOR)

    found = connections.admit(lambda writing: admissions.admit(writing, question_of_it))

    assert found is None
    assert not Deploy.objects.exists()
    connections.close()


def test_a_window_that_ends_during_the_commit_is_no_bypass(
    monkeypatch, front, gate_token, active_grant
):
    execute = psycopg.Connection.execute

    def slow(self, query, *words, **more):
        if query == "COMMIT":
            database.advance(15 * 60)
        return execute(self, query, *words, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", slow)

    assert front.ask(gate_token) is None
    monkeypatch.undo()
    assert ask(gate_token).json()["reason"] == "expired"
    assert Deploy.objects.get().state == "reverted"


def test_a_limit_of_deploys_holds_under_load(acme, people, gate, gate_token):
    steps.publish(acme, max_deploys=3)
    steps.grant(acme, people, gate)

    def one(number):
        front = Front()
        try:
            return front.ask(gate_token, deploy_id=f"run-{number}")
        finally:
            connections.close()
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(one, range(12)))

    assert sum(answer is not None for answer in found) == 3
    assert Deploy.objects.count() == admitted().count() == 3


def test_one_deploy_asked_about_many_times_at_once_is_admitted_once(
    gate_token, active_grant
):
    def one(_):
        front = Front()
        try:
            return front.ask(gate_token)
        finally:
            connections.close()
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        found = [answer for answer in pool.map(one, range(12)) if answer]

    assert {answer["decision"] for answer in found} == {"bypass"}
    assert Deploy.objects.count() == admitted().count() == 1


def test_a_lost_connection_leaves_it_to_the_endpoint_once(
    front, gate_token, active_grant
):
    assert front.ask(gate_token)["decision"] == "bypass"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'breakglass-admissions'"
            " AND datname = current_database()"
        )

    assert front.ask(gate_token, deploy_id="run-2") is None
    assert front.ask(gate_token, deploy_id="run-3")["decision"] == "bypass"


def test_it_is_counted_and_told_to_the_gates_page(front, gate_token, active_grant):
    counter = counters.DECISIONS.labels("bypass", "grant_in_force", "live")
    before = counter._value.get()

    front.ask(gate_token)

    assert counter._value.get() == before + 1
    assert GateContact.objects.get().outcome == "grant_in_force"
