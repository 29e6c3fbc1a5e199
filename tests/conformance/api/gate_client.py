"""A gate as tests speak for it, and a picture of the database to compare with."""

import json

from django.apps import apps
from django.test import Client

from breakglass.models import Gate, GateContact

DECISIONS = "/api/v1/decisions"
HEARTBEAT = "/api/v1/gates/heartbeat"
JSON = "application/json"


def deploy_path(deploy_id):
    """Returns the address of one deploy."""
    return f"/api/v1/deploys/{deploy_id}"


def call(method, path, *, token="", body=None, raw=None, content_type=JSON, **headers):
    """Sends one request as a gate does: no cookies, no CSRF token."""
    if token:
        headers = {"Authorization": f"Bearer {token}", **headers}
    data = json.dumps(body).encode() if raw is None else raw
    # Stated as headers too: the test client leaves both out of an empty request.
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(len(data)),
        **headers,
    }
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    return client.generic(
        method, path, data, content_type=content_type, headers=headers
    )


def ask(token, **fields):
    """Asks about a deploy of `checkout`."""
    body = {"gate": "prod-deploy", "service": "checkout", "deploy_id": "run-1"}
    return call("POST", DECISIONS, token=token, body={**body, **fields})


def report(token, state, *, deploy_id="run-1"):
    """Reports the end of a deploy."""
    return call("PATCH", deploy_path(deploy_id), token=token, body={"state": state})


def beat(token, **fields):
    """Sends a heartbeat."""
    return call("POST", HEARTBEAT, token=token, body=fields)


def rows():
    """
    Returns every row of the domain, to see whether a call changed any.

    But for the gate's last contact, which is no decision: see test_contacts.py.
    """
    models = set(apps.get_app_config("breakglass").get_models()) - {GateContact}
    found = {
        model: list(model._base_manager.order_by("pk").values()) for model in models
    }
    for gate in found[Gate]:
        del gate["last_seen_at"], gate["tested_at"], gate["beat_at"]
    return found


def assert_enforced(answer, *, status, code=""):
    """Checks the one shape of every refusal."""
    assert answer.status_code == status, answer.content
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"] == JSON
    assert not answer.cookies
    body = json.loads(answer.content)
    assert body["decision"] == "enforce"
    assert set(body) == {"error", "decision"}
    assert body["error"]["detail"]
    assert set(body["error"]) <= {"code", "detail", "field"}
    if code:
        assert body["error"]["code"] == code
    return body["error"]
