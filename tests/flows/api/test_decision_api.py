"""Gates ask: a refusal says enforce and writes nothing, a bypass is on record."""

from datetime import datetime

import pytest

from breakglass.models import AuditEntry, Deploy, Grant
from breakglass.services import grants
from portal.api import counters
from tests.conformance.api.gate_client import DECISIONS, ask, call, report, rows

# The grant is really signed, and signing refuses to wait inside a transaction.
pytestmark = pytest.mark.django_db(transaction=True)

DIGEST = "sha256:" + "9f" * 32


def latest(event):
    return AuditEntry.objects.filter(event=event).order_by("-seq").first()


def test_a_bypass_is_on_record_before_its_answer(gate_token, active_grant):
    answer = ask(gate_token, branch="main", artifact=DIGEST, actor="ci[bot]")

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["decision"] == "bypass"
    assert body["bypass_id"] == active_grant.request.bypass_id
    deploy = Deploy.objects.get(deploy_id="run-1")
    assert (deploy.branch, deploy.artifact, deploy.actor) == ("main", DIGEST, "ci[bot]")
    assert latest("deploy.admitted").bypass_id == body["bypass_id"]


def test_the_stated_end_is_never_later_than_the_true_end(gate_token, active_grant):
    stated = datetime.fromisoformat(ask(gate_token).json()["expires_at"])

    assert 0 <= (active_grant.expires_at - stated).total_seconds() < 1


def test_without_a_grant_the_gate_enforces_and_nothing_is_written(gate_token):
    before = rows()

    answer = ask(gate_token)

    assert answer.status_code == 200
    assert (answer.json()["decision"], answer.json()["reason"]) == (
        "enforce",
        "no_grant",
    )
    assert rows() == before


def test_another_scope_is_answered_as_if_there_were_no_grant(
    gate_token, active_grant, subtests
):
    before = rows()
    for service in ("search", "Checkout", "checkout/api"):
        with subtests.test(service=service):
            body = ask(gate_token, service=service).json()

            assert (body["decision"], body["reason"]) == ("enforce", "no_grant")
            assert body["bypass_id"] is body["expires_at"] is body["deploy"] is None
    assert rows() == before


def test_asking_again_for_the_same_deploy_writes_no_second_one(
    gate_token, active_grant
):
    first = ask(gate_token).json()
    before = rows()

    second = ask(gate_token).json()

    assert second["decision"] == "bypass"
    assert second["deploy"] == first["deploy"]
    assert second["decision_id"] != first["decision_id"]
    assert rows() == before


def test_the_same_deploy_with_another_scope_is_enforced(gate_token, active_grant):
    ask(gate_token, branch="main")
    before = rows()

    body = ask(gate_token, branch="other").json()

    assert (body["decision"], body["reason"]) == ("enforce", "no_grant")
    assert rows() == before


def test_after_the_end_the_same_deploy_is_reverted(gate_token, active_grant, advance):
    ask(gate_token)
    advance(15 * 60)

    body = ask(gate_token).json()

    assert (body["decision"], body["reason"]) == ("enforce", "expired")
    assert body["deploy"] == {"id": "run-1", "state": "reverted"}
    assert Deploy.objects.get(deploy_id="run-1").state == "reverted"
    assert latest("deploy.reverted") is not None


def test_at_the_very_end_a_new_deploy_is_enforced(gate_token, active_grant, advance):
    advance(15 * 60)
    before = rows()

    assert ask(gate_token).json()["decision"] == "enforce"
    assert rows() == before


def test_after_an_early_close_the_same_deploy_hears_revoked(
    gate_token, active_grant, acme, people
):
    ask(gate_token)
    grants.revoke(
        tenant=acme,
        bypass_id=active_grant.request.bypass_id,
        person=people.security,
        reason="not needed any more",
    )

    body = ask(gate_token).json()

    assert (body["decision"], body["reason"]) == ("enforce", "revoked")
    assert body["deploy"]["state"] == "reverted"


def test_an_ended_deploy_gets_no_second_bypass(gate_token, active_grant):
    ask(gate_token)
    report(gate_token, "failed")
    before = rows()

    body = ask(gate_token).json()

    assert (body["decision"], body["reason"]) == ("enforce", "ended")
    assert rows() == before


def test_a_dry_run_answers_and_writes_nothing(gate_token, active_grant):
    before = rows()

    body = ask(gate_token, dry_run=True).json()

    assert (body["decision"], body["dry_run"], body["deploy"]) == ("bypass", True, None)
    assert rows() == before


def test_a_dry_run_does_not_revert_what_is_over(gate_token, active_grant, advance):
    ask(gate_token)
    advance(15 * 60)
    before = rows()

    body = ask(gate_token, dry_run=True).json()

    assert (body["decision"], body["reason"]) == ("enforce", "expired")
    assert rows() == before


def test_the_gate_may_be_left_out_because_the_token_names_it(gate_token, active_grant):
    body = {"service": "checkout", "deploy_id": "run-1"}

    answer = call("POST", DECISIONS, token=gate_token, body=body)

    assert answer.json()["decision"] == "bypass"


def test_a_decision_takes_few_queries(
    gate_token, active_grant, django_assert_max_num_queries
):
    ask(gate_token, service="search")  # the first in some seconds is noted
    with django_assert_max_num_queries(8):
        ask(gate_token, service="search")


def test_what_was_decided_is_counted(gate_token, active_grant):
    counter = counters.DECISIONS.labels("bypass", "grant_in_force", "live")
    before = counter._value.get()

    ask(gate_token)

    assert counter._value.get() == before + 1
    assert Grant.objects.get().deploys.count() == 1
