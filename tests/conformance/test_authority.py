"""The embedded authority against the stock sigstore client, over real HTTP."""

import base64
import copy
import hashlib
import json
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore import dsse
from sigstore.errors import VerificationError
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


@pytest.fixture(scope="module")
def portal(authority_url, trust_config_path, portal_key_path) -> Portal:
    return Portal(authority_url, Path(trust_config_path), Path(portal_key_path))


@pytest.fixture(scope="module")
def bundle(portal) -> Bundle:
    return portal.sign(statement_of("bundle"))


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


# --- signing and verifying -----------------------------------------------------------


def test_a_statement_signed_by_the_stock_client_verifies_offline(portal, bundle):
    parsed = Bundle.from_json(bundle.to_json())
    assert json.loads(portal.verify(parsed))["subject"][0]["name"] == "bundle"


def test_no_entry_has_index_zero(portal, bundle):
    entry = json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"][0]
    assert int(entry["logIndex"]) > 0
    genesis = portal.get("/api/v1/log/entries?logIndex=0").json().popitem()[1]
    assert json.loads(base64.b64decode(genesis["body"]))["kind"] == "genesis"


def test_another_identity_is_refused(portal, bundle):
    with pytest.raises(VerificationError, match="SANs do not match"):
        portal.verify(bundle, email="bob@acme.example")


def test_another_issuer_is_refused(portal, bundle):
    with pytest.raises(VerificationError, match="does not match"):
        portal.verify(bundle, issuer="https://evil.example/oidc")


def test_the_certificate_names_the_email_the_portal_vouched_for(portal):
    signed = portal.sign(statement_of("by bob"), email="bob@acme.example")
    portal.verify(signed, email="bob@acme.example")
    with pytest.raises(VerificationError):
        portal.verify(signed)


ENTRY = ("verificationMaterial", "tlogEntries", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("dsseEnvelope", "payload"), flip),
        (("dsseEnvelope", "payloadType"), "application/json"),
        (("dsseEnvelope", "signatures", 0, "sig"), flip),
        (("verificationMaterial", "certificate", "rawBytes"), flip),
        ((*ENTRY, "canonicalizedBody"), flip),
        ((*ENTRY, "integratedTime"), lambda t: str(int(t) + 1)),
        ((*ENTRY, "logIndex"), lambda i: str(int(i) + 1)),
        ((*ENTRY, "inclusionPromise", "signedEntryTimestamp"), flip),
        ((*ENTRY, "inclusionProof", "rootHash"), flip),
        ((*ENTRY, "inclusionProof", "hashes", 0), flip),
        (
            (*ENTRY, "inclusionProof", "checkpoint", "envelope"),
            lambda note: note.replace("\n", "0\n", 1),
        ),
    ],
)
def test_a_tampered_bundle_is_refused(portal, bundle, path, value):
    with pytest.raises((VerificationError, ValueError)):
        portal.verify(tampered(bundle, *path, value=value))


def test_a_bundle_is_refused_under_another_trusted_root(portal, bundle, tmp_path):
    content = json.loads(portal.trust_config.read_text())["trustedRoot"]
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = other.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    content["tlogs"][0]["publicKey"]["rawBytes"] = base64.b64encode(der).decode()
    config = json.loads(portal.trust_config.read_text()) | {"trustedRoot": content}
    trust = ClientTrustConfig.from_json(json.dumps(config))
    verifier = Verifier(trusted_root=trust.trusted_root)
    with pytest.raises(VerificationError):
        verifier.verify_dsse(bundle, policy.Identity(identity=ALICE))


@pytest.mark.parametrize(
    ("asked", "accepted"),
    [
        ((ALICE, "bundle"), True),
        (("mallory@acme.example", "bundle"), False),
        ((ALICE, "something else"), False),
    ],
)
def test_the_stock_command_line_agrees(portal, bundle, tmp_path, asked, accepted):
    identity, name = asked
    path = tmp_path / "approval.sigstore.json"
    path.write_text(bundle.to_json())
    command = [
        *(sys.executable, "-m", "sigstore"),
        *("--trust-config", str(portal.trust_config), "verify", "identity"),
        *("--bundle", str(path), "--cert-identity", identity),
        *("--cert-oidc-issuer", portal.issuer, f"sha256:{digest_of(name)}"),
    ]
    # A home of its own and no proxy: the command must need neither cache nor network.
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        command,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) is accepted, done.stderr
    assert ("OK: " in done.stderr) is accepted


def certificate_of(bundle: Bundle) -> x509.Certificate:
    material = json.loads(bundle.to_json())["verificationMaterial"]
    der = base64.b64decode(material["certificate"]["rawBytes"])
    return x509.load_der_x509_certificate(der)


def test_the_certificate_follows_fulcios_profile(portal, bundle):
    certificate = certificate_of(bundle)
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime.total_seconds() == 600
    assert certificate.subject.rfc4514_string() == ""
    found = {item.oid.dotted_string: item for item in certificate.extensions}
    critical = {oid for oid, item in found.items() if item.critical}
    assert critical == {"2.5.29.15", "2.5.29.17"}  # key usage, SAN
    names = found["2.5.29.17"].value
    assert list(names) == [x509.RFC822Name(ALICE)]
    issuer = portal.issuer.encode()
    assert found["1.3.6.1.4.1.57264.1.1"].value.value == issuer
    der = bytes([0x0C, len(issuer)]) + issuer
    assert found["1.3.6.1.4.1.57264.1.8"].value.value == der
    *_, last = certificate.extensions
    assert last.oid.dotted_string == "1.3.6.1.4.1.11129.2.4.2"
    assert len(list(last.value)) == 1  # one SCT, and verifiers find the TBS without it


