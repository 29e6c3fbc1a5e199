"""Whatever is sent to the authority, it answers in JSON and keeps serving."""

import base64
import json
from urllib.parse import quote, urlencode

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.authority.stock_client import (
    EXCHANGE,
    TIMEOUT,
    proposed_entry,
    signing_request,
)


def envelope(**change) -> dict:
    content = {"payload": "AA==", "payloadType": "t", "signatures": [{"sig": "AA=="}]}
    return {"envelope": json.dumps(content | change)}


HASH = "A" * 43 + "="  # base64 of 32 bytes
DEEP = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
NOT_JSON = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"42",
    b'"text"',
    b"\xff\xfe{\x00}\x00",  # UTF-16, which json.loads would take
    b'{"kind": "\xff"}',
    b'{"kind": NaN}',
    DEEP,
    b'{"kind": "' + b"x" * 600_000 + b'"}',
    b'{"a": ' + b"9" * 10_000 + b"}",
    b'{"kind": "\\ud800"}',
]
BAD_CSR = [
    {},
    {"certificateSigningRequest": None},
    {"certificateSigningRequest": 5},
    {"certificateSigningRequest": ["x"]},
    {"certificateSigningRequest": "!!!"},
    {"certificateSigningRequest": "ä"},
    {"certificateSigningRequest": "AAAA"},
    {"certificateSigningRequest": base64.b64encode(b"-----BEGIN X-----").decode()},
    {"publicKeyRequest": {}},
]
BAD_ENTRY = [
    {"kind": "hashedrekord"},
    {"kind": "intoto"},
    {"apiVersion": "0.0.2"},
    {"kind": 5, "apiVersion": []},
    {"spec": None},
    {"spec": []},
    {"spec": {"proposedContent": "x"}},
    {"spec": {"proposedContent": {}}},
]
BAD_CONTENT = [
    {"verifiers": []},
    {"verifiers": "x"},
    {"verifiers": [None]},
    {"verifiers": ["!"]},
    {"verifiers": ["AAAA"]},
    {"envelope": 5},
    {"envelope": ""},
    {"envelope": "\ud800"},
    {"envelope": "{"},
    {"envelope": "[]"},
    {"envelope": DEEP.decode()},
    envelope(payload=1),
    envelope(payload="AA"),
    envelope(payloadType=1),
    envelope(payloadType="\ud800"),
    envelope(signatures=[]),
    envelope(signatures=[1]),
    envelope(signatures=[{}]),
    envelope(signatures=[{"sig": "!"}]),
    envelope(signatures=[{"sig": "AA=="}]),  # well-formed, and no signature
]


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        yield session


def require_bad_request(answer: requests.Response) -> None:
    assert answer.status_code == 400, answer.text[:200]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()


@pytest.mark.parametrize(
    "path", ["/api/v2/signingCert", "/api/v1/log/entries", "/oidc/token"]
)
@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_a_malformed_body_is_a_bad_request(portal, path, body):
    # The token does not matter: what is malformed is said before who may ask.
    headers = {"Authorization": "Bearer x"}
    require_bad_request(portal.post(path, body, **headers))


@pytest.mark.parametrize("content", BAD_CSR, ids=range(len(BAD_CSR)))
def test_a_malformed_certificate_request_is_a_bad_request(portal, content):
    bearer = {"Authorization": f"Bearer {portal.id_token()}"}
    body = json.dumps(content).encode()
    require_bad_request(portal.post("/api/v2/signingCert", body, **bearer))


@pytest.mark.parametrize("change", BAD_ENTRY, ids=range(len(BAD_ENTRY)))
def test_a_malformed_entry_is_a_bad_request(portal, bundle, change):
    body = json.dumps(proposed_entry(bundle) | change).encode()
    require_bad_request(portal.post("/api/v1/log/entries", body))


