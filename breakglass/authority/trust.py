"""
The files that tell stock clients what to trust and where to sign.

Trusted root v0.1, signing config v0.2 and client trust config v0.1 are those of
sigstore/protobuf-specs. What goes into the trusted root never depends on where the
authority is served: verification works offline and years later.
"""

import json
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from breakglass.authority import files
from breakglass.authority.config import Layout
from breakglass.authority.generations import MOMENT, Generation
from breakglass.authority.installation import Installation
from breakglass.authority.keys import key_id, spki
from breakglass.authority.wire import JsonObject, base64_text

_MEDIA: Final = "application/vnd.dev.sigstore"


def trusted_root(installation: Installation) -> JsonObject:
    """
    Returns the TrustedRoot of every generation that may be trusted.

    Retired ones keep their place with the time at which they ended, or what they
    signed could not be verified any more; distrusted ones have none.
    """
    trusted = [item for item in installation.generations if not item.distrusted]
    # npm's verifier looks for the checkpoint's name inside this URL.
    log_url = f"https://{installation.constants.log_name}"
    return {
        "mediaType": f"{_MEDIA}.trustedroot+json;version=0.1",
        "tlogs": [_log(log_url, item.rekor, item) for item in trusted],
        "certificateAuthorities": [
            _authority(item, installation.constants.site) for item in trusted
        ],
        "ctlogs": [_log(f"{log_url}/ct", item.ctlog, item) for item in trusted],
        "timestampAuthorities": [],
    }


def signing_config(installation: Installation, public_url: str) -> JsonObject:
    """Returns the SigningConfig: where to sign, which is wherever it is served now."""
    start = f"{installation.generations[0].started_at:{MOMENT}}"

    def service(url: str) -> JsonObject:
        return {
            "url": url,
            "majorApiVersion": 1,
            "validFor": {"start": start},
            "operator": installation.constants.site,
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


def client_trust_config(installation: Installation, signing: JsonObject) -> JsonObject:
    """Returns the ClientTrustConfig: trusted root and signing config in one file."""
    return {
        "mediaType": f"{_MEDIA}.clienttrustconfig.v0.1+json",
        "trustedRoot": trusted_root(installation),
        "signingConfig": signing,
    }


def publish(installation: Installation, public_url: str) -> Layout:
    """Writes both files of the installation, each atomically; returns where."""
    return _write(installation, signing_config(installation, public_url))


def republish(installation: Installation) -> Layout:
    """
    Writes both files anew without knowing where the authority is served.

    That stays as the last start wrote it; if nothing was ever served, only the
    trusted root is written.
    """
    try:
        there = json.loads(installation.layout.trust_config.read_text("utf-8"))
        signing = cast("JsonObject", dict(there["signingConfig"]))
    except (OSError, ValueError, KeyError, TypeError):
        signing = None  # the next start writes it whole
    return _write(installation, signing)


def _write(installation: Installation, signing: JsonObject | None) -> Layout:
    layout = installation.layout
    files.replace(layout.trusted_root, _text(trusted_root(installation)))
    if signing is not None:
        config = client_trust_config(installation, signing)
        files.replace(layout.trust_config, _text(config))
    return layout


def _text(document: JsonObject) -> str:
    return json.dumps(document, indent=2) + "\n"


def _valid_for(generation: Generation) -> JsonObject:
    window: JsonObject = {"start": f"{generation.started_at:{MOMENT}}"}
    if generation.retired is not None:
        window["end"] = f"{generation.retired.at:{MOMENT}}"
    return window


def _authority(generation: Generation, site: str) -> JsonObject:
    (name,) = generation.chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return {
        "subject": {"organization": site, "commonName": str(name.value)},
        "uri": f"https://{site}",
        "certChain": {"certificates": [_der(item) for item in generation.chain]},
        "validFor": _valid_for(generation),
    }


def _der(certificate: x509.Certificate) -> JsonObject:
    return {
        "rawBytes": base64_text(certificate.public_bytes(serialization.Encoding.DER))
    }


def _log(
    url: str, key: ec.EllipticCurvePublicKey, generation: Generation
) -> JsonObject:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64_text(spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": _valid_for(generation),
        },
        "logId": {"keyId": base64_text(key_id(key))},
    }
