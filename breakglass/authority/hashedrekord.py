"""
Entries of kind ``hashedrekord`` 0.0.1: a signature over a digest, and nothing else.

Format: Rekor's pkg/types/hashedrekord/v0.0.1. The log never sees what was signed, so
this is the form for whoever wants only digests to leave a site.
"""

import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from breakglass.authority import wire
from breakglass.authority.errors import Refused
from breakglass.authority.wire import JsonObject, base64_text

KIND: Final = ("hashedrekord", "0.0.1")

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ECDSA_OF_SHA256: Final = ec.ECDSA(Prehashed(hashes.SHA256()))


def verifier(spec: JsonObject) -> object:
    """Returns the encoded certificate that a proposed entry names."""
    signature = wire.child(spec, "signature")
    return wire.child(signature, "publicKey").get("content")


def entry(spec: JsonObject, certificate: x509.Certificate, *, pem: str) -> JsonObject:
    """
    Checks the signature over the digest, and returns the entry to log.

    Only known fields are taken over: what else somebody proposes is not logged.
    """
    digest = _digest(wire.child(wire.child(spec, "data"), "hash"))
    content = wire.child(spec, "signature").get("content")
    signature = wire.unbase64(content, what="content")
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Refused("the verifier does not hold an ECDSA key")
    try:
        key.verify(signature, bytes.fromhex(digest), _ECDSA_OF_SHA256)
    except InvalidSignature as exc:
        raise Refused("the signature does not fit digest and certificate") from exc
    kind, version = KIND
    return {
        "apiVersion": version,
        "kind": kind,
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": digest}},
            "signature": {
                "content": base64_text(signature),
                "publicKey": {"content": base64_text(pem.encode("ascii"))},
            },
        },
    }


def _digest(given: JsonObject) -> str:
    if given.get("algorithm") != "sha256":
        raise Refused("only SHA-256 digests are logged")
    value = wire.text(given, "value")
    if not _DIGEST.fullmatch(value):
        raise Refused("value is not a SHA-256 digest in lower-case hexadecimal")
    return value
