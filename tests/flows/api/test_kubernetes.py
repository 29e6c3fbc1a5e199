"""What the webhook of a cluster leaves behind, and where its token may stand."""

import json
import logging
from pathlib import Path

import pytest

from breakglass.models import AuditEntry, Deploy, GateContact
from breakglass.services import decisions
from breakglass.services.gates import contacts
from tests.conformance import vectors
from tests.conformance.api.gate_client import call

pytestmark = pytest.mark.django_db(transaction=True)

FOLDER = Path(__file__).parents[2] / "conformance" / "languages" / "kubernetes"
PATH = "/api/v1/kubernetes/admission"


@pytest.fixture(autouse=True)
def fresh():
    contacts.forget()
    yield
    contacts.forget()


def body(name="create-passes"):
    return json.loads(vectors.load(FOLDER)[name]["call"]["body"])


def review(token, value):
    answer = call("POST", PATH, token=token, body=value)
    assert answer.status_code == 200
    return answer.json()["response"]


def test_what_passed_is_on_record_with_who_deployed_it(gate_token, active_grant):
    review(gate_token, body())

    deploy = Deploy.objects.get()
    assert (deploy.service, deploy.artifact) == ("checkout", f"sha256:{'9f' * 32}")
    assert deploy.actor.startswith("system:serviceaccount:argocd")
    entry = AuditEntry.objects.get(event="deploy.admitted")
    assert entry.bypass_id == active_grant.request.bypass_id


def test_a_review_that_is_repeated_is_one_deploy_and_a_new_generation_another(
    gate_token, active_grant
):
    again = body()
    again["request"]["uid"] = "another"
    review(gate_token, body())
    assert review(gate_token, again)["allowed"]
    assert Deploy.objects.count() == 1

    again["request"]["object"]["metadata"]["generation"] = 2
    assert review(gate_token, again)["allowed"]
    assert Deploy.objects.count() == 2


def test_of_two_changes_to_one_generation_neither_blocks_the_other(
    gate_token, active_grant
):
    """The one that lost the race was let through, and never stored."""
    other = body()
    container = other["request"]["object"]["spec"]["template"]["spec"]["containers"][0]
    container["image"] = f"registry.example/checkout@sha256:{'3a' * 32}"

    assert review(gate_token, body())["allowed"]
    assert review(gate_token, other)["allowed"]


def test_a_dry_run_leaves_nothing_behind(gate_token, active_grant):
    assert review(gate_token, body("dry-run"))["allowed"]
    assert not Deploy.objects.exists()


def test_when_the_portal_fails_the_review_is_still_answered_with_a_no(
    gate_token, active_grant, monkeypatch
):
    def fail(**_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(decisions, "decide", fail)

    found = review(gate_token, body())
    assert (found["allowed"], found["status"]["code"]) == (False, 500)
    assert "a bug" not in found["status"]["message"]


def test_every_warning_fits_where_the_cluster_shows_it(gate_token, active_grant):
    warnings = review(gate_token, body())["warnings"]

    assert warnings
    assert all(len(text) <= 120 for text in warnings)


def test_the_gates_page_hears_of_a_refusal_that_has_status_200(gate, gate_token):
    review(gate_token, body("no-service"))

    found = GateContact.objects.get()
    assert (found.outcome, found.is_accepted) == ("invalid_input service", False)


def test_a_token_in_the_address_is_in_no_log(gate_token, active_grant, caplog):
    caplog.set_level(logging.DEBUG)
    for path in (PATH, "/api/v1/kubernetes/admission/x", "/api/v1/nowhere"):
        call("POST", f"{path}/{gate_token}", raw=b"oops")

    assert "/api/v1/" in caplog.text
    assert gate_token not in caplog.text
    assert not any(gate_token in repr(vars(record)) for record in caplog.records)


def test_no_other_address_takes_a_token_in_it(gate_token, active_grant):
    answer = call(
        "POST",
        f"/api/v1/decisions/{gate_token}",
        body={"service": "checkout", "deploy_id": "run-1"},
    )

    assert answer.status_code == 401


def test_a_header_that_is_there_is_the_one_that_counts(
    gate_token, active_grant, subtests
):
    for header in ("Basic YTpi", f"Bearer {vectors.UNKNOWN_TOKEN}"):
        with subtests.test(header):
            answer = call(
                "POST", f"{PATH}/{gate_token}", body=body(), Authorization=header
            )
            assert answer.json()["response"]["allowed"] is False


def test_a_stranger_is_not_read_beyond_what_a_no_needs(gate_token, active_grant):
    large = body()
    large["request"]["padding"] = "x" * 70_000

    answer = call("POST", PATH, token=vectors.UNKNOWN_TOKEN, body=large)

    assert answer.status_code == 401
    assert review(gate_token, large)["allowed"]
