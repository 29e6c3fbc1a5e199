"""What a cluster is given to apply: valid, filled in, and a no unless a clear yes."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import yaml
from django.urls import resolve
from regopy import Interpreter

from portal.http.gates.cluster_recipes import TEXTS
from portal.http.gates.recipes import recipe
from tests.conformance import vectors
from tests.unit.portal.cluster_schemas import SCHEMAS

ROOT = Path(__file__).resolve().parents[3]
BASE = "https://breakglass.example.com"
FILES = {
    "kubernetes": "webhook.yaml",
    "gatekeeper": "gate.yaml",
    "kyverno": "policy.yaml",
    "opa": "breakglass.rego",
}
GOLDEN = ROOT / "tests/conformance"


def text_of(kind, gate="prod-deploy"):
    return recipe(kind=kind, base_url=BASE, gate=gate, service="checkout").text


@pytest.mark.parametrize("kind", TEXTS)
def test_the_file_of_the_docs_is_what_the_gates_page_shows(kind):
    found = (ROOT / "docs/recipes" / kind / FILES[kind]).read_text()
    assert found == text_of(kind)


@pytest.mark.parametrize("gate", ["prod-deploy", "Prod_DB:eu@1+x", "9" * 200, "-"])
@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_document_is_one_that_its_api_takes(kind, gate):
    documents = list(yaml.safe_load_all(text_of(kind, gate)))

    for document, schema in zip(documents, SCHEMAS[kind], strict=True):
        errors = jsonschema_rs.Draft202012Validator(schema).iter_errors(document)
        assert [(error.instance_path, error.message) for error in errors] == []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_address_is_one_of_ours_and_the_token_is_not_in_it_yet(kind):
    [url] = {line.split()[-1] for line in text_of(kind).split("\n") if "url:" in line}
    path, _, token = urlsplit(url).path.rpartition("/")

    assert token == "BREAKGLASS_TOKEN"
    assert resolve(path).func.name == kind


# The two builtins that reach outside, or that the engine of the tests has not.
STUB = """
package stub
import rego.v1
external_data(_) := input.answer
send(question) := object.union(input.answer, {"question": question})
moment(text) := input.moments[text]
"""


def rego(source, query, given):
    """Evaluates a recipe with an answer in place of the portal's."""
    for builtin, stub in (
        ("external_data(", "data.stub.external_data("),
        ("http.send(", "data.stub.send("),
        ("time.parse_rfc3339_ns(", "data.stub.moment("),
    ):
        source = source.replace(builtin, stub)
    engine = Interpreter()
    engine.add_module("stub", STUB)
    engine.add_module("recipe", source)
    engine.set_input(given)
    found = str(engine.query(f"[{query}]"))  # alone, a false would be no result
    return json.loads(found)["expressions"][0][0]


def violations(answer):
    document = list(yaml.safe_load_all(text_of("gatekeeper")))[1]
    source = document["spec"]["targets"][0]["rego"]
    labels = {"app.kubernetes.io/name": "checkout"}
    metadata = {"labels": labels, "annotations": {"breakglass/branch": "main"}}
    given = {"review": {"object": {"metadata": metadata}}, "answer": answer}
    found = rego(source, "data.breakglassgate.violation", given)
    return [json.loads(one)["msg"] for one in found]  # a set, as the engine writes it


def provided(value=None, **changed):
    """What Gatekeeper hands to Rego, made of what our provider answers."""
    key = "prod-deploy|checkout|main|"
    responses = [] if value is None else [[key, value]]
    return {
        "status_code": 200,
        "system_error": "",
        "errors": [],
        "responses": responses,
        **changed,
    }


def golden_value(name):
    vector = vectors.load(GOLDEN / "languages/gatekeeper")[name]
    return vector["reply"]["response"]["items"][0]["value"]


def test_gatekeeper_lets_through_on_a_clear_yes_and_on_nothing_else():
    yes = golden_value("passes")
    assert violations(provided(yes)) == []
    for answer in (
        provided(golden_value("no-grant")),
        provided(),
        provided(yes, status_code=401),
        provided(yes, system_error="unauthenticated"),
        provided(yes, errors=[["k", "invalid_input"]]),
        provided(yes, responses=[["another|key||", yes]]),
        provided({**yes, "mode": "Bypass"}),
        {},
    ):
        assert violations(answer), answer


def test_gatekeepers_message_has_the_link():
    [said] = violations(provided(golden_value("no-grant")))

    assert "/requests/new?gate=prod-deploy" in said


def test_gatekeeper_holds_an_object_without_any_metadata():
    """A rule of it that is undefined must not take the violation with it."""
    document = list(yaml.safe_load_all(text_of("gatekeeper")))[1]
    source = document["spec"]["targets"][0]["rego"]
    given = {"review": {}, "answer": provided(golden_value("passes"))}

    assert rego(source, "data.breakglassgate.violation", given)


NOW = 4_000_000_000_000_000_000  # beyond any clock of a test
MOMENTS = {"later": NOW, "over": 1}


def bypassed(answer, deploy_id="run-1"):
    given = {"answer": answer, "moments": MOMENTS, "deploy_id": deploy_id}
    return rego(text_of("opa"), "data.breakglass.bypassed", given)


def answered(status=200, **fields):
    golden = json.loads((GOLDEN / "api/golden/decision-bypass.json").read_text())
    body = {**golden["reply"], "expires_at": "later", **fields}
    return {"status_code": status, "body": body}


def test_opa_lets_through_on_a_clear_yes_and_on_nothing_else(monkeypatch):
    monkeypatch.setenv("BREAKGLASS_TOKEN", "bg_live_secret")
    assert bypassed(answered()) is True
    for answer in (
        answered(decision="enforce"),
        answered(expires_at="over"),
        answered(expires_at="no time"),
        answered(status=401),
        {"status_code": 0, "error": {"message": "timeout"}},
        {},
    ):
        assert bypassed(answer) is False, answer


def test_opa_asks_as_the_api_takes_it_and_only_rehearses(monkeypatch):
    monkeypatch.setenv("BREAKGLASS_TOKEN", "bg_live_secret")
    given = {"answer": answered(), "moments": MOMENTS, "deploy_id": "run-1"}
    asked = rego(text_of("opa"), "data.breakglass.answer.question", given)

    assert asked["url"] == f"{BASE}/api/v1/decisions"
    assert asked["headers"]["Authorization"] == "Bearer bg_live_secret"
    assert asked["body"] == {
        "gate": "prod-deploy",
        "service": "checkout",
        "branch": "",
        "deploy_id": "run-1",
        "dry_run": True,
    }
    assert "force_cache" not in asked
