"""What an entry's page says about proof, checked again at every look (design.md 5)."""

import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from breakglass.audit import chain, events
from breakglass.errors import SigningFailed
from breakglass.models import AuditEntry, Bundle, Checkpoint
from breakglass.signing import Expected, fallback, instance
from breakglass.states import SignedBy

OK: Final = "ok"
FAILED: Final = "failed"
WAITING: Final = "waiting"
UNKNOWN: Final = "unknown"
_ISSUER_V2: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the verification box: what was looked at, and what came of it."""

    state: str
    title: str
    sentence: str


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


def badge(*, entry: AuditEntry, checkpoint: Checkpoint | None) -> str:
    """
    Returns the state that a list shows: the bytes checked, the signatures not.

    A signature takes milliseconds to verify, so lists leave that to the entry's page.
    """
    if not is_intact(entry):
        return FAILED
    if checkpoint is not None and entry.seq <= checkpoint.size:
        return "sealed" if is_signed(checkpoint) else WAITING
    return WAITING


def is_intact(entry: AuditEntry) -> bool:
    """Whether the bytes have the stored hash, and the columns say what they say."""
    if chain.entry_hash(bytes(entry.body)) != bytes(entry.entry_hash):
        return False
    body = _parsed(entry)
    return (
        body.get("seq") == entry.seq
        and body.get("prev") == bytes(entry.prev_hash).hex()
        and body.get("event") == entry.event
        and body.get("bypass_id", "") == entry.bypass_id
        and body.get("at") == chain.timestamp(entry.at)
        and body.get("actor", {}).get("name") == entry.actor
        and body.get("tenant", {}).get("id") == str(entry.tenant.public_id)
    )


def checks(
    *,
    entry: AuditEntry,
    previous: AuditEntry | None,
    bundle: Bundle | None,
    checkpoint: Checkpoint | None,
) -> list[Check]:
    """Returns every line, worst news and good alike, each really checked now."""
    lines = [_bytes(entry), _link(entry, previous)]
    if names_bundle(entry):
        lines.append(_signature(entry, bundle))
    lines.append(_checkpoint(entry, checkpoint))
    return lines


def names_bundle(entry: AuditEntry) -> str:
    """Returns the SHA-256 of the bundle that the entry names, or nothing."""
    facts = _parsed(entry).get("facts")
    return str(facts.get("bundle_sha256") or "") if isinstance(facts, dict) else ""


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
        certificate=f"No certificate: the sealed local key {key_id}",
        pem=listed.get(key_id, "It is not in the trust file any more."),
        subject_digest=_signed_digest({}, statement),
        signed_by=bundle.signed_by,
    )


def _signed_digest(bundle: dict[str, Any], statement: bytes) -> str:
    """Returns what the stock tool asks for: a subject's digest, or the statement's."""
    if "messageSignature" in bundle:
        return sha256(statement).hexdigest()
    return str(json.loads(statement)["subject"][0]["digest"]["sha256"])


def pretty(entry: AuditEntry) -> str:
    """Returns the stored bytes with line breaks; the hash is of the raw ones."""
    return json.dumps(_parsed(entry), indent=2, ensure_ascii=False)


def _bytes(entry: AuditEntry) -> Check:
    title = "The bytes match the hash"
    if is_intact(entry):
        short = bytes(entry.entry_hash).hex()[:12]
        return Check(OK, title, f"The stored bytes hash to {short}…, as the log says.")
    sentence = (
        "The stored bytes, their hash and the columns shown here disagree. Somebody "
        "changed the database behind the log."
    )
    return Check(FAILED, title, sentence)


def _link(entry: AuditEntry, previous: AuditEntry | None) -> Check:
    title = "It links to the entry before"
    prev = str(_parsed(entry).get("prev"))
    if entry.seq == 1:
        good = prev == chain.GENESIS.hex()
        first = "This is the first entry: it links to nothing, as it must."
        return Check(OK if good else FAILED, title, first if good else _BROKEN)
    if previous is None:
        return Check(FAILED, title, f"Entry {entry.seq - 1} is missing from the log.")
    if chain.entry_hash(bytes(previous.body)).hex() != prev:
        return Check(FAILED, title, _BROKEN)
    return Check(OK, title, f"It carries the hash of entry {previous.seq}.")


_BROKEN: Final = "The hash that it carries is not that of the entry before it."


def _signature(entry: AuditEntry, bundle: Bundle | None) -> Check:
    """Verifies the bundle against the name that the entry gives, not the row's."""
    title = "The signature holds"
    if bundle is None:
        sentence = "The entry names a signature that is not on record."
        return Check(FAILED, title, sentence)
    if sha256(bytes(bundle.bundle)).hexdigest() != names_bundle(entry):
        sentence = "The signature on record is another one than the entry names."
        return Check(FAILED, title, sentence)
    return _verified(title, bundle, expected=_signers(entry, bundle))


