"""The sealed key: made once, opened for one signature, believed for one purpose."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest

from breakglass.errors import InvalidInput, SigningFailed
from breakglass.signing import SignerIdentity, sealed, statements
from breakglass.states import SignedBy

PASSPHRASE = "a long enough passphrase"
PEER = SignerIdentity(subject="c2a9", email="peer@acme.example")


def noon():
    return datetime(2026, 11, 22, 12, tzinfo=UTC)


def statement(kind=statements.APPROVAL_TYPE, email=PEER.email):
    return statements.statement(
        name="BG-7Q4MZK",
        sha256=bytes(32),
        predicate_type=kind,
        predicate={"approver": {"subject": "c2a9", "email": email}},
    )


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "authority" / "sealed_key.pem"
    sealed.make(path=path, passphrase=PASSPHRASE)
    return path


@pytest.fixture
def signer(key):
    return sealed.SealedSigner(path=key, passphrase=PASSPHRASE, now=noon)


@pytest.fixture
def verifier(key):
    return sealed.SealedVerifier(keys=sealed.listed(path=key))


def refused(call, words):
    with pytest.raises(SigningFailed, match=words) as error:
        call()
    assert not error.value.retryable
    return error.value.stage


def test_what_it_signs_verifies_and_says_that_it_is_sealed(signer, verifier):
    raw = signer.sign(statement=statement(), identity=PEER)

    proven = verifier.verify(bundle=raw, statement=statement(), email=PEER.email)

    (listed,) = verifier.keys
    assert proven.signed_by == SignedBy.SEALED_KEY
    assert proven.log_index is None
    assert proven.issuer == f"sealed-key:{listed['key_id']}"
    content = json.loads(raw)
    assert content["mediaType"] == "application/vnd.breakglass.sealed.v1+json"
    assert content["dsseEnvelope"]["signatures"][0]["keyid"] == listed["key_id"]
    assert listed["purpose"] == "offline-quorum"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.update(keyId="00" * 32),
        lambda c: c.update(mediaType="application/vnd.dev.sigstore.bundle.v0.3+json"),
        lambda c: c.update(signedAt="2026-11-22T02:00:00"),
        lambda c: c.update(signedAt="yesterday"),
        lambda c: c.pop("signedAt"),
        lambda c: c["dsseEnvelope"].update(payloadType="text/plain"),
        lambda c: c["dsseEnvelope"].update(signatures=[]),
        lambda c: c["dsseEnvelope"]["signatures"].append({"sig": "", "keyid": ""}),
        lambda c: c["dsseEnvelope"]["signatures"][0].update(keyid="00" * 32),
        lambda c: c["dsseEnvelope"]["signatures"][0].update(sig="!"),
        lambda c: c["dsseEnvelope"]["signatures"][0].update(
            sig=b64encode(
                flipped(b64decode(c["dsseEnvelope"]["signatures"][0]["sig"]))
            ).decode()
        ),
        lambda c: c["dsseEnvelope"].update(
            payload=b64encode(flipped(b64decode(c["dsseEnvelope"]["payload"]))).decode()
        ),
    ],
)
def test_a_spoiled_bundle_is_refused(signer, verifier, spoil):
    content = json.loads(signer.sign(statement=statement(), identity=PEER))
    spoil(content)

    stage = refused(
        lambda: verifier.verify(
            bundle=json.dumps(content).encode(),
            statement=statement(),
            email=PEER.email,
        ),
        "sealed",
    )

    assert stage == "verify"


def flipped(raw):
    return raw[:-1] + bytes([raw[-1] ^ 1])


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b"null"])
def test_bytes_that_are_no_bundle_are_refused(verifier, raw):
    refused(
        lambda: verifier.verify(bundle=raw, statement=statement(), email=PEER.email),
        "malformed",
    )


def test_a_key_that_the_trust_file_does_not_list_is_refused(signer, tmp_path):
    raw = signer.sign(statement=statement(), identity=PEER)
    other = tmp_path / "other.pem"
    sealed.make(path=other, passphrase=PASSPHRASE)
    stranger = sealed.SealedVerifier(keys=sealed.listed(path=other))

    for keys in ((), stranger.keys):
        verifier = sealed.SealedVerifier(keys=keys)
        refused(
            lambda v=verifier: v.verify(
                bundle=raw, statement=statement(), email=PEER.email
            ),
            "lists no such",
        )


def test_a_key_listed_under_anothers_name_or_purpose_is_refused(
    signer, verifier, tmp_path
):
    raw = signer.sign(statement=statement(), identity=PEER)
    (mine,) = verifier.keys
    other = tmp_path / "other.pem"
    sealed.make(path=other, passphrase=PASSPHRASE)
    (theirs,) = sealed.listed(path=other)
    for keys in (
        ({**mine, "purpose": "everything"},),
        ({**mine, "public_key": theirs["public_key"]},),
    ):
        wrong = sealed.SealedVerifier(keys=keys)
        refused(
            lambda v=wrong: v.verify(
                bundle=raw, statement=statement(), email=PEER.email
            ),
            "lists no such",
        )


@pytest.mark.parametrize(
    "kind", [statements.CHECKPOINT_TYPE, statements.COUNTERSIGNATURE_TYPE, "other"]
)
def test_it_signs_nothing_but_approvals_and_grants(signer, kind):
    refused(
        lambda: signer.sign(statement=statement(kind), identity=PEER),
        "approvals and grants",
    )


def test_it_signs_in_no_other_name_than_the_statements(signer, verifier):
    foreign = statement(email="mallory@acme.example")
    refused(lambda: signer.sign(statement=foreign, identity=PEER), "another person")
    raw = signer.sign(statement=statement(), identity=PEER)

    refused(
        lambda: verifier.verify(
            bundle=raw, statement=statement(), email="mallory@acme.example"
        ),
        "another person",
    )


def test_making_it_twice_changes_nothing_and_mends_a_lost_list(key):
    before, listed = key.read_bytes(), sealed.listed(path=key)
    sealed.list_path(key).unlink()

    assert sealed.make(path=key, passphrase=PASSPHRASE) is False

    assert key.read_bytes() == before
    assert sealed.listed(path=key) == listed
    assert key.stat().st_mode & 0o777 == 0o600
    assert sealed.list_path(key).stat().st_mode & 0o777 == 0o644


def test_a_short_passphrase_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="16 characters"):
        sealed.make(path=tmp_path / "key.pem", passphrase="short")
    assert not (tmp_path / "key.pem").exists()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(b"no key"), "does not open"),
        (lambda path: path.chmod(0o640), "read by others"),
    ],
)
def test_a_key_that_cannot_be_used_says_why(key, fault, words):
    fault(key)
    signer = sealed.SealedSigner(path=key, passphrase=PASSPHRASE, now=noon)

    stage = refused(lambda: signer.sign(statement=statement(), identity=PEER), words)

    assert stage == "sealed_key"


def test_a_wrong_passphrase_does_not_open_it(key):
    signer = sealed.SealedSigner(
        path=key, passphrase="another long passphrase", now=noon
    )

    refused(lambda: signer.sign(statement=statement(), identity=PEER), "does not open")


def test_a_missing_or_broken_list_lists_nothing(tmp_path):
    path = tmp_path / "sealed_key.pem"
    assert sealed.listed(path=path) == ()
    sealed.list_path(path).write_text('{"keys": [1]}')
    assert sealed.listed(path=path) == ()