@pytest.mark.parametrize("change", BAD_CONTENT, ids=range(len(BAD_CONTENT)))
def test_a_malformed_envelope_is_a_bad_request(portal, bundle, change):
    proposed = proposed_entry(bundle)
    proposed["spec"]["proposedContent"] |= change
    body = json.dumps(proposed).encode()
    require_bad_request(portal.post("/api/v1/log/entries", body))


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "..", "é.é.é", "e30.e30.e30", "A" * 100_000],
    ids=range(6),
)
def test_a_malformed_id_token_is_refused(portal, token):
    request = json.loads(signing_request())
    request["credentials"] = {"oidcIdentityToken": token}
    answer = portal.post("/api/v2/signingCert", json.dumps(request).encode())
    assert answer.status_code == 401
    assert answer.json()["code"] == 401


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"grant_type=%FF",
        b"grant_type=a&grant_type=b",
        b"&".join(b"f%d=1" % i for i in range(100)),
        b"grant_type=" + EXCHANGE.encode(),
    ],
    ids=range(5),
)
def test_a_malformed_form_is_a_bad_request(portal, body):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    require_bad_request(portal.post("/oidc/token", body, **form))


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/log/entries",
        "/api/v1/log/entries?logIndex=-1",
        "/api/v1/log/entries?logIndex=1.5",
        "/api/v1/log/entries?logIndex=%D9%A1",
        "/api/v1/log/entries?logIndex=1&logIndex=2",
        "/api/v1/log/entries?logIndex=99999999999999999999",
        "/api/v1/log/entries?logIndex=%ff",
        "/api/v1/log/entries?logIndex=1&x=" + "y" * 3000,
        "/api/v1/log/proof",
        "/api/v1/log/proof?firstSize=0&lastSize=1",
        "/api/v1/log/proof?firstSize=2&lastSize=1",
        "/api/v1/log/proof?firstSize=1&lastSize=99999999",
        "/api/v1/log/proof?lastSize=1&treeID=x",
        "/api/v1/log/proof?lastSize=1&treeID=-1",
        "/ct/v1/get-sth?generation=",
        "/ct/v1/get-sth?generation=one",
        "/ct/v1/get-sth?generation=1&generation=1",
        "/ct/v1/get-sth?generation=%ff",
        "/ct/v1/get-roots?generation=-1",
        "/ct/v1/get-sth-consistency",
        "/ct/v1/get-sth-consistency?first=1",
        "/ct/v1/get-sth-consistency?first=0&second=1",
        "/ct/v1/get-sth-consistency?first=2&second=1",
        "/ct/v1/get-sth-consistency?first=1&second=99999999",
        "/ct/v1/get-proof-by-hash",
        "/ct/v1/get-proof-by-hash?hash=!&tree_size=1",
        "/ct/v1/get-proof-by-hash?hash=AAAA&tree_size=1",
        f"/ct/v1/get-proof-by-hash?hash={HASH}",
        f"/ct/v1/get-proof-by-hash?hash={HASH}&tree_size=0",
        f"/ct/v1/get-proof-by-hash?hash={HASH}&tree_size=99999999",
        f"/ct/v1/get-proof-by-hash?hash={HASH}&tree_size=1e3",
        "/ct/v1/get-entries",
        "/ct/v1/get-entries?start=0",
        "/ct/v1/get-entries?start=1&end=0",
        "/ct/v1/get-entries?start=-1&end=0",
        "/ct/v1/get-entries?start=99999999&end=99999999",
        "/ct/v1/get-entries?start=0&end=9999999999999999",
    ],
)
def test_a_malformed_query_is_a_bad_request(portal, bundle, path):
    require_bad_request(portal.get(path))


NAMES = [
    *("logIndex", "firstSize", "lastSize", "treeID", "generation", "hash"),
    *("tree_size", "first", "second", "start", "end"),
]
READABLE = [
    *("/api/v1/log", "/api/v1/log/proof", "/api/v1/log/entries", "/ct/v1/get-sth"),
    *("/ct/v1/get-sth-consistency", "/ct/v1/get-proof-by-hash"),
    *("/ct/v1/get-entries", "/ct/v1/get-roots"),
]
VALUES = st.one_of(
    st.integers(-2, 40).map(str),
    st.integers().map(str),
    st.text(max_size=12),
    st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode()),
    st.sampled_from(["", "0x1", "1_0", "١", "1.0", " 1", "NaN", HASH, "\x00", "+1"]),
)


@settings(max_examples=400, deadline=None)
@given(
    path=st.sampled_from(READABLE),
    fields=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
    junk=st.text(alphabet="&=%;#abc\xff+", max_size=8),
)
def test_no_query_makes_the_authority_fail(portal, session, path, fields, junk):
    query = urlencode(fields) + "&" + quote(junk, safe="&=%;+")
    answer = session.get(f"{portal.url}{path}?{query}", timeout=TIMEOUT)
    assert answer.status_code in {200, 400, 404}, (query, answer.text[:200])
    assert answer.headers["Content-Type"] == "application/json"
    content = answer.json()
    if answer.status_code != 200:
        assert content["code"] == answer.status_code
        assert content["message"]


def test_a_body_that_hides_its_length_is_cut_off(portal):
    def chunks():
        for _ in range(100):
            yield b" " * 10_000

    address = f"{portal.url}/api/v1/log/entries"
    require_bad_request(requests.post(address, data=chunks(), timeout=TIMEOUT))


def test_unknown_paths_and_methods_are_answered_in_json(portal):
    assert portal.get("/nothing").json()["code"] == 404
    answer = requests.put(f"{portal.url}/api/v1/log/entries", timeout=TIMEOUT)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


def test_the_authority_says_that_it_is_well(portal):
    answer = portal.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["entries"] >= 1
