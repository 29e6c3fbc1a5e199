"""Gates report how a deploy ended."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.models import AuditEntry, Deploy, Finding
from breakglass.services import deploys
from breakglass.services.gates import terms
from tests import factories
from tests.conformance.api.gate_client import (
    ask,
    assert_enforced,
    call,
    deploy_path,
    report,
    rows,
)

# The grant is really signed, and signing refuses to wait inside a transaction.
pytestmark = pytest.mark.django_db(transaction=True)

MALFORMED = (
    {},
    {"state": "reverted"},
    {"state": "admitted"},
    {"state": "unknown"},
    {"state": "SUCCEEDED"},
    {"state": ["failed"]},
    {"state": None},
    {"state": "failed", "ended_at": "2026-01-01T00:00:00Z"},
    [],
)
ODD_IDS = (
    *("run-2", "RUN-1", "run-1 ", "-x", "a" * 201),
    *("%00", "%C3%A9", "..%2f", "run-1%2f", "%F0%9F", "run-1%0a"),
)


@pytest.fixture
def admitted(gate_token, active_grant):
    """A deploy in flight, `run-1`."""
    assert ask(gate_token).json()["decision"] == "bypass"
    return Deploy.objects.get(deploy_id="run-1")


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_a_report_ends_the_deploy_on_record(gate_token, admitted, state):
    answer = report(gate_token, state)

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert answer.json()["deploy"] == {"id": "run-1", "state": state}
    assert answer.json()["bypass_id"] == admitted.grant.request.bypass_id
    admitted.refresh_from_db()
    assert admitted.state == state
    assert AuditEntry.objects.filter(event="deploy.finished").count() == 1


def test_the_same_report_twice_is_one(gate_token, admitted):
    first = report(gate_token, "succeeded")
    before = rows()

    second = report(gate_token, "succeeded")

    assert second.content == first.content
    assert rows() == before


def test_another_end_than_the_reported_one_conflicts(gate_token, admitted):
    report(gate_token, "succeeded")
    before = rows()

    assert_enforced(report(gate_token, "failed"), status=409, code="conflict")
    assert rows() == before


def test_a_report_after_the_window_conflicts_and_reverts(gate_token, admitted, advance):
    advance(15 * 60)

    assert_enforced(report(gate_token, "succeeded"), status=409, code="conflict")
    admitted.refresh_from_db()
    assert admitted.state == "reverted"


def test_a_heartbeat_keeps_the_deploy_in_flight_and_writes_no_entry(
    gate_token, admitted
):
    before = AuditEntry.objects.count()

    answer = report(gate_token, "running")

    assert answer.status_code == 200
    assert answer.json()["deploy"] == {"id": "run-1", "state": "admitted"}
    assert (answer.json()["ended_at"], answer.json()["overran_seconds"]) == (None, None)
    assert AuditEntry.objects.count() == before
    admitted.refresh_from_db()
    assert admitted.heard_at is not None


def test_a_heartbeat_after_the_window_conflicts_and_reverts(
    gate_token, admitted, advance
):
    advance(15 * 60)

    assert_enforced(report(gate_token, "running"), status=409, code="conflict")
    admitted.refresh_from_db()
    assert admitted.state == "reverted"


def test_a_gate_that_lets_finish_hears_by_how_much_the_deploy_overran(
    gate_token, admitted, advance
):
    terms.set_terms(gate=admitted.gate, at_close="finish", actor=OPERATOR)
    advance(15 * 60)
    assert ask(gate_token).json()["decision"] == "enforce"

    answer = report(gate_token, "succeeded")

    assert answer.status_code == 200
    assert 0 < answer.json()["overran_seconds"] <= 60


def test_a_report_of_a_reverted_deploy_conflicts(gate_token, admitted, advance):
    advance(15 * 60)
    deploys.revert_due()
    before = rows()

    assert_enforced(report(gate_token, "succeeded"), status=409, code="conflict")
    assert rows() == before


def test_an_unknown_or_odd_deploy_id_is_refused(gate_token, admitted, subtests):
    report(gate_token, "failed", deploy_id="no-such-run")
    assert Finding.objects.get().kind == "deploy_undecided"
    before = rows()  # it is found once: nothing more is written
    for deploy_id in ODD_IDS:
        with subtests.test(deploy_id=deploy_id[:20]):
            answer = report(gate_token, "failed", deploy_id=deploy_id)

            assert answer.status_code in {404, 422}
            assert_enforced(answer, status=answer.status_code)
    assert rows() == before


def test_another_tenants_gate_cannot_end_it(other_gate_token, admitted):
    unknown = report(other_gate_token, "failed", deploy_id="no-such-run")
    before = rows()  # with the finding about their own gate
    known = report(other_gate_token, "failed")

    assert_enforced(known, status=404, code="not_found")
    assert known.content == unknown.content
    assert rows() == before


def test_another_gate_of_the_tenant_cannot_end_it(admitted, database_gate):
    token = factories.token(database_gate)

    assert_enforced(report(token, "failed"), status=404, code="not_found")
    assert Finding.objects.get().gate == database_gate
    admitted.refresh_from_db()
    assert admitted.state == "admitted"


def test_the_body_cannot_name_another_gate(gate_token, admitted):
    body = {"gate": "db-migrate", "state": "failed"}

    answer = call("PATCH", deploy_path("run-1"), token=gate_token, body=body)

    assert_enforced(answer, status=403, code="not_permitted")
    assert Deploy.objects.get().state == "admitted"


def test_a_malformed_report_is_refused_and_nothing_is_written(
    gate_token, admitted, subtests
):
    before = rows()
    for body in MALFORMED:
        with subtests.test(body=str(body)):
            answer = call("PATCH", deploy_path("run-1"), token=gate_token, body=body)

            assert_enforced(answer, status=422, code="invalid_input")
    assert rows() == before


def test_without_the_right_token_nothing_ends(admitted, subtests):
    for token in ("", "bg_live_" + "x" * 43):
        with subtests.test(token=token):
            answer = report(token, "failed")

            assert_enforced(answer, status=401, code="unauthenticated")
    assert Deploy.objects.get().state == "admitted"


def test_other_methods_are_refused(subtests):
    for method in ("GET", "POST", "PUT", "DELETE"):
        with subtests.test(method=method):
            answer = call(method, deploy_path("run-1"), body={})

            assert_enforced(answer, status=405, code="method_not_allowed")
            assert answer["Allow"] == "PATCH"
