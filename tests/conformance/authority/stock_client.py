"""The stock sigstore client in the portal's place, and what it sends."""

import base64
import copy
import hashlib
import json
import secrets
import time
from pathlib import Path

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore import dsse
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

ALICE = "alice@acme.example"
TIMEOUT = 10
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE_JWT = "urn:ietf:params:oauth:token-type:jwt"
TYPE_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


class Portal:
    """What the portal does: vouch for a person, sign, verify."""

    def __init__(self, url: str, trust_config: Path, key: Path) -> None:
        self.url = url
        self.trust_config = trust_config
        self.key = serialization.load_pem_private_key(key.read_bytes(), None)
        discovery = f"{url}/oidc/.well-known/openid-configuration"
        self.issuer = requests.get(discovery, timeout=TIMEOUT).json()["issuer"]
        self.trust = ClientTrustConfig.from_json(trust_config.read_text())

    def subject_token(self, email: str = ALICE, **other) -> str:
        now = int(time.time())
        claims = {
            "iss": "portal",
            "aud": self.issuer,
            "sub": "2f0c6d6e-0000-4000-8000-000000000001",
            "email": email,
            "jti": secrets.token_urlsafe(24),
            "iat": now,
            "exp": now + 60,
        }
        return jwt.encode({**claims, **other}, self.key, algorithm="ES256")

    def form(self, **other) -> dict[str, str]:
        fields = {
            "grant_type": EXCHANGE,
            "subject_token": self.subject_token(),
            "subject_token_type": TYPE_JWT,
            "audience": "sigstore",
        }
        return {**fields, **other}

    def exchange(self, **other) -> requests.Response:
        address = f"{self.url}/oidc/token"
        return requests.post(address, data=self.form(**other), timeout=TIMEOUT)

    def id_token(self, email: str = ALICE) -> str:
        answer = self.exchange(subject_token=self.subject_token(email))
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def sign(self, statement: dsse.Statement, email: str = ALICE) -> Bundle:
        context = SigningContext.from_trust_config(self.trust)
        with context.signer(IdentityToken(self.id_token(email))) as signer:
            return signer.sign_dsse(statement)

    def verify(self, bundle: Bundle, email: str = ALICE, issuer: str = "") -> bytes:
        rule = policy.AllOf(
            [
                policy.Identity(identity=email),
                policy.OIDCIssuer(issuer or self.issuer),
                policy.OIDCIssuerV2(issuer or self.issuer),
            ]
        )
        verifier = Verifier(trusted_root=self.trust.trusted_root)
        kind, payload = verifier.verify_dsse(bundle, rule)
        assert kind == "application/vnd.in-toto+json"
        return payload

    def post(self, path: str, body: bytes, **headers: str) -> requests.Response:
        address = f"{self.url}{path}"
        return requests.post(address, data=body, headers=headers, timeout=TIMEOUT)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=TIMEOUT)


def digest_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def statement_of(name: str) -> dsse.Statement:
    subject = dsse.Subject(name=name, digest={"sha256": digest_of(name)})
    return (
        dsse.StatementBuilder()
        .subjects([subject])
        .predicate_type("https://breakglass.dev/test/v1")
        .predicate({"verdict": "approved", "reason": "schöner Test"})
        .build()
    )


def signing_request(key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    pem = csr.public_bytes(serialization.Encoding.PEM)
    encoded = base64.b64encode(pem).decode()
    return json.dumps({"certificateSigningRequest": encoded}).encode()


def proposed_entry(bundle: Bundle) -> dict:
    """What the stock client posted to the log for *bundle*."""
    text = json.dumps(json.loads(bundle.to_json())["dsseEnvelope"])
    pem = certificate_of(bundle).public_bytes(serialization.Encoding.PEM)
    return proposal(text, pem)


def proposal(envelope_text: str, pem: bytes) -> dict:
    encoded = base64.b64encode(pem).decode()
    proposed = {"envelope": envelope_text, "verifiers": [encoded]}
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {"proposedContent": proposed},
    }


def tampered(bundle: Bundle, *path, value) -> Bundle:
    content = copy.deepcopy(json.loads(bundle.to_json()))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value(place[path[-1]]) if callable(value) else value
    return Bundle.from_json(json.dumps(content))


def flip(encoded: str) -> str:
    raw = bytearray(base64.b64decode(encoded))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


def certificate_of(bundle: Bundle) -> x509.Certificate:
    material = json.loads(bundle.to_json())["verificationMaterial"]
    der = base64.b64decode(material["certificate"]["rawBytes"])
    return x509.load_der_x509_certificate(der)