# --- the log -------------------------------------------------------------------------


def test_the_log_answers_for_a_bundle_by_index_and_by_uuid(portal, bundle):
    entry = json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"][0]
    answer = portal.get(f"/api/v1/log/entries?logIndex={entry['logIndex']}").json()
    uuid, found = next(iter(answer.items()))
    assert found["body"] == entry["canonicalizedBody"]
    assert found["integratedTime"] == int(entry["integratedTime"])
    again = portal.get(f"/api/v1/log/entries/{uuid}").json()[uuid]
    assert again["body"] == found["body"]
    assert portal.get("/api/v1/log/entries?logIndex=99999999").status_code == 404
    assert portal.get(f"/api/v1/log/entries/{'0' * 64}").status_code == 404


def test_an_identical_entry_is_the_same_entry(portal, bundle):
    proposed = json.dumps(proposed_entry(bundle)).encode()
    first = portal.post("/api/v1/log/entries", proposed)
    size = portal.get("/api/v1/log").json()["treeSize"]
    second = portal.post("/api/v1/log/entries", proposed)
    assert first.status_code == second.status_code == 201
    (uuid, before), (same_uuid, after) = (*first.json().items(), *second.json().items())
    assert uuid == same_uuid
    for name in ("body", "logIndex", "integratedTime", "logID"):
        assert before[name] == after[name]
    assert portal.get("/api/v1/log").json()["treeSize"] == size


def test_a_signature_of_a_foreign_certificate_is_not_logged(portal, bundle):
    key = ec.generate_private_key(ec.SECP256R1())
    proposed = proposed_entry(bundle)
    real = certificate_of(bundle)
    forged = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .public_key(key.public_key())
        .serial_number(real.serial_number)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    pem = forged.public_bytes(serialization.Encoding.PEM)
    content = proposed["spec"]["proposedContent"]
    content["verifiers"] = [base64.b64encode(pem).decode()]
    answer = portal.post("/api/v1/log/entries", json.dumps(proposed).encode())
    assert answer.status_code == 400
    assert "no certificate of this authority" in answer.json()["message"]


def test_lengths_in_the_signed_bytes_are_counted_in_bytes(portal):
    key = ec.generate_private_key(ec.SECP256R1())
    bearer = {"Authorization": f"Bearer {portal.id_token()}"}
    answer = portal.post("/api/v2/signingCert", signing_request(key), **bearer)
    chain = answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    kind, payload = "text/schön", b"payload"
    encoded = kind.encode()
    pae = b"DSSEv1 %d %s 7 payload" % (len(encoded), encoded)
    signature = base64.b64encode(key.sign(pae, ec.ECDSA(hashes.SHA256()))).decode()
    text = json.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"sig": signature}],
        }
    )
    body = json.dumps(proposal(text, chain[0].encode())).encode()
    assert portal.post("/api/v1/log/entries", body).status_code == 201


def test_parallel_signatures_get_indices_without_gaps_and_all_verify(portal):
    threads, each = 4, 10
    start = threading.Barrier(threads)
    before = portal.get("/api/v1/log").json()["treeSize"]
    signed: list[Bundle] = []

    def work(number: int) -> None:
        start.wait()
        names = (f"parallel {number} {i}" for i in range(each))
        signed.extend(portal.sign(statement_of(name)) for name in names)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    indices = sorted(
        int(
            json.loads(b.to_json())["verificationMaterial"]["tlogEntries"][0][
                "logIndex"
            ]
        )
        for b in signed
    )
    assert len(set(indices)) == threads * each
    after = portal.get("/api/v1/log").json()["treeSize"]
    assert set(indices) <= set(range(before, after))
    if after - before == threads * each:  # nobody else used the same log meanwhile
        assert indices == list(range(before, after))
    for item in signed:
        portal.verify(item)


def test_the_log_proves_that_it_only_grew(portal, bundle):
    info = portal.get("/api/v1/log").json()
    path = f"/api/v1/log/proof?firstSize=1&lastSize={info['treeSize']}"
    proof = portal.get(path).json()
    assert proof["rootHash"] == info["rootHash"]
    # From size 1 the whole proof is a chain of right siblings (RFC 9162 2.1.4.2).
    root = bytes.fromhex(
        next(iter(portal.get("/api/v1/log/entries?logIndex=0").json()))
    )
    for item in proof["hashes"]:
        root = hashlib.sha256(b"\x01" + root + bytes.fromhex(item)).digest()
    assert root.hex() == info["rootHash"]


# --- tokens --------------------------------------------------------------------------


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


# --- hostile input -------------------------------------------------------------------


def envelope(**change) -> dict:
    content = {"payload": "AA==", "payloadType": "t", "signatures": [{"sig": "AA=="}]}
    return {"envelope": json.dumps(content | change)}


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
    ],
)
def test_a_malformed_query_is_a_bad_request(portal, path):
    require_bad_request(portal.get(path))


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


def test_the_trust_bundle_is_the_chain_of_the_trusted_root(portal):
    (chain,) = portal.get("/api/v2/trustBundle").json()["chains"]
    root = json.loads(portal.trust_config.read_text())["trustedRoot"]
    (authority,) = root["certificateAuthorities"]
    ders = [
        x509.load_pem_x509_certificate(pem.encode()).public_bytes(
            serialization.Encoding.DER
        )
        for pem in chain["certificates"]
    ]
    expected = authority["certChain"]["certificates"]
    assert ders == [base64.b64decode(item["rawBytes"]) for item in expected]
