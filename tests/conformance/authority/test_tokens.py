"""Tokens of the authority: each buys one thing, once."""

import threading

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.conformance.authority.stock_client import (
    ALICE,
    TYPE_ID_TOKEN,
    signing_request,
)


def test_the_exchange_answers_in_the_form_of_rfc_8693(portal):
    answer = portal.exchange()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    content = answer.json()
    token = content.pop("access_token")
    assert content == {
        "issued_token_type": TYPE_ID_TOKEN,
        "token_type": "N_A",
        "expires_in": 300,
    }
    jwks = portal.get("/oidc/jwks").json()
    key = jwt.PyJWKSet.from_dict(jwks)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token, key, algorithms=["ES256"], audience="sigstore", issuer=portal.issuer
    )
    assert claims["email"] == ALICE
    assert claims["email_verified"] is True
    assert claims["exp"] - claims["iat"] == 300


def test_an_id_token_buys_one_certificate(portal):
    bearer = {"Authorization": f"Bearer {portal.id_token()}"}
    first = portal.post("/api/v2/signingCert", signing_request(), **bearer)
    second = portal.post("/api/v2/signingCert", signing_request(), **bearer)
    assert (first.status_code, second.status_code) == (201, 401)
    assert "used before" in second.json()["message"]


def test_one_id_token_raced_by_four_buys_one_certificate(portal):
    bearer = {"Authorization": f"Bearer {portal.id_token()}"}
    start, codes = threading.Barrier(4), []

    def ask() -> None:
        body = signing_request()
        start.wait()
        codes.append(portal.post("/api/v2/signingCert", body, **bearer).status_code)

    workers = [threading.Thread(target=ask) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(codes) == [201, 401, 401, 401]


def test_a_malformed_csr_does_not_use_up_the_token(portal):
    bearer = {"Authorization": f"Bearer {portal.id_token()}"}
    bad = portal.post(
        "/api/v2/signingCert", b'{"certificateSigningRequest": "AA=="}', **bearer
    )
    good = portal.post("/api/v2/signingCert", signing_request(), **bearer)
    assert (bad.status_code, good.status_code) == (400, 201)


def test_only_p256_keys_are_certified(portal):
    bearer = {"Authorization": f"Bearer {portal.id_token()}"}
    body = signing_request(ec.generate_private_key(ec.SECP384R1()))
    answer = portal.post("/api/v2/signingCert", body, **bearer)
    assert answer.status_code == 400
    assert "P-256" in answer.json()["message"]


def test_a_subject_token_buys_one_id_token(portal):
    token = portal.subject_token()
    assert portal.exchange(subject_token=token).status_code == 200
    again = portal.exchange(subject_token=token)
    assert again.status_code == 400
    assert again.json()["error"] == "invalid_request"


def test_a_certificate_needs_an_id_token(portal):
    answer = portal.post("/api/v2/signingCert", signing_request())
    assert answer.status_code == 401
    own = {"Authorization": f"Bearer {portal.subject_token()}"}  # the wrong token
    assert (
        portal.post("/api/v2/signingCert", signing_request(), **own).status_code == 401
    )
