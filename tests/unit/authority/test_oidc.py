"""Who gets an ID token, who gets a certificate, and who is refused."""

import base64
import json
import secrets
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import oidc
from breakglass.authority.errors import Refused, TokenRefused
from breakglass.authority.oidc import Issuer

URL = "http://127.0.0.1:8001"
JTI = "jti-0123456789abcdef"


class UsedTokens(set):
    """Single use without a database."""

    def consume(self, identity) -> bool:
        fresh = identity.jti not in self
        self.add(identity.jti)
        return fresh


@pytest.fixture
def issuer(installation) -> Issuer:
    return Issuer(
        constants=installation.constants,
        key=installation.ring.oidc,
        portal_key=installation.portal_key,
        public_url=URL,
    )


@pytest.fixture
def portal_key(base):
    pem = (base / "portal/portal_key.pem").read_bytes()
    return serialization.load_pem_private_key(pem, None)


@pytest.fixture
def claims(constants) -> dict:
    now = int(time.time())
    return {
        "iss": "portal",
        "aud": constants.issuer,
        "sub": "2f0c6d6e-0000-4000-8000-000000000001",
        "email": "alice@acme.example",
        "jti": secrets.token_urlsafe(24),
        "iat": now,
        "exp": now + 120,
    }


def form(token: str, **other) -> dict[str, str]:
    fields = {
        "grant_type": oidc.GRANT_TYPE,
        "subject_token": token,
        "subject_token_type": oidc.TYPE_JWT,
        "audience": "sigstore",
    }
    return {**fields, **other}


def signed(claims, key) -> str:
    return jwt.encode(claims, key, algorithm="ES256")


def test_a_good_subject_token_is_exchanged_for_an_id_token(issuer, portal_key, claims):
    answer = issuer.exchange(form(signed(claims, portal_key)), UsedTokens().consume)
    token = answer.pop("access_token")
    assert answer == {
        "issued_token_type": oidc.TYPE_ID_TOKEN,
        "token_type": "N_A",
        "expires_in": 300,
    }
    identity = issuer.verify(token)
    assert identity.subject == claims["sub"]
    assert identity.email == claims["email"]
    assert identity.jti != claims["jti"]
    assert identity.expires_at == pytest.approx(time.time() + 300, abs=5)


def test_a_subject_token_is_used_once(issuer, portal_key, claims):
    used = UsedTokens()
    token = signed(claims, portal_key)
    issuer.exchange(form(token), used.consume)
    with pytest.raises(TokenRefused, match="used before") as refusal:
        issuer.exchange(form(token), used.consume)
    assert (refusal.value.status, refusal.value.code) == (400, "invalid_request")


BAD_CLAIMS = {
    "another audience": {"aud": "https://evil.example"},
    "our audience among others": {"aud": ["https://breakglass.internal/oidc", "x"]},
    "another issuer": {"iss": "somebody"},
    "expired": {"iat": -100, "exp": -10},
    "issued in the future": {"iat": 60, "exp": 120},
    "not valid yet": {"nbf": 60},
    "too long a life": {"exp": 121},
    "a life of text": {"exp": "tomorrow"},
    "an endless life": {"exp": float("inf")},
    "no jti": {"jti": None},
    "a short jti": {"jti": "x"},
    "a jti with a zero byte": {"jti": "\0" * 20},
    "a jti that is a number": {"jti": 1234567890123456},
    "no e-mail": {"email": None},
    "no address": {"email": "alice"},
    "two addresses": {"email": "alice@acme.example,bob@acme.example"},
    "an address beyond ASCII": {"email": "älice@acme.example"},
    "a new line in the address": {"email": "alice@acme.example\n"},
    "an e-mail that is a list": {"email": ["alice@acme.example"]},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 42},
    "a subject with a space": {"sub": "a b"},
}


@pytest.mark.parametrize("change", BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
def test_a_subject_token_with_bad_claims_is_refused(issuer, portal_key, claims, change):
    now = claims["iat"]
    for name, value in change.items():
        if name in {"iat", "exp", "nbf"} and isinstance(value, int):
            claims[name] = now + value
        else:
            claims[name] = value
    claims = {name: value for name, value in claims.items() if value is not None}
    used = UsedTokens()
    with pytest.raises(TokenRefused):
        issuer.exchange(form(signed(claims, portal_key)), used.consume)
    assert not used, "a refused token was used up"


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "iat", "exp", "jti", "email"])
def test_a_subject_token_without_a_claim_is_refused(issuer, portal_key, claims, name):
    del claims[name]
    with pytest.raises(TokenRefused):
        issuer.exchange(form(signed(claims, portal_key)), UsedTokens().consume)


