"""A gate that keeps answers: no use of one is at or after the bypass's end."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from breakglass.actors import OPERATOR
from breakglass.models import Deploy
from breakglass.rules.sources import Sources
from breakglass.services.gates import asking
from tests.conformance import vectors
from tests.conformance.api.gate_client import ask, assert_enforced, call
from tests.flows.ahead.conftest import Front

pytestmark = pytest.mark.django_db(transaction=True)

REVIEW = Path(__file__).parents[2] / "conformance/languages/kubernetes"


def declare(gate, seconds, **sources):
    asking.set_asking(
        gate=gate, cache_seconds=seconds, sources=Sources(**sources), actor=OPERATOR
    )


def to_the_end(grant, advance, *, but):
    left = grant.expires_at - grant.starts_at - timedelta(seconds=but)
    advance(left.total_seconds())


def said(answer):
    body = answer.json()
    return body["decision"], body["reason"]


def test_a_bypass_may_be_kept_as_long_as_declared_and_an_enforce_never(
    gate, gate_token, active_grant
):
    declare(gate, 180)

    answer = ask(gate_token)
    assert said(answer) == ("bypass", "grant_in_force")
    assert answer["Cache-Control"] == "private, max-age=180"
    stated = active_grant.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert answer.json()["expires_at"] == stated  # the true end, not an earlier one
    assert ask(gate_token, service="payments", deploy_id="x")["Cache-Control"] == (
        "no-store"
    )


def test_a_gate_that_declares_nothing_keeps_nothing(gate_token, active_grant):
    assert ask(gate_token)["Cache-Control"] == "no-store"


def test_it_is_told_early_and_what_was_let_through_is_not_reverted(
    gate, gate_token, active_grant, advance
):
    declare(gate, 180)
    ask(gate_token)
    to_the_end(active_grant, advance, but=170)

    assert said(ask(gate_token)) == ("enforce", "closing")
    assert said(ask(gate_token, deploy_id="new")) == ("enforce", "closing")
    assert Deploy.objects.get().state == "admitted"
    assert ask(gate_token)["Cache-Control"] == "no-store"


def test_a_question_may_only_lengthen_what_its_gate_declares(
    gate, gate_token, active_grant, advance
):
    declare(gate, 60)
    to_the_end(active_grant, advance, but=100)

    assert said(ask(gate_token, cache_seconds=120))[1] == "closing"
    assert said(ask(gate_token, cache_seconds=1))[0] == "bypass"
    assert ask(gate_token, cache_seconds=1)["Cache-Control"] == "private, max-age=60"


@pytest.mark.parametrize("wrong", [-1, 601, "60", 1.5, True, None])
def test_a_time_that_is_none_is_refused(gate_token, active_grant, wrong):
    answer = ask(gate_token, cache_seconds=wrong)

    assert assert_enforced(answer, status=422)["field"] == "cache_seconds"


def test_the_front_leaves_a_gate_that_keeps_answers_to_the_endpoint(
    gate, gate_token, active_grant
):
    front = Front()
    assert front.ask(gate_token)["decision"] == "bypass"
    declare(gate, 180)

    assert front.ask(gate_token) is None
    assert len(front.handed_on) == 1
    declare(gate, 0)
    assert front.ask(gate_token)["decision"] == "bypass"


def test_what_the_gate_declares_replaces_gatekeepers_own_time(
    gate, gate_token, active_grant, advance
):
    body = {
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": ["prod-deploy|checkout||"]},
    }

    def ask_provider():
        return call("POST", "/api/v1/gatekeeper", token=gate_token, body=body)

    def reason():
        answer = ask_provider()
        return answer.json()["response"]["items"][0]["value"]["reason"]

    assert reason() == "grant_in_force"
    assert ask_provider()["Cache-Control"] == "no-store"  # nothing was declared
    to_the_end(active_grant, advance, but=100)
    assert reason() == "closing"
    declare(gate, 0)
    assert reason() == "grant_in_force"


def test_a_clusters_objects_are_read_where_the_gate_says(
    gate, gate_token, active_grant
):
    body = json.loads(vectors.load(REVIEW)["create-passes"]["call"]["body"])
    path = "/api/v1/kubernetes/admission"
    declare(gate, None, service="namespace", artifact="none")
    answer = call("POST", path, token=gate_token, body=body).json()["response"]
    assert "service=shop&" not in answer["status"]["message"]
    assert "service=shop" in answer["status"]["message"]

    body["request"]["object"]["metadata"]["namespace"] = "checkout"
    answer = call("POST", path, token=gate_token, body=body).json()["response"]
    assert answer["allowed"] is True
    assert Deploy.objects.get().artifact == ""
