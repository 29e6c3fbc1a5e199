"""What is sent with a question: a body that is not exactly right means enforce."""

import pytest

from breakglass.models import Deploy
from portal.api import decisions
from tests.conformance.api.gate_client import (
    DECISIONS,
    JSON,
    assert_enforced,
    call,
    rows,
)

# The grant is really signed, and signing refuses to wait inside a transaction.
pytestmark = pytest.mark.django_db(transaction=True)

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