def _verified(title: str, bundle: Bundle, *, expected: Sequence[Expected]) -> Check:
    try:
        proof = fallback.verifier_for(bundle.signed_by).verify(
            bundle=bytes(bundle.bundle),
            statement=bytes(bundle.intent.statement),
            expected=expected,
        )
    except SigningFailed as error:
        state = UNKNOWN if error.retryable else FAILED
        return Check(state, title, f"{str(error)[:300].capitalize()}.")
    signed_at = f"{proof.integrated_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if proof.signed_by == SignedBy.SEALED_KEY:
        sentence = (
            f"Signed for {proof.identity} by the sealed local key, since the signing "
            f"service was down, at {signed_at} UTC by the portal's own clock. It "
            "stands in no transparency log: passkeys and countersignature prove it."
        )
        return Check(OK, title, sentence)
    sentence = (
        f"Signed by {proof.identity}, whom {proof.issuer} vouched for, and in the "
        f"transparency log at index {proof.log_index} since "
        f"{signed_at} UTC."
    )
    return Check(OK, title, sentence)


def _signers(entry: AuditEntry, bundle: Bundle) -> Sequence[Expected]:
    """Approvals carry the approver's own name, or name them inside; else the portal."""
    if entry.event != events.REQUEST_APPROVED:
        return instance.workloads()
    return instance.signers_of_approval(
        email=str(_parsed(entry)["actor"]["name"]),
        statement=bytes(bundle.intent.statement),
    )


def _checkpoint(entry: AuditEntry, checkpoint: Checkpoint | None) -> Check:
    """Verifies the checkpoint's own signature, and that its row is what it says."""
    title = "A signed checkpoint covers it"
    if checkpoint is None or checkpoint.size < entry.seq:
        sentence = "Not yet: the log is sealed within a minute while it grows."
        return Check(WAITING, title, sentence)
    size = checkpoint.size
    if not is_signed(checkpoint):
        return Check(
            WAITING, title, f"The checkpoint at entry {size} waits for its signature."
        )
    said = json.loads(bytes(checkpoint.statement.statement))["predicate"]
    if (said["size"], said["head"]) != (size, bytes(checkpoint.head_hash).hex()):
        sentence = f"The checkpoint at entry {size} was changed after it was signed."
        return Check(FAILED, title, sentence)
    signed = checkpoint.statement.bundle
    proof = _verified(title, signed, expected=instance.workloads())
    if proof.state != OK:
        return proof
    sentence = (
        f"The checkpoint at entry {size} is signed by {signed.identity} and "
        "stands on this entry. “manage.py verify” walks every link in between."
    )
    return Check(OK, title, sentence)


def is_signed(checkpoint: Checkpoint) -> bool:
    """Whether its statement has its bundle (the reverse of a one-to-one may lack)."""
    return hasattr(checkpoint.statement, "bundle")


def _parsed(entry: AuditEntry) -> dict[str, Any]:
    """Bytes that do not parse are shown as such, and fail the hash anyway."""
    try:
        body = json.loads(bytes(entry.body))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


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
