"""Who asks for a decision: only a gate's own token, about that gate, is answered."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.services.gates import registry, tokens
from breakglass.services.tenancy import tenants
from tests.conformance.api.gate_client import (
    DECISIONS,
    ask,
    assert_enforced,
    call,
    rows,
)

# The grant is really signed, and signing refuses to wait inside a transaction.
pytestmark = pytest.mark.django_db(transaction=True)


NOT_THE_TOKEN = (
    "",
    "Bearer",
    "Bearer ",
    "Basic {token}",
    "{token}",
    "Bearer {token} {token}",
    "Bearer {token}, Bearer {token}",
    "Bearer {token}x",
    "Bearer {token}\x00",
    "Bearer \u00e9" + "x" * 30,
    "Bearer " + "x" * 5000,
    "Bearer bg_live_" + "x" * 43,
)


def test_without_the_right_token_nobody_is_answered(gate_token, active_grant, subtests):
    before = rows()
    body = {"service": "checkout", "deploy_id": "run-1"}
    for header in NOT_THE_TOKEN:
        with subtests.test(header=ascii(header[:40])):
            sent = header.format(token=gate_token)
            answer = call("POST", DECISIONS, body=body, Authorization=sent)

            assert_enforced(answer, status=401, code="unauthenticated")
            assert answer["WWW-Authenticate"].startswith("Bearer")
    assert rows() == before


def test_a_revoked_token_is_as_good_as_none(gate, gate_token, active_grant):
    token = gate.tokens.get()
    tokens.revoke(gate=gate, token_id=token.pk, actor=OPERATOR)

    assert_enforced(ask(gate_token), status=401, code="unauthenticated")


def test_the_token_of_an_inactive_gate_is_as_good_as_none(
    gate, gate_token, active_grant
):
    registry.change(
        gate=gate,
        actor=OPERATOR,
        name=gate.name,
        environment="",
        data_class="",
        is_active=False,
    )

    assert_enforced(ask(gate_token), status=401, code="unauthenticated")


def test_the_token_of_an_inactive_tenant_is_as_good_as_none(
    acme, gate_token, active_grant
):
    tenants.change(tenant=acme, actor=OPERATOR, name=acme.name, is_active=False)

    assert_enforced(ask(gate_token), status=401, code="unauthenticated")


def test_another_tenants_gate_of_the_same_name_sees_no_grant(
    other_gate_token, active_grant
):
    before = rows()

    body = ask(other_gate_token).json()

    assert (body["decision"], body["reason"]) == ("enforce", "no_grant")
    assert body["bypass_id"] is None
    assert rows() == before


def test_another_gates_name_is_refused_whether_or_not_it_exists(
    gate_token, database_gate, active_grant
):
    before = rows()

    known, unknown = (ask(gate_token, gate=name) for name in ("db-migrate", "nowhere"))

    error = assert_enforced(known, status=403, code="not_permitted")
    assert error["field"] == "gate"
    assert known.content == unknown.content
    assert rows() == before


def test_a_probe_from_another_tenant_learns_nothing(
    other_gate_token, database_gate, active_grant
):
    known, unknown = (
        ask(other_gate_token, gate=name) for name in ("db-migrate", "nowhere")
    )

    assert_enforced(known, status=403, code="not_permitted")
    assert known.content == unknown.content
