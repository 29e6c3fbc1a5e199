"""PUT /api/v1/deploys/{id}/provenance: form and size, and nothing of a decision."""

import json

import pytest

from breakglass.models import Provenance
from tests import factories
from tests.conformance.api.gate_client import ask, assert_enforced, call, deploy_path
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)

BUNDLE = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {"tlogEntries": []},
    "dsseEnvelope": {"payload": "e30="},
}
MALFORMED = (
    {},
    {**BUNDLE, "more": 1},
    {**BUNDLE, "dsseEnvelope": None},
    {name: value for name, value in BUNDLE.items() if name != "dsseEnvelope"},
)


@pytest.fixture
def admitted(gate_token, active_grant):
    assert ask(gate_token, artifact=steps.DIGEST).json()["decision"] == "bypass"


def give(token, body, deploy_id="run-1"):
    path = f"{deploy_path(deploy_id)}/provenance"
    return call("PUT", path, token=token, body=body)


def test_a_bundle_is_kept_as_it_came_and_waits_for_its_check(gate_token, admitted):
    answer = give(gate_token, BUNDLE)

    assert answer.status_code == 200
    said = answer.json()
    assert said["deploy"] == {"id": "run-1", "state": "admitted"}
    assert said["provenance"]["state"] == "waiting"
    kept = bytes(Provenance.objects.get().bundle)
    assert json.loads(kept) == BUNDLE
    assert give(gate_token, BUNDLE).json() == said


def test_a_malformed_or_giant_one_is_refused_and_not_kept(
    gate_token, admitted, subtests
):
    for body in MALFORMED:
        with subtests.test(body=str(body)):
            answer = give(gate_token, body)
            assert_enforced(answer, status=422, code="invalid_input")
    giant = {**BUNDLE, "dsseEnvelope": {"payload": "a" * 262_144}}
    assert_enforced(give(gate_token, giant), status=413, code="too_large")
    assert not Provenance.objects.exists()


def test_another_gate_and_an_unknown_deploy_hear_the_same(
    gate_token, other_gate_token, admitted, database_gate
):
    for token in (other_gate_token, factories.token(database_gate)):
        assert_enforced(give(token, BUNDLE), status=404, code="not_found")
    answer = give(gate_token, BUNDLE, deploy_id="no-such-run")
    assert_enforced(answer, status=404, code="not_found")
    assert_enforced(give("", BUNDLE), status=401, code="unauthenticated")
