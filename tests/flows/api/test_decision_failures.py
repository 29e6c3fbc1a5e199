"""When deciding breaks, or stands ahead of the pages: the gate hears enforce."""

import logging
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.db.utils import InternalError

from breakglass.errors import NotPermitted, Unavailable
from breakglass.rules.decision import Decision, Reason, Verdict
from breakglass.services.admissions import Answer
from portal.api import counters, decisions
from tests.conformance.api.gate_client import DECISIONS, ask, assert_enforced, call

# The grant is really signed, and signing refuses to wait inside a transaction.
pytestmark = pytest.mark.django_db(transaction=True)

TROUBLE = (
    (OperationalError("canceling statement due to lock timeout"), 503, "unavailable"),
    (InternalError("cannot execute INSERT in a read-only transaction"), 503, ""),
    (Unavailable("later"), 503, "unavailable"),
    (NotPermitted("no"), 403, "not_permitted"),
    (RuntimeError("secret inside"), 500, "internal_error"),
    (RecursionError(), 500, "internal_error"),
    (MemoryError(), 500, "internal_error"),
    (StopIteration(), 500, "internal_error"),
)


def test_whatever_breaks_inside_the_gate_hears_enforce(
    gate_token, monkeypatch, subtests
):
    for trouble, status, code in TROUBLE:
        with subtests.test(repr(trouble)):
            monkeypatch.setattr(decisions.decisions, "decide", raising(trouble))

            answer = ask(gate_token)

            assert_enforced(answer, status=status, code=code)
            assert b"secret" not in answer.content


def raising(trouble):
    def broken(**_):
        raise trouble

    return broken


def test_a_failure_is_logged_with_its_traceback_and_counted(
    gate_token, monkeypatch, caplog
):
    monkeypatch.setattr(decisions.decisions, "decide", raising(RuntimeError()))
    counter = counters.ERRORS.labels("decisions", "internal_error")
    before = counter._value.get()

    with caplog.at_level(logging.ERROR, logger="portal.api.refusals"):
        ask(gate_token)

    ours = [r for r in caplog.records if r.name == "portal.api.refusals"]
    assert [record.message for record in ours] == ["api.failed"]
    assert ours[0].exc_info
    assert counter._value.get() == before + 1


def test_half_a_bypass_never_leaves(gate_token, active_grant, monkeypatch, subtests):
    end = active_grant.expires_at
    whole = {
        "bypass_id": "BG-7Q4MZK",
        "expires_at": end,
        "deploy": SimpleNamespace(deploy_id="a", state="admitted"),
        "evaluated_at": active_grant.starts_at,
    }
    broken = {"bypass_id": "", "expires_at": None, "deploy": None, "evaluated_at": end}
    for name, value in broken.items():
        with subtests.test(name):
            made = bypass(active_grant, **{**whole, name: value})
            monkeypatch.setattr(decisions.decisions, "decide", lambda *, m=made, **_: m)

            assert_enforced(ask(gate_token), status=500, code="internal_error")


def bypass(grant, *, bypass_id, expires_at, deploy, evaluated_at):
    decision = Decision(
        Verdict.BYPASS,
        Reason.GRANT_IN_FORCE,
        bypass_id=bypass_id,
        expires_at=expires_at,
    )
    return Answer(
        decision=decision,
        deploy=deploy,
        policy_version=1,
        evaluated_at=evaluated_at,
        decision_id=grant.statement.public_id,
    )


def test_the_database_going_away_is_answered_with_enforce(gate_token, monkeypatch):
    gone = raising(OperationalError("the connection is closed"))
    monkeypatch.setattr("portal.api.auth.access.token_by_hash", gone)

    assert_enforced(ask(gate_token), status=503, code="unavailable")


@pytest.fixture
def front(settings):
    """The front, where an installation puts it: right behind the first headers."""
    at = settings.MIDDLEWARE.index("django.middleware.security.SecurityMiddleware")
    front = "portal.api.front.GateFrontMiddleware"
    others = [name for name in settings.MIDDLEWARE if name != front]
    settings.MIDDLEWARE = [*others[: at + 1], front, *others[at + 1 :]]


def test_ahead_of_sessions_the_answers_are_the_same(front, gate_token, active_grant):
    assert ask(gate_token).json()["decision"] == "bypass"
    assert_enforced(ask("bg_live_" + "x" * 43), status=401, code="unauthenticated")
    assert_enforced(call("GET", "/api/v1/nothing"), status=404, code="not_found")


def test_ahead_of_sessions_a_strange_host_or_cookie_makes_no_page(
    front, gate_token, settings
):
    strange = {"Host": "strange.example", "Cookie": "sessionid=" + "x" * 32}
    body = {"service": "checkout", "deploy_id": "run-1"}

    answer = call("POST", DECISIONS, token=gate_token, body=body, **strange)

    assert answer.json()["reason"] == "no_grant"
    assert "Vary" not in answer


def test_a_decision_needs_no_redis(gate_token, active_grant, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"

    assert ask(gate_token).json()["decision"] == "bypass"
