"""
Receipts: a bypass as a short-lived signature, checked by whoever was told of it.

A JWS (RFC 7515) under ES256 with a key of its own, which signs nothing else. `typ` and
`aud` say what it is and whom it is for, so that no other token of ours passes for one.
The first key of the list signs; all of them are published, so that a new key is known
everywhere before it signs, and the one before it is while its receipts last.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from breakglass.errors import ReceiptsOff

TYPE: Final = "breakglass-receipt+jwt"
ALGORITHM: Final = "ES256"
LIFETIME: Final = timedelta(seconds=60)
_CURVE: Final = "P-256"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a receipt says; the empty text is what the gate did not state."""

    issuer: str
    tenant: str
    gate: str
    service: str
    branch: str
    artifact: str
    deploy_id: str
    bypass_id: str
    reason: str
    assurance: str
    decision_id: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The key that signs, and the public half of every one that is published."""

    signing: ECKey
    published: tuple[dict[str, Any], ...]


def audience(*, tenant: str, gate: str) -> str:
    """Returns the `aud` of this gate's receipts."""
    return f"breakglass:gate:{tenant}/{gate}"


def issue(
    *, keys: Keys, claims: Claims, decided_at: datetime, grant_ends_at: datetime
) -> str:
    """
    Returns the receipt of a bypass that is on record.

    It ends with the grant, and after LIFETIME at the latest, by the clock that the
    decision was made by; in whole seconds, rounded down.
    """
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": keys.signing.kid}
    said = {
        "iss": claims.issuer,
        "aud": audience(tenant=claims.tenant, gate=claims.gate),
        "jti": claims.decision_id,
        "iat": int(decided_at.timestamp()),
        "exp": int(min(decided_at + LIFETIME, grant_ends_at).timestamp()),
        "nonce": claims.nonce,
        "decision": "bypass",
        "reason": claims.reason,
        "bypass_id": claims.bypass_id,
        "assurance": claims.assurance,
        "tenant": claims.tenant,
        "gate": claims.gate,
        "service": claims.service,
        "branch": claims.branch,
        "artifact": claims.artifact,
        "deploy_id": claims.deploy_id,
    }
    return jwt.encode(header, said, keys.signing, algorithms=[ALGORITHM])


def keys_in(paths: Sequence[str]) -> Keys:
    """
    Returns the keys of these files, read once per process.

    Raises ReceiptsOff when there is none, or one of them is no P-256 key. The first
    must be a private key; of the others the public half is enough.
    """
    if not paths:
        msg = "no key for receipts is set up: BREAKGLASS_RECEIPT_KEYS"
        raise ReceiptsOff(msg)
    return _read(tuple(paths))


def make(*, path: Path) -> bool:
    """Makes a key in a file that only we may read; False when it is there already."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(handle, "wb") as output:
        output.write(pem)
    return True


@lru_cache(maxsize=4)
def _read(paths: tuple[str, ...]) -> Keys:
    found = [_key(path) for path in paths]
    if not found[0].is_private:
        msg = f"the first key for receipts must be a private one: {paths[0]}"
        raise ReceiptsOff(msg)
    public = {str(key.kid): key.as_dict(private=False) for key in found}
    return Keys(signing=found[0], published=tuple(public.values()))


def _key(path: str) -> ECKey:
    try:
        key = ECKey.import_key(
            Path(path).read_bytes(), {"use": "sig", "alg": ALGORITHM}
        )
    except (OSError, JoseError, ValueError, TypeError) as error:
        msg = f"the key for receipts cannot be read: {path}"
        raise ReceiptsOff(msg) from error
    if key.curve_name != _CURVE:
        msg = f"the key for receipts is not on the curve {_CURVE}: {path}"
        raise ReceiptsOff(msg)
    key.ensure_kid()  # its thumbprint (RFC 7638)
    return key
