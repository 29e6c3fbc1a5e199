"""
Public keys of passkeys: COSE_Key bytes as they come, SubjectPublicKeyInfo to keep.

Source: https://www.rfc-editor.org/rfc/rfc9053
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2 import cbor
from fido2.cose import CoseKey

ES256, EDDSA, RS256 = -7, -8, -257
ALGORITHMS: Final = (ES256, EDDSA, RS256)
RSA_MINIMUM_BITS: Final = 2048
KEY_MAXIMUM: Final = 2048


def parsed(public_key: bytes) -> CoseKey:
    """Returns stored COSE_Key bytes as the library takes them."""
    return CoseKey.parse(cast("Mapping[int, Any]", cbor.decode(public_key)))


def algorithm(public_key: bytes) -> int:
    """Returns the COSE algorithm of stored COSE_Key bytes."""
    return int(parsed(public_key)[3])


def spki(public_key: bytes) -> bytes:
    """
    Returns stored COSE_Key bytes as DER SubjectPublicKeyInfo: what the log carries.

    So a verifier needs `cryptography` and nothing that knows COSE. Raises ValueError
    for a key of another algorithm, curve or size than we take.
    """
    key = parsed(public_key)
    try:
        made = _MAKERS[int(key[3])](key)
    except (KeyError, UnsupportedAlgorithm) as error:
        msg = "a key of an algorithm that is not taken here"
        raise ValueError(msg) from error
    if len(public_key) > KEY_MAXIMUM:
        msg = "a key of an unusual size"
        raise ValueError(msg)
    der: bytes = made.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def _es256(key: Mapping[int, Any]) -> ec.EllipticCurvePublicKey:
    if (key[1], key[-1]) != (2, 1):
        msg = "an ES256 key of another curve than P-256"
        raise ValueError(msg)
    x, y = int.from_bytes(key[-2], "big"), int.from_bytes(key[-3], "big")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _eddsa(key: Mapping[int, Any]) -> ed25519.Ed25519PublicKey:
    if (key[1], key[-1]) != (1, 6):
        msg = "an EdDSA key of another curve than Ed25519"
        raise ValueError(msg)
    return ed25519.Ed25519PublicKey.from_public_bytes(key[-2])


def _rs256(key: Mapping[int, Any]) -> rsa.RSAPublicKey:
    n, e = int.from_bytes(key[-1], "big"), int.from_bytes(key[-2], "big")
    if key[1] != 3 or n.bit_length() < RSA_MINIMUM_BITS:  # noqa: PLR2004 - COSE's number for RSA
        msg = "an RSA key that is too short"
        raise ValueError(msg)
    return rsa.RSAPublicNumbers(e, n).public_key()


_MAKERS: Final[Mapping[int, Any]] = {ES256: _es256, EDDSA: _eddsa, RS256: _rs256}
