"""The snapshot hears of what changes, is believed while fresh, never says bypass."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from breakglass.actors import OPERATOR
from breakglass.queries import certainty
from breakglass.services import grants
from breakglass.services.gates import registry, tokens
from portal.api.ahead import connections
from portal.api.ahead import snapshot as module
from portal.api.ahead.questions import token_hash
from tests import database, factories
from tests.conformance.api.gate_client import ask

pytestmark = pytest.mark.django_db(transaction=True)

SOON = 10  # seconds; on two busy cores, far more than it takes


def look(snapshot, token, *, service="checkout", deploy_id="run-1"):
    """Returns the copy's answer where it is sure of it, as the front does."""
    found = snapshot.reading(
        token_hash=token_hash(f"Bearer {token}"), service=service, deploy_id=deploy_id
    )
    return found if found is not None and found.certain else None


class Clock:
    """Stands in for the process's clock, in the snapshot only."""

    def __init__(self, seconds):
        self._seconds = seconds

    def monotonic(self):
        return self._seconds


def revoke(grant, person):
    grants.revoke(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=person,
        reason="Over.",
    )


def comes_true(claim):
    ends_at = time.monotonic() + SOON
    while not claim():
        assert time.monotonic() < ends_at, "the snapshot did not hear of it"


def test_it_knows_who_asks_and_the_time(snapshot, gate, gate_token):
    comes_true(lambda: look(snapshot, gate_token))

    found = look(snapshot, gate_token)

    assert found.certain
    assert (found.asker.gate_id, found.asker.gate) == (gate.pk, gate.slug)
    assert found.asker.policy_version == 1
    database.advance(3600)
    comes_true(lambda: (look(snapshot, gate_token).at - found.at).seconds >= 3600)


def test_a_grant_opens_its_scope_and_its_end_closes_it(
    snapshot, people, gate_token, pending_request
):
    comes_true(lambda: look(snapshot, gate_token))

    grant = factories.approve(pending_request, people.peer).grant
    comes_true(lambda: look(snapshot, gate_token) is None)
    assert look(snapshot, gate_token, service="payments").certain

    revoke(grant, people.oncall)
    comes_true(lambda: look(snapshot, gate_token))


def test_a_deploy_that_was_admitted_is_never_certain_again(
    snapshot, people, gate_token, active_grant
):
    ask(gate_token)
    revoke(active_grant, people.oncall)

    comes_true(lambda: look(snapshot, gate_token, deploy_id="run-2"))
    assert look(snapshot, gate_token) is None

    later = module.Snapshot()  # which reads its mark rather than hears of it
    later.start()
    comes_true(lambda: look(later, gate_token, deploy_id="run-2"))
    assert look(later, gate_token) is None
    later.stop()


def test_it_hears_of_tokens_gates_and_policies(snapshot, acme, gate, gate_token):
    comes_true(lambda: look(snapshot, gate_token))
    second = factories.token(gate)
    comes_true(lambda: look(snapshot, second))

    tokens.revoke(gate=gate, token_id=gate.tokens.latest("pk").pk, actor=OPERATOR)
    comes_true(lambda: look(snapshot, second) is None)

    registry.turn(gate=gate, is_active=False, actor=OPERATOR)
    comes_true(lambda: look(snapshot, gate_token) is None)


def test_without_a_word_from_the_primary_it_is_not_believed(
    snapshot, gate_token, monkeypatch
):
    comes_true(lambda: look(snapshot, gate_token))
    now = time.monotonic()

    monkeypatch.setattr(module, "time", Clock(now + module.FRESH + 1))

    assert look(snapshot, gate_token) is None


def test_a_lost_listener_is_not_believed_and_comes_back(snapshot, gate_token):
    comes_true(lambda: look(snapshot, gate_token))

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'breakglass-listener'"
            " AND datname = current_database()"
        )

    comes_true(lambda: look(snapshot, gate_token) is None)
    comes_true(lambda: look(snapshot, gate_token))


def test_a_token_younger_than_the_copy_is_asked_about(snapshot, gate_token):
    comes_true(lambda: look(snapshot, gate_token))

    assert look(snapshot, "bg_live_" + "x" * 43) is None


def test_a_token_is_not_believed_from_its_end_on(snapshot, gate, gate_token):
    tokens.rotate(gate=gate, token_id=gate.tokens.get().pk, actor=OPERATOR)
    comes_true(lambda: look(snapshot, gate_token))

    database.advance(tokens.OVERLAP.total_seconds())

    comes_true(lambda: look(snapshot, gate_token) is None)


def test_between_two_beats_a_token_ends_by_the_time_that_passed(monkeypatch):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    asker = certainty.Asker(
        gate_id=1,
        gate="prod-deploy",
        tenant_id=1,
        tenant_uuid="",
        tenant="acme",
        token="bg_live_",
        expires_at=at + timedelta(seconds=1),
        policy_version=1,
    )
    copy = module.Snapshot()
    copy._state = replace(
        module.EMPTY, askers={token_hash("Bearer " + "x" * 43): asker}, at=at
    )

    for passed, is_believed in ((0.999, True), (1.0, False)):
        monkeypatch.setattr(module, "time", Clock(passed))
        assert (look(copy, "x" * 43) is not None) == is_believed


def test_a_deploy_of_a_grant_that_it_never_saw_open_is_known(
    people, gate, gate_token, active_grant
):
    ask(gate_token)
    with connections.listening() as primary:
        before = replace(module.EMPTY, grants={})
        heard = [f"grant:{active_grant.pk}"]
        assert not module._changed(primary, before, heard).new_marks

        revoke(active_grant, people.oncall)

        after = module._changed(primary, before, heard)
    assert after.knows(certainty.deploy_mark(gate.pk, "run-1"))
    assert not after.open_scopes
