"""Gates ask: a refusal says enforce and writes nothing, a bypass is on record."""

import logging
from datetime import datetime
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.db.utils import InternalError

from breakglass.actors import OPERATOR
from breakglass.errors import NotPermitted, Unavailable
from breakglass.models import AuditEntry, Deploy, Grant
from breakglass.rules.decision import Decision, Reason, Verdict
from breakglass.services import gates, grants, tenants
from breakglass.services.decisions import Answer
from portal.api import counters, decisions
from tests.conformance.api.gate_client import (
    DECISIONS,
    JSON,
    ask,
    assert_enforced,
    call,
    report,
    rows,
)

# The grant is really signed, and signing refuses to wait inside a transaction.
pytestmark = pytest.mark.django_db(transaction=True)

DIGEST = "sha256:" + "9f" * 32


def latest(event):
    return AuditEntry.objects.filter(event=event).order_by("-seq").first()


# --- bypass and enforce ---------------------------------------------------------------


def test_a_bypass_is_on_record_before_its_answer(gate_token, active_grant):
    answer = ask(gate_token, branch="main", artifact=DIGEST, actor="ci[bot]")

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["decision"] == "bypass"
    assert body["bypass_id"] == active_grant.request.bypass_id
    deploy = Deploy.objects.get(deploy_id="run-1")
    assert (deploy.branch, deploy.artifact, deploy.actor) == ("main", DIGEST, "ci[bot]")
    assert latest("deploy.admitted").bypass_id == body["bypass_id"]


def test_the_stated_end_is_never_later_than_the_true_end(gate_token, active_grant):
    stated = datetime.fromisoformat(ask(gate_token).json()["expires_at"])

    assert 0 <= (active_grant.expires_at - stated).total_seconds() < 1


def test_without_a_grant_the_gate_enforces_and_nothing_is_written(gate_token):
    before = rows()

    answer = ask(gate_token)

    assert answer.status_code == 200
    assert (answer.json()["decision"], answer.json()["reason"]) == (
        "enforce",
        "no_grant",
    )
    assert rows() == before


def test_another_scope_is_answered_as_if_there_were_no_grant(
    gate_token, active_grant, subtests
):
    before = rows()
    for service in ("search", "Checkout", "checkout/api"):
        with subtests.test(service=service):
            body = ask(gate_token, service=service).json()

            assert (body["decision"], body["reason"]) == ("enforce", "no_grant")
            assert body["bypass_id"] is body["expires_at"] is body["deploy"] is None
    assert rows() == before


def test_asking_again_for_the_same_deploy_writes_no_second_one(
    gate_token, active_grant
):
    first = ask(gate_token).json()
    before = rows()

    second = ask(gate_token).json()

    assert second["decision"] == "bypass"
    assert second["deploy"] == first["deploy"]
    assert second["decision_id"] != first["decision_id"]
    assert rows() == before


def test_the_same_deploy_with_another_scope_is_enforced(gate_token, active_grant):
    ask(gate_token, branch="main")
    before = rows()

    body = ask(gate_token, branch="other").json()

    assert (body["decision"], body["reason"]) == ("enforce", "no_grant")
    assert rows() == before


def test_after_the_end_the_same_deploy_is_reverted(gate_token, active_grant, advance):
    ask(gate_token)
    advance(15 * 60)

    body = ask(gate_token).json()

    assert (body["decision"], body["reason"]) == ("enforce", "expired")
    assert body["deploy"] == {"id": "run-1", "state": "reverted"}
    assert Deploy.objects.get(deploy_id="run-1").state == "reverted"
    assert latest("deploy.reverted") is not None


def test_at_the_very_end_a_new_deploy_is_enforced(gate_token, active_grant, advance):
    advance(15 * 60)
    before = rows()

    assert ask(gate_token).json()["decision"] == "enforce"
    assert rows() == before


def test_after_an_early_close_the_same_deploy_hears_revoked(
    gate_token, active_grant, acme, people
):
    ask(gate_token)
    grants.revoke(
        tenant=acme,
        bypass_id=active_grant.request.bypass_id,
        person=people.security,
        reason="not needed any more",
    )

    body = ask(gate_token).json()

    assert (body["decision"], body["reason"]) == ("enforce", "revoked")
    assert body["deploy"]["state"] == "reverted"


