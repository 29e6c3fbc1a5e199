"""What a gate's page knows of its calls: cheap, bounded, and never in the way."""

import pytest
from django.db import OperationalError

from breakglass.actors import OPERATOR
from breakglass.models import GateContact, GateToken
from breakglass.services import decisions
from breakglass.services.gates import contacts, registry, tokens
from tests import factories
from tests.conformance.api.gate_client import ask, assert_enforced, beat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh():
    contacts.forget()
    yield
    contacts.forget()


def last(gate):
    return GateContact.objects.filter(gate=gate).order_by("-pk").first()


def test_a_call_is_noted_with_what_it_heard(gate, gate_token):
    ask(gate_token, dry_run=True)

    found = last(gate)
    assert (found.call, found.outcome) == ("dry_run", "no_grant")
    assert (found.is_accepted, found.token) == (True, gate_token[:12])
    assert found.address == "127.0.0.1"
    gate.refresh_from_db()
    assert gate.last_seen_at == gate.tested_at == found.last_at


def test_a_call_that_is_no_dry_run_tests_nothing(gate, gate_token):
    ask(gate_token)

    gate.refresh_from_db()
    assert gate.last_seen_at is not None
    assert gate.tested_at is None


def test_calls_alike_within_seconds_write_once_and_later_prolong_the_run(
    gate, gate_token, django_assert_num_queries
):
    ask(gate_token)
    before = last(gate)
    with django_assert_num_queries(2):  # the token, and one look
        ask(gate_token)
    assert last(gate) == before

    contacts.forget()  # as if some seconds had passed
    ask(gate_token)
    assert GateContact.objects.count() == 1
    assert last(gate).last_at > before.last_at
    assert last(gate).first_at == before.first_at


def test_only_the_last_ten_are_kept(gate, gate_token):
    for number in range(24):
        ask(gate_token, dry_run=number % 2 == 0)
        contacts.forget()

    kept = GateContact.objects.filter(gate=gate).order_by("-last_at")
    assert kept.count() == contacts.KEPT == 10
    assert [row.call for row in kept[:2]] == ["decision", "dry_run"]


def test_what_was_refused_is_noted_and_is_no_contact(gate, gate_token, database_gate):
    ask(gate_token, gate="db-migrate")
    assert last(gate).outcome == "not_permitted gate"
    ask(gate_token, service="two words")
    assert last(gate).outcome == "invalid_input service"
    assert not last(gate).is_accepted
    token = GateToken.objects.get()
    tokens.revoke(gate=gate, token_id=token.pk, actor=OPERATOR)
    assert_enforced(ask(gate_token), status=401, code="unauthenticated")
    assert last(gate).outcome == "token_revoked"

    gate.refresh_from_db()
    assert gate.last_seen_at is None
    assert not GateContact.objects.filter(gate=database_gate).exists()


def test_a_callers_own_words_are_not_kept(gate, gate_token):
    ask(gate_token, **{"x" * 40: "1"})
    assert last(gate).outcome == "invalid_input"


def test_refused_calls_that_all_differ_are_not_all_written(gate, gate_token):
    for number in range(contacts.AT_ONCE + 3):
        contacts.note(
            gate_id=gate.pk,
            gate=gate.slug,
            call=contacts.Call("decision", f"{number}", False, "", ""),
        )
    assert GateContact.objects.count() == contacts.AT_ONCE

    ask(gate_token)
    assert last(gate).is_accepted, "what is accepted is noted all the same"


def test_an_unknown_token_leaves_no_trace(gate):
    ask("bg_live_" + "x" * 43)
    assert not GateContact.objects.exists()


def test_an_outdated_token_hears_the_same_as_an_unknown_one(gate, advance):
    token = factories.token(gate)
    tokens.rotate(gate=gate, token_id=GateToken.objects.get().pk, actor=OPERATOR)
    assert ask(token).status_code == 200
    advance(3600)

    outdated = ask(token)

    assert outdated.content == ask("bg_live_" + "x" * 43).content
    assert_enforced(outdated, status=401, code="unauthenticated")
    assert last(gate).outcome == "token_expired"


def test_a_heartbeat_is_a_contact(gate, gate_token):
    beat(gate_token, config_digest="sha256:1")
    assert (last(gate).call, last(gate).outcome) == ("heartbeat", "ok")


@pytest.mark.parametrize("trouble", [OperationalError("gone"), RuntimeError("odd")])
def test_whatever_fails_while_noting_the_answer_is_the_same(
    gate_token, monkeypatch, caplog, trouble
):
    def fails(**_words):
        raise trouble

    monkeypatch.setattr(contacts, "_write", fails)

    with caplog.at_level("WARNING"):
        answer = ask(gate_token)

    assert answer.status_code == 200
    assert answer.json()["reason"] == "no_grant"
    assert "gate.contact_not_noted" in caplog.text
    assert not GateContact.objects.exists()


def test_a_gate_that_was_not_turned_on_is_told_to_enforce_unasked(acme, monkeypatch):
    def judged(**_words):
        pytest.fail("what is not turned on is not judged")

    monkeypatch.setattr(decisions, "judge", judged)
    made = registry.register(
        tenant=acme,
        slug="next",
        name="Next",
        environment="",
        data_class="",
        actor=OPERATOR,
        in_setup=True,
    )
    answer = ask(factories.token(made), gate="next")

    assert answer.status_code == 200
    assert answer.json()["decision"] == "enforce"
    assert answer.json()["reason"] == "no_grant"
    assert last(made).is_accepted
