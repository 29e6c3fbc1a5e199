"""Policy engines ask again and again: asking leaves nothing behind, and counts none."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from breakglass.models import Deploy, Grant
from tests import factories
from tests.conformance.api.gate_client import call, rows
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)

GATEKEEPER, KYVERNO = "/api/v1/gatekeeper", "/api/v1/kyverno"


def gatekeeper(token, *, service="checkout"):
    """Returns the mode and the reason for one key."""
    key = f"prod-deploy|{quote(service, safe='')}||"
    body = {
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": [key]},
    }
    [item] = call("POST", GATEKEEPER, token=token, body=body).json()["response"][
        "items"
    ]
    return item["value"]["mode"], item["value"]["reason"]


def kyverno(token, **scope):
    answer = call("POST", KYVERNO, token=token, body={"service": "checkout", **scope})
    return answer.json()["mode"], answer.json()["reason"]


BYPASS = ("bypass", "grant_in_force")


@pytest.mark.parametrize("ask", [gatekeeper, kyverno])
def test_asking_changes_no_row(ask, gate_token, active_grant):
    before = rows()
    assert [ask(gate_token) for _ in range(3)] == [BYPASS] * 3
    assert rows() == before


@pytest.mark.parametrize("ask", [gatekeeper, kyverno])
def test_a_bypass_of_so_many_deploys_is_for_gates_that_count(
    ask, acme, people, gate, gate_token
):
    steps.publish(acme, tier="low", max_deploys=1)
    factories.approve(factories.request(acme, people.oncall, gate), people.peer)

    assert ask(gate_token) == ("enforce", "not_counted")
    assert Grant.objects.get().max_deploys == 1


def test_gatekeeper_is_told_early_by_as_long_as_it_keeps_answers(
    gate_token, active_grant, advance
):
    left = active_grant.expires_at - active_grant.starts_at
    advance((left - timedelta(seconds=190)).total_seconds())
    assert gatekeeper(gate_token) == BYPASS

    advance(15)
    assert gatekeeper(gate_token) == ("enforce", "closing")
    assert kyverno(gate_token) == BYPASS  # which keeps none


def test_a_deploy_named_like_the_placeholder_is_another_question(
    gate_token, active_grant
):
    """Its grant must not answer for a scope that was asked about by itself."""
    body = {"service": "checkout", "branch": "x", "deploy_id": "none"}
    call("POST", "/api/v1/decisions", token=gate_token, body=body)
    assert Deploy.objects.get().deploy_id == "none"

    assert kyverno(gate_token) == BYPASS


def test_authzen_records_each_of_a_batch(gate, gate_token, active_grant):
    body = {
        "subject": {"type": "pipeline", "id": "ci"},
        "action": {"name": "deploy"},
        "resource": {"type": "service", "id": "checkout"},
        "evaluations": [{"context": {"deploy_id": f"run-{n}"}} for n in range(3)],
    }
    answer = call("POST", "/access/v1/evaluations", token=gate_token, body=body)

    assert [one["decision"] for one in answer.json()["evaluations"]] == [True] * 3
    assert Deploy.objects.filter(actor="pipeline:ci").count() == 3


def test_another_gates_name_is_an_error_of_its_item_only(
    gate, gate_token, active_grant
):
    other = factories.gate(gate.tenant, "stage")
    item = {
        "subject": {"type": "pipeline", "id": "ci"},
        "action": {"name": "deploy"},
        "resource": {"type": "service", "id": "checkout"},
    }
    body = {
        "evaluations": [
            {**item, "context": {"deploy_id": "a", "gate": other.slug}},
            {**item, "context": {"deploy_id": "b", "gate": gate.slug}},
        ]
    }
    answer = call("POST", "/access/v1/evaluations", token=gate_token, body=body)

    first, second = answer.json()["evaluations"]
    assert (first["decision"], first["context"]["error"]["status"]) == (False, 403)
    assert second["decision"] is True
