"""What the stock client signs at the authority verifies with stock tools, or not."""

import base64
import json
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore.errors import VerificationError
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.verify import Verifier, policy

from tests.conformance.authority.stock_client import (
    ALICE,
    certificate_of,
    digest_of,
    flip,
    statement_of,
    tampered,
)


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
