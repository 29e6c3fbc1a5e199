"""
The sealed local key: what signs when the signing service itself is down.

An ECDSA P-256 key in an encrypted PEM file, unsealed for one signature at a time. It
proves no identity by itself: the passkeys beside it do. So it is listed in the trust
file for the outage fallback alone, and nothing else that it signs is believed.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypedDict

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.errors import InvalidInput, SigningFailed
from breakglass.signing import Expected, SignedBundle, SignerIdentity, statements
from breakglass.states import SignedBy

MEDIA_TYPE: Final = "application/vnd.breakglass.sealed.v1+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
PURPOSE: Final = "offline-quorum"
PASSPHRASE_MINIMUM: Final = 16
_LIST_TYPE: Final = "breakglass/sealed-keys/v1"
_SIGNS: Final = (statements.APPROVAL_TYPE, statements.GRANT_TYPE)
_OTHERS: Final = 0o077


class ListedKey(TypedDict):
    """One public key, as the trust file lists it."""

    key_id: str
    public_key: str
    purpose: str


@dataclass(frozen=True, slots=True)
class SealedSigner:
    """Signs with the sealed key; see `signing.Signer`. Touches no network."""

    path: Path
    passphrase: str
    now: Callable[[], datetime]

    def sign(
        self,
        *,
        statement: bytes,
        identity: SignerIdentity,
        id_token: str | None = None,  # noqa: ARG002 - the port's; no issuer is asked
    ) -> bytes:
        """Returns the bundle's JSON bytes, over a statement of the fallback only."""
        _named(statement=statement, names=[identity.email])
        key = unseal(path=self.path, passphrase=self.passphrase)
        key_id = key_id_of(key.public_key())
        signature = key.sign(_encoded(statement), ec.ECDSA(hashes.SHA256()))
        bundle = {
            "mediaType": MEDIA_TYPE,
            "keyId": key_id,
            "signedAt": self.now().astimezone(UTC).isoformat(timespec="microseconds"),
            "dsseEnvelope": {
                "payload": b64encode(statement).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": b64encode(signature).decode(), "keyid": key_id}],
            },
        }
        return json.dumps(bundle, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class SealedVerifier:
    """Verifies sealed bundles against the listed keys; see `signing.Verifier`."""

    keys: tuple[ListedKey, ...]

    def verify(
        self,
        *,
        bundle: bytes,
        statement: bytes,
        email: str = "",
        expected: Sequence[Expected] = (),
    ) -> SignedBundle:
        """
        Returns what the bundle proves, or raises SigningFailed (stage `verify`).

        The key has no certificate: whom it signed for is whom the statement names.
        """
        try:
            key_id, signed_at, payload, signature = _parsed(bundle)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise _refused("the sealed bundle is malformed") from error
        if payload != statement:
            msg = "the sealed bundle signs something else than the statement on record"
            raise _refused(msg)
        try:
            public = self._key(key_id)
            public.verify(signature, _encoded(payload), ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError) as error:
            raise _refused("the sealed key's signature is not good") from error
        names = [email] if email else [one.identity for one in expected]
        return SignedBundle(
            raw=bundle,
            payload=payload,
            identity=_named(statement=payload, names=names),
            issuer=f"sealed-key:{key_id}",
            log_index=None,
            integrated_at=signed_at,
            signed_by=SignedBy.SEALED_KEY,
        )

    def _key(self, key_id: str) -> ec.EllipticCurvePublicKey:
        for listed in self.keys:
            if listed["key_id"] == key_id and listed["purpose"] == PURPOSE:
                key = serialization.load_pem_public_key(listed["public_key"].encode())
                # The list is a file: a key that is not the one it is called counts not.
                if isinstance(key, ec.EllipticCurvePublicKey) and (
                    key_id_of(key) == key_id
                ):
                    return key
        raise _refused("the trust file lists no such sealed key")


def make(*, path: Path, passphrase: str) -> bool:
    """
    Makes the key and its public list, once; returns False when it is there already.

    A list that was lost is written again. Raises InvalidInput for a short passphrase,
    SigningFailed for one that does not open the key that is there.
    """
    if len(passphrase) < PASSPHRASE_MINIMUM:
        msg = (
            f"the passphrase needs at least {PASSPHRASE_MINIMUM} characters: set "
            "BREAKGLASS_SEALED_KEY_PASSPHRASE"
        )
        raise InvalidInput(msg, field="passphrase")
    if path.exists():
        _list(path, unseal(path=path, passphrase=passphrase).public_key())
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    _list(path, key.public_key())
    return True


def unseal(*, path: Path, passphrase: str) -> ec.EllipticCurvePrivateKey:
    """Returns the private key; SigningFailed says why it cannot be used."""
    try:
        if path.stat().st_mode & _OTHERS:
            raise _unusable(f"{path.name} can be read by others: chmod 600")
        key = serialization.load_pem_private_key(
            path.read_bytes(), passphrase.encode() or None
        )
    except OSError as error:
        msg = f"{path.name} cannot be read ({error.strerror})"
        raise _unusable(msg) from error
    except (ValueError, TypeError) as error:
        raise _unusable(f"the passphrase does not open {path.name}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _unusable(f"{path.name} holds another kind of key")
    return key


def listed(*, path: Path) -> tuple[ListedKey, ...]:
    """Returns the public keys beside the sealed one; none when there is no list."""
    try:
        content = json.loads(list_path(path).read_bytes())
        return tuple(
            ListedKey(
                key_id=str(key["key_id"]),
                public_key=str(key["public_key"]),
                purpose=str(key["purpose"]),
            )
            for key in content["keys"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def list_path(path: Path) -> Path:
    """Returns where the public list of a key file is."""
    return path.with_name(f"{path.stem}.public.json")


def key_id_of(key: ec.EllipticCurvePublicKey) -> str:
    """Returns the SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(der).hexdigest()


def _list(path: Path, key: ec.EllipticCurvePublicKey) -> None:
    """Adds the key to the list, which keeps every older one: old bundles verify."""
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    mine = ListedKey(key_id=key_id_of(key), public_key=pem.decode(), purpose=PURPOSE)
    kept = listed(path=path)
    if mine in kept:
        return
    content = {"type": _LIST_TYPE, "keys": [*kept, mine]}
    target = list_path(path)
    fresh = target.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=1) + "\n")
    fresh.chmod(0o644)
    fresh.replace(target)


def _encoded(payload: bytes) -> bytes:
    """
    Returns DSSE's pre-authentication encoding.

    Source: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
    """
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _parsed(bundle: bytes) -> tuple[str, datetime, bytes, bytes]:
    content: dict[str, Any] = json.loads(bundle)
    envelope = content["dsseEnvelope"]
    (signature,) = envelope["signatures"]
    key_id = str(content["keyId"])
    if (
        content["mediaType"] != MEDIA_TYPE
        or envelope["payloadType"] != PAYLOAD_TYPE
        or signature["keyid"] != key_id
    ):
        msg = "another kind of bundle"
        raise ValueError(msg)
    signed_at = datetime.fromisoformat(content["signedAt"])
    if signed_at.tzinfo is None:
        msg = "a time without its zone"
        raise ValueError(msg)
    return (
        key_id,
        signed_at,
        b64decode(envelope["payload"], validate=True),
        b64decode(signature["sig"], validate=True),
    )


def _named(*, statement: bytes, names: Sequence[str]) -> str:
    """
    Returns whom a statement is signed for: an approval says it, a grant is ours.

    Raises SigningFailed for any other kind, and for a person who is not expected.
    """
    try:
        content = json.loads(statement)
        kind, predicate = content["predicateType"], content["predicate"]
        named = predicate["approver"]["email"] if kind == _SIGNS[0] else names[0]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _refused("the sealed key signs statements only") from error
    if kind not in _SIGNS:
        raise _refused("the sealed key is for approvals and grants of the fallback")
    if named not in names:
        raise _refused("the statement names another person")
    return str(named)


def _refused(message: str) -> SigningFailed:
    return SigningFailed(message, stage="verify", retryable=False)


def _unusable(message: str) -> SigningFailed:
    return SigningFailed(
        f"the sealed key: {message}", stage="sealed_key", retryable=False
    )
