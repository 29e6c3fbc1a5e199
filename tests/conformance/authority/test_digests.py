"""Entries over a digest alone: what the authority's log takes, and what it refuses."""

import base64
import copy
import hashlib
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore.errors import VerificationError
from sigstore.models import Bundle
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from tests.conformance.authority.stock_client import ALICE, certificate_of

ARTIFACT = b"the statement as a file"
ENTRIES = "/api/v1/log/entries"


@pytest.fixture(scope="module")
def signed(portal) -> Bundle:
    context = SigningContext.from_trust_config(portal.trust)
    with context.signer(IdentityToken(portal.id_token())) as signer:
        return signer.sign_artifact(ARTIFACT)


@pytest.fixture(scope="module")
def proposed(signed) -> dict:
    """What the stock client posted to the log."""
    entry = json.loads(signed.to_json())["verificationMaterial"]["tlogEntries"][0]
    return json.loads(base64.b64decode(entry["canonicalizedBody"]))


def verify(portal, bundle, artifact=ARTIFACT):
    rule = policy.AllOf(
        [policy.Identity(identity=ALICE), policy.OIDCIssuerV2(portal.issuer)]
    )
    verifier = Verifier(trusted_root=portal.trust.trusted_root)
    verifier.verify_artifact(artifact, bundle, rule)


def test_a_digest_signed_by_the_stock_client_verifies_offline(portal, signed):
    verify(portal, Bundle.from_json(signed.to_json()))
    with pytest.raises(VerificationError):
        verify(portal, signed, b"another statement")


def test_the_log_keeps_the_digest_and_nothing_of_what_was_signed(portal, signed):
    entry = json.loads(signed.to_json())["verificationMaterial"]["tlogEntries"][0]
    found = portal.get(f"{ENTRIES}?logIndex={entry['logIndex']}").json()
    body = json.loads(base64.b64decode(next(iter(found.values()))["body"]))
    digest = hashlib.sha256(ARTIFACT).hexdigest()
    assert body["spec"]["data"] == {"hash": {"algorithm": "sha256", "value": digest}}
    assert set(body["spec"]["signature"]) == {"content", "publicKey"}


def test_an_identical_entry_is_the_same_entry(portal, proposed):
    raw = json.dumps(proposed).encode()
    first, second = portal.post(ENTRIES, raw), portal.post(ENTRIES, raw)
    assert first.status_code == second.status_code == 201
    assert list(first.json()) == list(second.json())


def test_what_else_is_proposed_is_not_logged(portal, proposed):
    more = copy.deepcopy(proposed)
    more["spec"]["data"]["url"] = "https://evil.example/words"
    more["spec"]["note"] = "words"
    answer = portal.post(ENTRIES, json.dumps(more).encode())
    assert list(answer.json()) == list(
        portal.post(ENTRIES, json.dumps(proposed).encode()).json()
    )


def flipped(text):
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


SPOILED = {
    "another digest": (("data", "hash", "value"), "0" * 64),
    "a digest in capitals": (("data", "hash", "value"), "A" * 64),
    "a short digest": (("data", "hash", "value"), "ab"),
    "a digest that is a number": (("data", "hash", "value"), 7),
    "a digest of Arabic digits": (("data", "hash", "value"), "\u0661" * 64),
    "another algorithm": (("data", "hash", "algorithm"), "sha512"),
    "no hash": (("data", "hash"), None),
    "no data": (("data",), []),
    "no signature": (("signature",), "x"),
    "a flipped signature": (("signature", "content"), flipped),
    "an empty signature": (("signature", "content"), ""),
    "a signature that is a list": (("signature", "content"), []),
    "no key": (("signature", "publicKey"), None),
    "a key that is no certificate": (("signature", "publicKey", "content"), "AAAA"),
    "a key that is a number": (("signature", "publicKey", "content"), 1),
}


@pytest.mark.parametrize("which", SPOILED)
def test_a_spoiled_entry_is_a_bad_request(portal, proposed, which):
    path, value = SPOILED[which]
    spoiled = copy.deepcopy(proposed)
    place = spoiled["spec"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value(place[path[-1]]) if callable(value) else value
    answer = portal.post(ENTRIES, json.dumps(spoiled).encode())
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == 400


def test_a_bare_key_or_a_foreign_certificate_is_not_logged(portal, proposed, signed):
    key = ec.generate_private_key(ec.SECP256R1())
    bare = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    real = certificate_of(signed)
    forged = copy.deepcopy(proposed)
    signature = key.sign(ARTIFACT, ec.ECDSA(hashes.SHA256()))
    forged["spec"]["signature"]["content"] = base64.b64encode(signature).decode()
    for pem in (bare, real.public_bytes(serialization.Encoding.PEM)):
        public = forged["spec"]["signature"]["publicKey"]
        public["content"] = base64.b64encode(pem).decode()
        assert portal.post(ENTRIES, json.dumps(forged).encode()).status_code == 400