def test_an_ended_deploy_gets_no_second_bypass(gate_token, active_grant):
    ask(gate_token)
    report(gate_token, "failed")
    before = rows()

    body = ask(gate_token).json()

    assert (body["decision"], body["reason"]) == ("enforce", "ended")
    assert rows() == before


def test_a_dry_run_answers_and_writes_nothing(gate_token, active_grant):
    before = rows()

    body = ask(gate_token, dry_run=True).json()

    assert (body["decision"], body["dry_run"], body["deploy"]) == ("bypass", True, None)
    assert rows() == before


def test_a_dry_run_does_not_revert_what_is_over(gate_token, active_grant, advance):
    ask(gate_token)
    advance(15 * 60)
    before = rows()

    body = ask(gate_token, dry_run=True).json()

    assert (body["decision"], body["reason"]) == ("enforce", "expired")
    assert rows() == before


def test_the_gate_may_be_left_out_because_the_token_names_it(gate_token, active_grant):
    body = {"service": "checkout", "deploy_id": "run-1"}

    answer = call("POST", DECISIONS, token=gate_token, body=body)

    assert answer.json()["decision"] == "bypass"


# --- who asks -------------------------------------------------------------------------


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
    gates.revoke_token(gate=gate, token_id=token.pk, actor=OPERATOR)

    assert_enforced(ask(gate_token), status=401, code="unauthenticated")


def test_the_token_of_an_inactive_gate_is_as_good_as_none(
    gate, gate_token, active_grant
):
    gates.change(
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


# --- what is sent ---------------------------------------------------------------------

GOOD = b'"service": "checkout", "deploy_id": "run-1"'
HOSTILE = {
    "empty": b"",
    "not json": b"service=checkout",
    "a list": b"[]",
    "a string": b'"bypass"',
    "null": b"null",
    "a number": b"1",
    "cut off": b'{"service": "checkout", ',
    "utf-16": '{"service": "checkout", "deploy_id": "run-1"}'.encode("utf-16"),
    "latin-1": '{"service": "checkout", "deploy_id": "run-1", "actor": "é"}'.encode(
        "latin-1"
    ),
    "byte order mark": b"\xef\xbb\xbf{" + GOOD + b"}",
    "equal keys": b"{" + GOOD + b', "dry_run": true, "dry_run": false}',
    "NaN": b"{" + GOOD + b', "actor": NaN}',
    "Infinity": b"{" + GOOD + b', "actor": Infinity}',
    "a huge number": b"{" + GOOD + b', "actor": ' + b"9" * 3900 + b"}",
    "a huge exponent": b"{" + GOOD + b', "actor": 1e99999}',
    "deep lists": b"[" * 4000,
    "deep objects": b'{"a":' * 800,
    "NUL": b"{" + GOOD + b', "actor": "a\\u0000b"}',
    "a raw NUL": b"{" + GOOD + b', "actor": "a\x00b"}',
    "half a surrogate": b"{" + GOOD + b', "actor": "\\ud800"}',
    "a surrogate key": b"{" + GOOD + b', "\\udfff": 1}',
    "unknown field": b"{" + GOOD + b', "decision": "bypass"}',
    "no service": b'{"deploy_id": "run-1"}',
    "no deploy_id": b'{"service": "checkout"}',
    "empty service": b'{"service": "", "deploy_id": "run-1"}',
    "empty gate": b"{" + GOOD + b', "gate": ""}',
    "null branch": b"{" + GOOD + b', "branch": null}',
    "service is a list": b'{"service": ["checkout"], "deploy_id": "run-1"}',
    "service is an object": b'{"service": {"$ne": ""}, "deploy_id": "run-1"}',
    "deploy_id is a number": b'{"service": "checkout", "deploy_id": 1}',
    "deploy_id with a slash": b'{"service": "checkout", "deploy_id": "a/b"}',
    "dry_run is text": b"{" + GOOD + b', "dry_run": "false"}',
    "dry_run is a number": b"{" + GOOD + b', "dry_run": 0}',
    "newline at the end": b'{"service": "checkout\\n", "deploy_id": "run-1"}',
    "wide letters": '{"service": "\uff43heckout", "deploy_id": "run-1"}'.encode(),
    "too long": b'{"service": "' + b"c" * 201 + b'", "deploy_id": "run-1"}',
    "actor on two lines": b"{" + GOOD + b', "actor": "a\\nb"}',
    "actor with an override": b"{" + GOOD + b', "actor": "a\\u202eb"}',
}


def test_a_malformed_body_is_refused_and_nothing_is_written(
    gate_token, active_grant, subtests
):
    before = rows()
    for name, raw in HOSTILE.items():
        with subtests.test(name):
            answer = call("POST", DECISIONS, token=gate_token, raw=raw)

            assert_enforced(answer, status=422)
    assert rows() == before


def test_a_large_body_is_refused_before_it_is_parsed(
    gate_token, active_grant, subtests
):
    raw = b"{" + GOOD + b"}"
    for size in (4097, 5000, 300_000):
        with subtests.test(size=size):
            answer = call("POST", DECISIONS, token=gate_token, raw=raw.ljust(size))

            assert_enforced(answer, status=413, code="too_large")
    assert not Deploy.objects.exists()


def test_a_body_of_exactly_the_limit_is_read(gate_token, active_grant):
    raw = (b"{" + GOOD + b"}").ljust(4096)

    answer = call("POST", DECISIONS, token=gate_token, raw=raw)

    assert answer.json()["decision"] == "bypass"


def test_an_odd_length_is_refused(gate_token, subtests):
    for length, status in (("9" * 5000, 413), ("-1", 400), ("1e3", 400), ("²", 400)):
        with subtests.test(length=length[:9]):
            stated = {"Content-Length": length}
            answer = call("POST", DECISIONS, token=gate_token, raw=b"{}", **stated)

            assert_enforced(answer, status=status)


def test_a_body_that_was_cut_off_is_refused(gate_token, active_grant, rf):
    whole = b"{" + GOOD + b"}"
    request = rf.post(
        DECISIONS, whole, JSON, headers={"Authorization": f"Bearer {gate_token}"}
    )
    request.META["CONTENT_LENGTH"] = str(len(whole) + 1)

    assert_enforced(decisions.decide(request), status=400, code="bad_request")
    assert not Deploy.objects.exists()


def test_another_media_type_is_refused(gate_token, subtests):
    raw = b"{" + GOOD + b"}"
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "json"):
        with subtests.test(kind=kind):
            answer = call(
                "POST", DECISIONS, token=gate_token, raw=raw, content_type=kind
            )

            assert_enforced(answer, status=415, code="unsupported_media_type")


