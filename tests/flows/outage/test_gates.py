"""What a gate is told of a grant of the fallback, and how it refuses one."""

import json

import pytest

from breakglass.models import AuditEntry
from tests import fallback
from tests.conformance.api.gate_client import call
from tests.flows.services import steps

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sealed", "tolerant")]


@pytest.fixture
def granted(acme, people, gate):
    return fallback.grant(acme, people, gate)


def ask(token, **fields):
    body = {"service": "checkout", "deploy_id": "gha-1", **fields}
    return call("POST", "/api/v1/decisions", token=token, body=body).json()


def test_the_answer_says_on_what_the_bypass_stands(acme, granted, gate_token):
    answer = ask(gate_token)

    assert (answer["decision"], answer["assurance"]) == ("bypass", "offline_quorum")
    entry = AuditEntry.objects.get(tenant=acme, event="deploy.admitted")
    assert json.loads(bytes(entry.body))["facts"]["assurance"] == "offline_quorum"


def test_a_gate_that_requires_sigstore_enforces_and_nothing_is_admitted(
    acme, granted, gate_token
):
    answer = ask(gate_token, require_assurance="sigstore")

    assert (answer["decision"], answer["reason"]) == ("enforce", "assurance_too_low")
    assert (answer["assurance"], answer["bypass_id"]) == (None, None)
    assert "deploy.admitted" not in steps.events(acme)


def test_a_deploy_that_was_admitted_does_not_get_round_it(granted, gate_token):
    assert ask(gate_token)["decision"] == "bypass"

    answer = ask(gate_token, require_assurance="sigstore")

    assert (answer["decision"], answer["reason"]) == ("enforce", "assurance_too_low")


def test_an_ordinary_grant_is_good_enough(acme, people, gate, gate_token):
    steps.grant(acme, people, gate)

    answer = ask(gate_token, require_assurance="sigstore")

    assert (answer["decision"], answer["assurance"]) == ("bypass", "sigstore")


def test_an_assurance_nobody_has_heard_of_is_a_malformed_question(granted, gate_token):
    answer = ask(gate_token, require_assurance="platinum")

    assert answer["decision"] == "enforce"
    assert answer["error"]["field"] == "require_assurance"
