"""What a bundle carries, for reading only: certificate, inclusion proof, payload."""

import json
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils.translation import gettext as _

from breakglass.models import Bundle
from breakglass.signing import fallback
from breakglass.states import SignedBy

_ISSUER_V2: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where a signature stands in a transparency log, as its bundle says."""

    index: str
    size: str
    root: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a bundle carries, for reading; nothing here is a check."""

    identity: str
    issuer: str
    log_index: int | None
    integrated_at: datetime
    certificate: str
    pem: str
    subject_digest: str
    signed_by: str
    payload: str
    raw: str
    inclusion: Inclusion | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def signature_of(bundle: Bundle) -> Signature:
    """Returns the certificate and the log's proof as a reader wants them."""
    if bundle.signed_by == SignedBy.SEALED_KEY:
        return _sealed(bundle)
    raw = json.loads(bytes(bundle.bundle))
    certificate = x509.load_der_x509_certificate(
        b64decode(raw["verificationMaterial"]["certificate"]["rawBytes"])
    )
    return Signature(
        identity=bundle.identity,
        issuer=bundle.issuer,
        log_index=bundle.log_index,
        integrated_at=bundle.integrated_at,
        certificate=_certificate_text(certificate),
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        subject_digest=_signed_digest(raw, bytes(bundle.intent.statement)),
        signed_by=bundle.signed_by,
        payload=_indented(bytes(bundle.intent.statement)),
        raw=_indented(bytes(bundle.bundle)),
        inclusion=_inclusion(raw),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )


def _sealed(bundle: Bundle) -> Signature:
    """A sealed key has no certificate: its public half is in the trust file."""
    key_id = bundle.issuer.removeprefix("sealed-key:")
    listed = {key["key_id"]: key["public_key"] for key in fallback.sealed_keys()}
    statement = bytes(bundle.intent.statement)
    return Signature(
        identity=bundle.identity,
        issuer=bundle.issuer,
        log_index=None,
        integrated_at=bundle.integrated_at,
        certificate=_("No certificate: the sealed local key %(key)s") % {"key": key_id},
        pem=listed.get(key_id, _("It is not in the trust file any more.")),
        subject_digest=_signed_digest({}, statement),
        signed_by=bundle.signed_by,
        payload=_indented(statement),
        raw=_indented(bytes(bundle.bundle)),
    )


def _inclusion(raw: dict[str, Any]) -> Inclusion | None:
    """A log's entry without a proof has none to show."""
    try:
        proof = raw["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
        return Inclusion(
            index=str(proof["logIndex"]),
            size=str(proof["treeSize"]),
            root=b64decode(proof["rootHash"]).hex(),
            hashes=tuple(b64decode(one).hex() for one in proof.get("hashes", ())),
        )
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _signed_digest(bundle: dict[str, Any], statement: bytes) -> str:
    """Returns what the stock tool asks for: a subject's digest, or the statement's."""
    if "messageSignature" in bundle:
        return sha256(statement).hexdigest()
    return str(json.loads(statement)["subject"][0]["digest"]["sha256"])


def _indented(raw: bytes) -> str:
    try:
        return json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except ValueError:
        return raw.decode(errors="replace")


def _certificate_text(certificate: x509.Certificate) -> str:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    lines = [
        f"Subject:     {', '.join(str(name.value) for name in names.value)}",
        f"Issued by:   {certificate.issuer.rfc4514_string()}",
        f"OIDC issuer: {_oidc_issuer(certificate)}",
        f"Valid from:  {certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC",
        f"Valid until: {certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC",
        f"Serial:      {certificate.serial_number:x}",
    ]
    return "\n".join(lines)


def _oidc_issuer(certificate: x509.Certificate) -> str:
    """Fulcio's extension holds a DER UTF8String: tag, length, text."""
    try:
        extension = certificate.extensions.get_extension_for_oid(_ISSUER_V2)
    except x509.ExtensionNotFound:
        return "not named"
    value = extension.value
    raw = value.value if isinstance(value, x509.UnrecognizedExtension) else b""
    return raw[2:].decode(errors="replace")
