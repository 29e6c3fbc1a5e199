"""The description of the API says what the API does."""

import json
import re
from http import HTTPStatus
from pathlib import Path

import jsonschema_rs
import pytest
from django.urls import resolve

from breakglass.rules.decision import Reason
from portal.api import description, examples, front, schemas
from portal.api.languages.described import SPOKEN
from portal.api.reasons import REASONS
from tests.conformance.api.gate_client import call

GOLDEN = [
    json.loads(file.read_text())
    for file in sorted((Path(__file__).parent / "golden").glob("*.json"))
]
OPERATIONS = {(op.method.upper(), op.path): op for op in description.OPERATIONS}


def operation_of(golden):
    path = re.sub(r"/deploys/.*", "/deploys/{deploy_id}", golden["call"]["path"])
    return OPERATIONS.get((golden["call"]["method"], path))


def validator(name):
    document = description.document()
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    )


@pytest.mark.django_db
def test_the_description_is_served_to_anybody():
    answer = call("GET", "/api/v1/openapi.json", content_type="")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(description.document()))
    assert answer.json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("operation", description.OPERATIONS, ids=lambda op: op.name)
def test_every_example_passes_the_models_that_check_bodies(operation):
    operation.asked.model_validate(operation.asks)
    for example in operation.answers.values():
        operation.answered.model_validate_json(json.dumps(example))
    for status in operation.refusals:
        schemas.ErrorAnswer.model_validate(examples.error(status))


@pytest.mark.parametrize("operation", description.OPERATIONS, ids=lambda op: op.name)
def test_every_example_passes_the_json_schemas_that_clients_get(operation):
    assert validator(operation.asked.__name__).is_valid(operation.asks)
    for example in operation.answers.values():
        assert validator(operation.answered.__name__).is_valid(example)
    for status in operation.refusals:
        assert validator("ErrorAnswer").is_valid(examples.error(status))


@pytest.mark.parametrize("path", description.document()["paths"])
def test_every_documented_status_has_an_example(path):
    for method, operation in description.document()["paths"][path].items():
        for status, answer in operation["responses"].items():
            content = answer["content"]["application/json"]
            assert "example" in content or content["examples"], (method, path, status)


@pytest.mark.parametrize(
    "golden", GOLDEN, ids=lambda golden: json.dumps(golden["call"]["path"])
)
def test_every_golden_status_is_documented(golden):
    operation = operation_of(golden)
    if operation is None:  # another method, or no address at all
        assert golden["status"] in {404, 405}
        return
    documented = {HTTPStatus.OK, *operation.refusals}
    assert HTTPStatus(golden["status"]) in documented


def test_every_status_that_a_gate_can_provoke_is_golden():
    beyond_a_gate = {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
    documented = {s for op in description.OPERATIONS for s in op.refusals}

    assert documented - beyond_a_gate == {
        HTTPStatus(golden["status"]) for golden in GOLDEN
    } - {HTTPStatus.OK}


def test_every_reason_is_explained():
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize("name", ["a", "A1.b_c/d:e@f+g-h", "9" * 200])
def test_the_pattern_takes_what_the_domain_takes(name):
    body = {"service": name, "deploy_id": "run-1"}

    assert schemas.DecisionQuestion.model_validate(body).service == name
    assert validator("DecisionQuestion").is_valid(body)


@pytest.mark.parametrize(
    "name", ["", "-a", "a b", "a\n", "é", "\uff41", "9" * 201, "a\x00"]
)
def test_the_pattern_refuses_what_the_domain_refuses(name):
    body = {"service": name, "deploy_id": "run-1"}

    with pytest.raises(Exception, match="service"):
        schemas.DecisionQuestion.model_validate(body)
    assert not validator("DecisionQuestion").is_valid(body)


@pytest.mark.django_db
def test_the_page_shows_every_call(client):
    answer = client.get("/api/docs")

    page = answer.content.decode()
    assert answer.status_code == 200
    for operation in description.OPERATIONS:
        assert operation.path in page
    for spoken in SPOKEN:
        assert spoken.path in page
    for reason in Reason:
        assert reason in page


@pytest.mark.parametrize("spoken", SPOKEN, ids=lambda spoken: spoken.name)
def test_every_language_is_described_where_it_answers(spoken):
    paths = description.document()["paths"]

    assert resolve(spoken.path).func.name != "none"
    assert "post" in paths[spoken.path]
    assert (f"{spoken.path}/{{token}}" in paths) is spoken.in_path
    assert spoken.in_path is (spoken.path in front.MAY_CARRY)
