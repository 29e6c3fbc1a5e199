"""
The files that tell stock clients what to trust and where to sign.

Trusted root v0.1, signing config v0.2 and client trust config v0.1 are those of
sigstore/protobuf-specs. What goes into the trusted root never depends on where the
authority is served: verification works offline and years later.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority.config import Constants, Layout
from breakglass.authority.installation import Installation
from breakglass.authority.keys import KeyRing, key_id, spki
from breakglass.authority.wire import JsonObject, base64_text

_MEDIA: Final = "application/vnd.dev.sigstore"


def trusted_root(ring: KeyRing, constants: Constants) -> JsonObject:
    """Returns the TrustedRoot: CA chain, log key and certificate log key."""
    start = f"{ring.root.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
    # npm's verifier looks for the checkpoint's name inside this URL.
    log_url = f"https://{constants.log_name}"
    authority: JsonObject = {
        "subject": {"organization": constants.site, "commonName": "breakglass-ca"},
        "uri": f"https://{constants.site}",
        "certChain": {"certificates": [_der(item) for item in ring.chain]},
        "validFor": {"start": start},
    }
    return {
        "mediaType": f"{_MEDIA}.trustedroot+json;version=0.1",
        "tlogs": [_log(log_url, ring.rekor.public_key(), start)],
        "certificateAuthorities": [authority],
        "ctlogs": [_log(f"{log_url}/ct", ring.ctlog.public_key(), start)],
        "timestampAuthorities": [],
    }


def signing_config(ring: KeyRing, constants: Constants, public_url: str) -> JsonObject:
    """Returns the SigningConfig: where to sign, which is wherever it is served now."""
    start = f"{ring.root.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"

    def service(url: str) -> JsonObject:
        return {
            "url": url,
            "majorApiVersion": 1,
            "validFor": {"start": start},
            "operator": constants.site,
        }

    return {
        "mediaType": f"{_MEDIA}.signingconfig.v0.2+json",
        "caUrls": [service(public_url)],
        "oidcUrls": [service(f"{public_url}/oidc")],
        "rekorTlogUrls": [service(public_url)],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [],
        "tsaConfig": {"selector": "ANY"},
    }


def client_trust_config(
    ring: KeyRing, constants: Constants, public_url: str
) -> JsonObject:
    """Returns the ClientTrustConfig: trusted root and signing config in one file."""
    return {
        "mediaType": f"{_MEDIA}.clienttrustconfig.v0.1+json",
        "trustedRoot": trusted_root(ring, constants),
        "signingConfig": signing_config(ring, constants, public_url),
    }


def publish(installation: Installation, public_url: str) -> Layout:
    """Writes both files of the installation, each atomically; returns where."""
    layout, ring = installation.layout, installation.ring
    constants = installation.constants
    _replace(layout.trusted_root, trusted_root(ring, constants))
    _replace(layout.trust_config, client_trust_config(ring, constants, public_url))
    return layout


def _replace(path: Path, document: JsonObject) -> None:
    """Replaces *path* so that a reader sees the old file or the new, never a part."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # public, and mkstemp makes it 0600
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _der(certificate: x509.Certificate) -> JsonObject:
    return {
        "rawBytes": base64_text(certificate.public_bytes(serialization.Encoding.DER))
    }


def _log(url: str, key: ec.EllipticCurvePublicKey, start: str) -> JsonObject:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64_text(spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": start},
        },
        "logId": {"keyId": base64_text(key_id(key))},
    }