def test_a_media_type_may_state_its_charset(gate_token, active_grant):
    answer = call(
        "POST",
        DECISIONS,
        token=gate_token,
        raw=b"{" + GOOD + b"}",
        content_type="application/json; charset=utf-8",
    )

    assert answer.json()["decision"] == "bypass"


def test_other_methods_are_refused(subtests):
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        with subtests.test(method=method):
            answer = call(method, DECISIONS, body={})

            assert answer.status_code == 405
            assert answer["Allow"] == "POST"
            assert answer["Cache-Control"] == "no-store"


def test_no_address_under_api_answers_with_a_page(subtests):
    for path in ("", "v1/", "v1/decisions/", "v1/decision", "%00", "é", "v1\n"):
        for method in ("GET", "POST", "DELETE"):
            with subtests.test(path=path, method=method):
                answer = call(method, f"/api/{path}", body={})

                assert_enforced(answer, status=404, code="not_found")


# --- when it breaks -------------------------------------------------------------------


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
    monkeypatch.setattr("portal.api.auth.access.gate_by_token", gone)

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


def test_a_decision_takes_few_queries(
    gate_token, active_grant, django_assert_max_num_queries
):
    with django_assert_max_num_queries(8):
        ask(gate_token, service="search")


def test_what_was_decided_is_counted(gate_token, active_grant):
    counter = counters.DECISIONS.labels("bypass", "grant_in_force", "live")
    before = counter._value.get()

    ask(gate_token)

    assert counter._value.get() == before + 1
    assert Grant.objects.get().deploys.count() == 1
