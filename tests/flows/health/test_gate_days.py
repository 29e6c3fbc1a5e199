"""Counting what gates were told to enforce: once a deploy, added up over processes."""

import threading

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from breakglass.models import GateDay
from breakglass.services.gates import days
from breakglass.services.gates.days import Tally
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db


@pytest.fixture
def tally(monkeypatch):
    """This process's own, new."""
    fresh = Tally()
    monkeypatch.setattr(days, "TALLY", fresh)
    return fresh


def ask(client, token, deploy_id, **fields):
    body = {"service": "checkout", "deploy_id": deploy_id, **fields}
    return client.post(
        "/api/v1/decisions",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    ).json()["decision"]


def test_two_processes_add_up_in_one_row_a_gate_and_day(gate, database_gate):
    one, two = Tally(), Tally()
    for deploy in ("a", "b"):
        one.note(gate_id=gate.pk, deploy_id=deploy)
    one.note(gate_id=database_gate.pk, deploy_id="a")
    two.note(gate_id=gate.pk, deploy_id="c")
    with CaptureQueriesContext(connection) as queries:
        assert one.flush() == 3
    assert len([q for q in queries if "SAVEPOINT" not in q["sql"]]) == 1
    assert two.flush() == 1
    assert two.flush() == 0
    rows = GateDay.objects.order_by("gate").values_list("gate", "enforced", "tenant")
    assert list(rows) == [
        (gate.pk, 3, gate.tenant_id),
        (database_gate.pk, 1, gate.tenant_id),
    ]


def test_another_day_is_another_row(gate, tally, advance):
    tally.note(gate_id=gate.pk, deploy_id="a")
    tally.flush()
    advance(24 * 3600)
    tally.note(gate_id=gate.pk, deploy_id="b")
    tally.flush()
    assert [row.enforced for row in GateDay.objects.all()] == [1, 1]


def test_a_deploy_that_asks_again_counts_once_while_it_is_remembered(gate):
    tally = Tally(remembered=2)
    for deploy in ("a", "a", "b", "a", "c", "a"):  # b is the oldest when c comes
        tally.note(gate_id=gate.pk, deploy_id=deploy)
    assert tally.flush() == 3
    tally.note(gate_id=gate.pk, deploy_id="a")
    assert tally.flush() == 0
    tally.note(gate_id=gate.pk, deploy_id="b")
    assert tally.flush() == 1


def test_what_the_database_did_not_take_is_not_lost(gate, tally, monkeypatch):
    tally.note(gate_id=gate.pk, deploy_id="a")

    def away(counts):
        raise DatabaseError

    with monkeypatch.context() as broken:
        broken.setattr(days, "_add", away)
        with pytest.raises(DatabaseError):
            tally.flush()
    assert tally.flush() == 1
    assert GateDay.objects.get().enforced == 1


def test_an_enforce_is_counted_and_writes_nothing(
    client, acme, people, gate, gate_token, tally
):
    assert ask(client, gate_token, "one") == "enforce"  # noted as the gate's contact
    with CaptureQueriesContext(connection) as queries:
        assert ask(client, gate_token, "one") == "enforce"
    assert not [q for q in queries if q["sql"].startswith(("INSERT", "UPDATE"))]
    assert ask(client, gate_token, "dry", dry_run=True) == "enforce"
    steps.grant(acme, people, gate)
    assert ask(client, gate_token, "two") == "bypass"
    assert tally.flush() == 1  # neither the dry run nor the bypass


@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_down_the_rest_when_it_is_told_to_stop(tally, monkeypatch):
    gate = factories.gate(factories.tenant("acme", "Acme", factories.people()), "g")
    tally.note(gate_id=gate.pk, deploy_id="a")
    stopped = threading.Event()
    thread = threading.Thread(target=days.keep_flushing, kwargs={"stopped": stopped})
    thread.start()
    stopped.set()
    thread.join(timeout=10)
    assert GateDay.objects.get().enforced == 1