def unsigned(claims, **header) -> str:
    parts = ({"alg": "none", **header}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(p).encode()) for p in parts)
    return ".".join(e.rstrip(b"=").decode() for e in encoded) + "."


def test_a_subject_token_under_another_key_is_refused(issuer, installation, claims):
    for key in (ec.generate_private_key(ec.SECP256R1()), installation.ring.oidc):
        with pytest.raises(TokenRefused):
            issuer.exchange(form(signed(claims, key)), UsedTokens().consume)


def test_a_subject_token_without_a_signature_is_refused(issuer, claims):
    for algorithm in ("none", "None", "ES256", "HS256"):
        token = unsigned(claims, alg=algorithm)
        with pytest.raises(TokenRefused):
            issuer.exchange(form(token), UsedTokens().consume)


def test_the_public_key_is_no_shared_secret(issuer, installation, claims):
    pem = installation.layout.portal_public.read_text()
    # PyJWT refuses to sign like this, an attacker would not: build it by hand.
    head, body, _ = unsigned(claims, alg="HS256").split(".")
    digest = jwt.get_algorithm_by_name("HS256")
    mac = digest.sign(f"{head}.{body}".encode(), pem.encode())
    token = f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(TokenRefused, match="alg"):
        issuer.exchange(form(token), UsedTokens().consume)


@pytest.mark.parametrize(
    "token",
    ["", "x", "..", "a.b.c", "é.é.é", "\ud800", "e30.e30.e30", "A" * 10_000],
)
def test_text_that_is_no_token_is_refused(issuer, token):
    with pytest.raises(TokenRefused):
        issuer.exchange(form(token), UsedTokens().consume)
    with pytest.raises(Refused) as refusal:
        issuer.verify(token)
    assert refusal.value.status == 401


def test_a_token_whose_header_nests_too_deep_is_refused(issuer):
    deep = base64.urlsafe_b64encode(b'{"a":' * 90_000 + b"1" + b"}" * 90_000)
    with pytest.raises(Refused):
        issuer.verify(f"{deep.rstrip(b'=').decode()}.e30.e30")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"subject_token_type": oidc.TYPE_ID_TOKEN}, "invalid_request"),
        ({"requested_token_type": oidc.TYPE_JWT}, "invalid_request"),
        ({"audience": "somebody"}, "invalid_target"),
        ({"subject_token": ""}, "invalid_request"),
    ],
)
def test_another_kind_of_request_is_refused_with_its_code(
    issuer, portal_key, claims, change, code
):
    fields = form(signed(claims, portal_key)) | change
    with pytest.raises(TokenRefused) as refusal:
        issuer.exchange(fields, UsedTokens().consume)
    assert refusal.value.code == code
    with pytest.raises(TokenRefused):
        issuer.exchange({}, UsedTokens().consume)


@pytest.fixture
def id_claims(constants, claims) -> dict:
    own = {
        "iss": constants.issuer,
        "aud": "sigstore",
        "email_verified": True,
        "jti": JTI,
    }
    return claims | own


def test_an_id_token_of_our_own_is_accepted(issuer, installation, id_claims):
    assert issuer.verify(signed(id_claims, installation.ring.oidc)).jti == JTI


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"aud": "somebody"},
        {"exp": 1},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"jti": None},
        {"email": None},
    ],
)
def test_any_other_id_token_is_refused(issuer, installation, id_claims, change):
    changed = {k: v for k, v in (id_claims | change).items() if v is not None}
    with pytest.raises(Refused) as refusal:
        issuer.verify(signed(changed, installation.ring.oidc))
    assert refusal.value.status == 401


def test_a_subject_token_is_no_id_token(issuer, portal_key, id_claims):
    with pytest.raises(Refused):
        issuer.verify(signed(id_claims, portal_key))


def test_discovery_names_the_constant_issuer_and_the_real_addresses(issuer, constants):
    document = issuer.discovery()
    assert document["issuer"] == constants.issuer
    assert document["token_endpoint"] == f"{URL}/oidc/token"
    (key,) = issuer.jwks()["keys"]
    assert set(key) == {"kty", "crv", "use", "alg", "kid", "x", "y"}
    assert len(base64.urlsafe_b64decode(key["x"] + "=")) == 32
