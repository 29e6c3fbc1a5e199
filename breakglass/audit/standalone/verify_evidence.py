#!/usr/bin/env python3
"""
Verifies a breakglass evidence archive: one file, no breakglass code, no network.

    pip install "sigstore==4.5.*"
    python verify_evidence.py ARCHIVE.zip [--checkpoint kept.jsonl] [--trust trust.json]

Everything is derived anew from the bytes in the archive: the hash chain or the Merkle
proofs, the checkpoints, every signature, every passkey assertion, and for each grant
whether the people who had to approve it did. Exit code 0: nothing is wrong; 1: at
least one finding; 2: asked wrongly, or nothing there that can be read. Read what is
"not proven" as well: a good archive has limits, and the report names them.

Needs Python 3.10 or newer, `sigstore` and `cryptography`. Keep this copy, and
trust.json, from a source other than the archive that you check.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

MANIFEST = "breakglass/evidence/v1"
TRUST = "breakglass/trust/v1"
ENTRY = "breakglass/audit-entry/v1"
REQUEST = "breakglass/request/v1"
POLICY = "breakglass/policy/v1"
STATEMENT = "https://in-toto.io/Statement/v1"
APPROVAL_OF = "https://breakglass.dev/approval/v1"
GRANT_OF = "https://breakglass.dev/grant/v1"
CHECKPOINT_OF = "https://breakglass.dev/checkpoint/v1"
COUNTER_OF = "https://breakglass.dev/countersignature/v1"
IN_TOTO = "application/vnd.in-toto+json"
SEALED = "application/vnd.breakglass.sealed.v1+json"
GENESIS = "0" * 64
SINGLE = {
    "README.md",
    "trust.json",
    "trust_config.json",
    "trusted_root.json",
    "entries.jsonl",
    "proofs.jsonl",
    "checkpoints.jsonl",
    "rows.json",
    "verify_evidence.py",
}
NAMED = re.compile(
    r"bundles/[0-9a-f]{64}\.sigstore\.json|statements/[0-9a-f]{64}\.json"
    r"|requests/BG-[0-9A-Z]{6}\.json|trust_config-[a-z0-9-]{1,40}\.json"
)
HEX = re.compile(r"[0-9a-f]{64}")
WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
MAX_ENTRY = 1 << 20
MAX_SMALL = 1 << 20
MAX_MEMBER = 1 << 30
OFFLINE_TTL = 3600
SLACK = timedelta(minutes=1)
# What nobody can be asked to parse is a finding, whatever Python calls it.
DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)


class Unreadable(Exception):
    """There is no archive here at all; exit code 2."""


class Bad(ValueError):
    """Something is not as it must be; the text says what."""


@dataclass
class Report:
    """What was checked, what is wrong, and what is left open."""

    findings: list[tuple[int, str]] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    about: dict[str, Any] = field(default_factory=dict)

    def add(self, seq: int, message: str) -> None:
        """Notes a finding; `seq` is the entry's number, 0 for the archive."""
        self.findings.append((seq, message))

    @property
    def first_bad(self) -> int | None:
        """The lowest number of an entry that has a finding."""
        return min((seq for seq, _ in self.findings if seq > 0), default=None)


@dataclass(frozen=True)
class Entry:
    """One entry of the log, parsed; its hash is of the exact bytes."""

    seq: int
    hash: str
    body: dict[str, Any]

    @property
    def facts(self) -> dict[str, Any]:
        """What the entry says happened."""
        facts: dict[str, Any] = self.body["facts"]
        return facts

    @property
    def at(self) -> str:
        """When it was written: text of one shape, so that it sorts as time does."""
        return str(self.body["at"])


# --- bytes, JSON, time ---------------------------------------------------------------


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unb64url(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise Bad("is not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Bad("names a key twice")
    return made


def _refuse(text: str) -> Any:
    raise Bad(f"holds the number {text[:20]}, which no honest writer makes")


def strict_json(raw: bytes | str) -> Any:
    """Parses JSON without floats, without a key twice, and in UTF-8 only."""
    text = raw if isinstance(raw, str) else raw.decode()
    return json.loads(
        text, object_pairs_hook=_no_twins, parse_float=_refuse, parse_constant=_refuse
    )


def canonical(value: Any) -> bytes:
    """Returns RFC 8785 bytes of what strict_json returns: no floats can be in it."""
    return json.dumps(
        _ordered(value), ensure_ascii=False, separators=(",", ":")
    ).encode()


def _ordered(value: Any) -> Any:
    """RFC 8785 orders keys by UTF-16 code units; text with NUL is refused here."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return {_ordered(key): _ordered(value[key]) for key in keys}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, str) and "\0" in value:
        raise Bad("holds a NUL character")
    if isinstance(value, int) and abs(value) >= 1 << 53:
        raise Bad("holds a number that is too large")
    return value


def canonical_json(raw: bytes | str) -> Any:
    """Parses bytes that must be canonical."""
    value = strict_json(raw)
    if canonical(value) != (raw.encode() if isinstance(raw, str) else raw):
        raise Bad("holds bytes that are not canonical")
    return value


def lines_of(raw: bytes) -> list[Any]:
    return [strict_json(line) for line in raw.split(b"\n") if line]


def later(text: str, seconds: int) -> str:
    made = moment(text) + timedelta(seconds=seconds)
    return made.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    if not WHEN.fullmatch(text):
        raise Bad(f"has a time of another shape: {text[:40]!r}")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def zulu(text: str) -> datetime:
    """Parses the RFC 3339 times of a trusted root."""
    return datetime.fromisoformat(re.sub(r"\.\d+", "", text).replace("Z", "+00:00"))


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def leaf(entry_hash: str) -> bytes:
    return hashlib.sha256(b"\0" + bytes.fromhex(entry_hash)).digest()


def roots_at(hashes_in_order: list[str], sizes: set[int]) -> dict[int, str]:
    """Returns the RFC 6962 tree hash at each of the sizes."""
    made: dict[int, str] = {}
    peaks: list[bytes] = []
    for size, text in enumerate(hashes_in_order, start=1):
        current, index = leaf(text), size - 1
        while index & 1:
            current, index = node(peaks.pop(), current), index >> 1
        peaks.append(current)
        if size in sizes:
            total = peaks[-1]
            for left in reversed(peaks[:-1]):
                total = node(left, total)
            made[size] = total.hex()
    return made


def root_by_path(entry_hash: str, index: int, size: int, path: list[str]) -> str:
    """Returns the root that an inclusion proof leads to (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise Bad("names a place outside its tree")
    current, here, last = leaf(entry_hash), index, size - 1
    for step in path:
        if not HEX.fullmatch(step):
            raise Bad("has a proof that is no list of hashes")
        if last == 0:
            raise Bad("has a proof that is too long")
        if here & 1 or here == last:
            current = node(bytes.fromhex(step), current)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            current = node(current, bytes.fromhex(step))
        here, last = here >> 1, last >> 1
    if last != 0:
        raise Bad("has a proof that is too short")
    return current.hex()


# --- signatures ----------------------------------------------------------------------


@lru_cache(maxsize=64)
def verifier_of(root: str) -> Verifier:
    """Returns the stock verifier under one trusted root (JSON text)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trusted_root.json"
        file.write_text(root)
        return Verifier(trusted_root=TrustedRoot.from_file(str(file)))


@lru_cache(maxsize=8192)
def sigstore_problem(
    raw: bytes, statement: bytes, identity: str, issuer: str, root: str
) -> str:
    """Returns why a Sigstore bundle does not prove the statement, or nothing."""
    who = policy.AllOf(
        [policy.Identity(identity=identity), policy.OIDCIssuerV2(issuer)]
    )
    try:
        bundle = Bundle.from_json(raw)
        if "messageSignature" in json.loads(raw):
            verifier_of(root).verify_artifact(statement, bundle, who)
        else:
            kind, payload = verifier_of(root).verify_dsse(bundle, who)
            if kind != IN_TOTO or payload != statement:
                return "it signs something else than its statement"
        return retired(bundle, json.loads(raw), json.loads(root))
    except Exception as error:  # noqa: BLE001 - the library's are of many kinds
        return " ".join(str(error).split())[:200] or type(error).__name__


def retired(bundle: Bundle, raw: dict[str, Any], root: dict[str, Any]) -> str:
    """The library takes retired keys for ever; a window in the root is meant."""
    entry = raw["verificationMaterial"]["tlogEntries"][0]
    if "integratedTime" not in entry:
        return ""
    at = datetime.fromtimestamp(int(entry["integratedTime"]), timezone.utc)
    for log in root["tlogs"]:
        same = log["logId"]["keyId"] == entry["logId"]["keyId"]
        if same and not covers(log["publicKey"].get("validFor"), at):
            return "the log's key was not in use at that time"
    leaf_certificate = bundle.signing_certificate
    for authority in root["certificateAuthorities"]:
        chain = authority["certChain"]["certificates"]
        is_issuer = any(issued(leaf_certificate, one["rawBytes"]) for one in chain)
        if is_issuer and not covers(authority.get("validFor"), at):
            return "the certificate authority was not in use at that time"
    oid = x509.PrecertificateSignedCertificateTimestamps
    for stamp in leaf_certificate.extensions.get_extension_for_class(oid).value:
        made = stamp.timestamp.replace(tzinfo=timezone.utc)
        for log in root["ctlogs"]:
            same = base64.b64decode(log["logId"]["keyId"]) == stamp.log_id
            if same and not covers(log["publicKey"].get("validFor"), made):
                return "the certificate log's key was not in use at that time"
    return ""


def covers(window: dict[str, str] | None, at: datetime) -> bool:
    """Seconds are what the log tells; a window's own fraction is dropped as well."""
    window = window or {}
    if "start" in window and at < zulu(window["start"]):
        return False
    return "end" not in window or at <= zulu(window["end"])


def issued(certificate: x509.Certificate, authority: str) -> bool:
    try:
        certificate.verify_directly_issued_by(
            x509.load_der_x509_certificate(base64.b64decode(authority))
        )
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def sealed_problem(raw: bytes, statement: bytes, keys: dict[str, str]) -> str:
    """Returns why a bundle of the sealed local key does not hold, or nothing."""
    try:
        bundle = strict_json(raw)
        envelope = bundle["dsseEnvelope"]
        (signature,) = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        key_id = bundle["keyId"]
        if signature["keyid"] != key_id or key_id not in keys:
            return "the trust note does not know its key"
        key = serialization.load_pem_public_key(keys[key_id].encode())
        spki = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        if sha(spki) != key_id or not isinstance(key, ec.EllipticCurvePublicKey):
            return "the key in the trust note is not the one that it is called"
        if envelope["payloadType"] != IN_TOTO or payload != statement:
            return "it signs something else than its statement"
        kind = IN_TOTO.encode()
        message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        key.verify(
            base64.b64decode(signature["sig"], validate=True),
            message,
            ec.ECDSA(hashes.SHA256()),
        )
    except InvalidSignature:
        return "invalid signature"
    except DAMAGE as error:
        return f"it cannot be read ({type(error).__name__})"
    return ""


def payload_digest(raw: bytes) -> str:
    """Returns the SHA-256 of what a bundle signs, by its own word."""
    bundle = strict_json(raw)
    if "messageSignature" in bundle:
        return base64.b64decode(
            bundle["messageSignature"]["messageDigest"]["digest"]
        ).hex()
    return sha(base64.b64decode(bundle["dsseEnvelope"]["payload"]))


@lru_cache(maxsize=4096)
def passkey_problem(
    asserted: str, statement_digest: str, key: str, rp_id: str, origins: tuple[str, ...]
) -> str:
    """
    Returns why a WebAuthn assertion does not stand for the statement, or nothing.

    Source: https://www.w3.org/TR/webauthn-3/#sctn-verifying-assertion
    """
    given = json.loads(asserted)
    data = unb64url(given["authenticator_data"])
    client = unb64url(given["client_data"])
    said = json.loads(client)
    if said["type"] != "webauthn.get" or said.get("crossOrigin"):
        return "is of another kind"
    if unb64url(said["challenge"]) != bytes.fromhex(statement_digest):
        return "answers another challenge"
    if said["origin"] not in origins:
        return f"was made at {str(said['origin'])[:80]}"
    if len(data) < 37 or data[:32] != hashlib.sha256(rp_id.encode()).digest():
        return "was made for another site"
    if data[32] & 0b101 != 0b101:
        return "was made without the person's presence and verification"
    try:
        _check_key(
            key, unb64url(given["signature"]), data + hashlib.sha256(client).digest()
        )
    except InvalidSignature:
        return "has an invalid signature"
    return ""


def _check_key(key_text: str, signature: bytes, message: bytes) -> None:
    key = serialization.load_der_public_key(unb64url(key_text))
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    else:
        raise Bad("has a key of an unknown kind")


KEY_KINDS = {
    -7: ec.EllipticCurvePublicKey,
    -8: ed25519.Ed25519PublicKey,
    -257: rsa.RSAPublicKey,
}


@dataclass(frozen=True)
class Trust:
    """Whom the reader believes, and under which names."""

    tenant: str
    workloads: frozenset[tuple[str, str]]
    approver_issuers: frozenset[str]
    roots: tuple[str, ...]
    kinds: frozenset[str]
    sealed: dict[str, str]
    rp_ids: frozenset[str]
    origins: tuple[str, ...]

    @classmethod
    def read(cls, raw: bytes) -> Trust:
        """Parses a trust.json."""
        note = strict_json(raw)
        if note["type"] != TRUST:
            raise Bad("is not a trust note of a known version")
        named = [note["workload"], *note.get("workloads", [])]
        return cls(
            tenant=note["tenant"]["id"],
            workloads=frozenset((one["identity"], one["issuer"]) for one in named),
            approver_issuers=frozenset(note["approver_issuers"]),
            roots=tuple(
                json.dumps(one["trusted_root"], sort_keys=True) for one in note["roots"]
            ),
            kinds=frozenset(one["kind"] for one in note["roots"]),
            sealed={one["key_id"]: one["public_key"] for one in note["sealed_keys"]},
            rp_ids=frozenset(note["webauthn"]["rp_ids"]),
            origins=tuple(note["webauthn"]["origins"]),
        )

    def materials(self) -> set[str]:
        """Returns every key and name: what another note must not go beyond."""
        found = {f"workload {one}" for one in self.workloads}
        found |= {f"issuer {one}" for one in self.approver_issuers}
        found |= {f"sealed key {key} {pem}" for key, pem in self.sealed.items()}
        found |= {f"site {one}" for one in (*self.rp_ids, *self.origins)}
        for root in map(json.loads, self.roots):
            for part in ("tlogs", "ctlogs"):
                found |= {f"log {one['publicKey']['rawBytes']}" for one in root[part]}
            for part in ("certificateAuthorities", "timestampAuthorities"):
                for one in root.get(part, []):
                    certificates = one["certChain"]["certificates"]
                    found |= {f"authority {c['rawBytes']}" for c in certificates}
        return found | {f"tenant {self.tenant}"}


# --- policies ------------------------------------------------------------------------


def glob(pattern: str, value: str) -> bool:
    """`*` is any run inside one `/` segment; all else is compared exactly."""
    wanted, found = pattern.split("/"), value.split("/")
    return (
        value.isascii()
        and len(wanted) == len(found)
        and all(_segment(one, two) for one, two in zip(wanted, found, strict=True))
    )


def _segment(pattern: str, value: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == value
    *middle, last = rest
    if not value.startswith(first) or not value[len(first) :].endswith(last):
        return False
    inner, at = value[len(first) : len(value) - len(last)], 0
    for part in middle:
        at = inner.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def tier_for(document: dict[str, Any], target: dict[str, str]) -> dict[str, Any]:
    """
    Returns the tier that a policy chooses for a target.

    The first that matches; the strictest where none does, and where a lower impact or
    a named branch would have matched none: what a requester leaves out lowers nothing.
    """
    tiers: list[dict[str, Any]] = document["tiers"]
    chosen = _first(tiers, target, target["impact"], True)
    if chosen is None or chosen is tiers[0]:
        return tiers[0]
    low = _first(tiers, target, "low", True), _first(tiers, target, "low", False)
    return chosen if all(low) else tiers[0]


def _first(
    tiers: list[dict[str, Any]], target: dict[str, str], impact: str, any_branch: bool
) -> dict[str, Any] | None:
    return next(
        (t for t in tiers if _fits(t["match"], target, impact, any_branch)), None
    )


def _fits(
    match: dict[str, Any], target: dict[str, str], impact: str, any_branch: bool
) -> bool:
    if match["minimum_impact"] == "high" and impact != "high":
        return False
    if not target["branch"]:
        if match["branches"] and not any_branch:
            return False
    elif not _any(match["branches"], target["branch"]):
        return False
    return (
        _any(match["gates"], target["gate"])
        and _any(match["services"], target["service"])
        and _any(match["environments"], target["environment"])
        and _any(match["data_classes"], target["data_class"])
    )


def _any(patterns: list[str], value: str) -> bool:
    return not patterns or any(glob(one, value) for one in patterns)


def all_slots_filled(
    requirements: list[dict[str, Any]], groups_of: dict[str, set[str]]
) -> bool:
    """Says whether different people can fill every slot: a bipartite matching."""
    slots = [need["group"] for need in requirements for _ in range(need["count"])]
    seated: dict[int, str] = {}

    def seat(person: str, tried: set[int]) -> bool:
        for slot, group in enumerate(slots):
            if slot in tried or group not in groups_of[person]:
                continue
            tried.add(slot)
            if slot not in seated or seat(seated[slot], tried):
                seated[slot] = person
                return True
        return False

    for person in sorted(groups_of):
        seat(person, set())
    return bool(slots) and len(seated) == len(slots)


# --- the log, entry by entry ---------------------------------------------------------

SHAPE = {
    "type": str,
    "tenant": dict,
    "seq": int,
    "prev": str,
    "at": str,
    "event": str,
    "actor": dict,
    "bypass_id": str,
    "facts": dict,
}


@lru_cache(maxsize=200_000)
def parsed_entry(body: str) -> tuple[dict[str, Any], str, str]:
    """Returns (content, hash, problem) of an entry's exact text."""
    try:
        raw = body.encode()
    except UnicodeEncodeError:
        return {}, "", "holds text that is not Unicode"
    digest = sha(ENTRY.encode() + b"\n" + raw)
    if len(raw) > MAX_ENTRY:
        return {}, digest, f"is {len(raw)} bytes long: no honest writer makes that"
    try:
        content = canonical_json(raw)
    except Bad as error:
        return {}, digest, str(error)
    except DAMAGE:
        return {}, digest, "holds bytes that are not JSON"
    if type(content) is not dict or set(content) != set(SHAPE):
        return {}, digest, "is not an entry of a known version"
    if any(type(content[name]) is not kind for name, kind in SHAPE.items()):
        return {}, digest, "has fields of another type"
    if content["type"] != ENTRY:
        return {}, digest, "is not an entry of a known version"
    names = [*content["actor"].values(), *content["tenant"].values()]
    shapes = (set(content["actor"]), set(content["tenant"]))
    if shapes != ({"kind", "id", "name"}, {"id", "slug"}) or not all(
        isinstance(name, str) for name in names
    ):
        return {}, digest, "does not name its actor and tenant"
    if not WHEN.fullmatch(content["at"]) or not HEX.fullmatch(content["prev"]):
        return {}, digest, "has a time or link of another shape"
    return content, digest, ""


@dataclass
class Approval:
    """One approval that stands in the log, and what it rests on."""

    seq: int
    person: str
    email: str
    identity: str
    issuer: str
    ttl: int
    bundle: str
    signed_by: str
    holds: bool
    has_passkey: bool


@dataclass
class Bypass:
    """What the log says about one bypass so far."""

    body: dict[str, Any]
    digest: str
    state: str = "pending"
    approvals: list[Approval] = field(default_factory=list)
    grant: dict[str, Any] | None = None
    grant_state: str = ""
    closed_at: str = ""
    signed: str = ""
    counter: str = ""
    close_reason: str = ""
    postmortem: str = ""
    assignee: str = ""
    writers: set[str] = field(default_factory=set)
    due_at: str = ""
    revision: int = 0
    deploys: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Archive:
    """The files, the trust, and what has been read out of them."""

    files: dict[str, bytes]
    trust: Trust
    report: Report
    manifest: dict[str, Any]
    used: set[str] = field(default_factory=set)

    @property
    def is_whole(self) -> bool:
        """Whether the archive says that it holds the whole log."""
        return bool(self.manifest["scope"]["kind"] == "log")

    def statement(self, digest: str) -> bytes:
        """Returns the statement of that digest, which its name promises."""
        name = f"statements/{digest}.json"
        if name not in self.files:
            raise Bad("names a statement that is not in the archive")
        self.used.add(name)
        return self.files[name]

    def signed(
        self,
        name: str,
        signers: list[tuple[str, str]],
        kind: str,
        *,
        sealed: bool = False,
    ) -> tuple[dict[str, Any], bytes]:
        """
        Returns the statement that a bundle signs, and its bytes.

        Raises Bad unless the bundle is there, one of the signers made it under a root
        that is trusted, and it signs a statement of that kind. `sealed` allows the
        sealed local key instead.
        """
        path = f"bundles/{name}.sigstore.json"
        if path not in self.files:
            raise Bad("names a signature that is not in the archive")
        self.used.add(path)
        raw = self.files[path]
        statement = self.statement(payload_digest(raw))
        problem = "nobody who may sign it is known"
        if strict_json(raw).get("mediaType") == SEALED:
            problem = "the sealed key may not sign this"
            if sealed:
                problem = sealed_problem(raw, statement, self.trust.sealed)
        else:
            for identity, issuer in signers:
                for root in self.trust.roots:
                    problem = sigstore_problem(raw, statement, identity, issuer, root)
                    if not problem:
                        break
                else:
                    continue
                break
        if problem:
            raise Bad(f"has a signature that does not hold: {problem}")
        self.report.counts["signatures"] += 1
        content = canonical_json(statement)
        if content["_type"] != STATEMENT or content["predicateType"] != kind:
            raise Bad("carries a signature over a statement of another kind")
        return content, statement


class Replay:
    """Goes through the log in order, and holds each entry against those before it."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.report, self.trust = archive, archive.report, archive.trust
        self.bypasses: dict[str, Bypass] = {}
        self.members: dict[str, set[str]] = {}
        self.inactive: set[str] = set()
        self.machines: set[str] = set()
        self.kinds_known = True
        self.emails: dict[str, str] = {}
        self.merged: dict[str, str] = {}
        self.policies: dict[int, dict[str, Any]] = {}
        self.version = 0
        self.gates: dict[str, dict[str, Any]] = {}
        self.credentials: dict[str, dict[str, Any]] = {}
        self.nonces: set[str] = set()
        self.unknown: Counter[str] = Counter()
        self.exports: dict[str, Entry] = {}
        self.seals: dict[int, Entry] = {}
        self.reanchored: list[Entry] = []
        self.handlers: dict[str, Callable[[Entry], None]] = {
            name.removeprefix("on_").replace("__", "."): getattr(self, name)
            for name in dir(self)
            if name.startswith("on_")
        }

    def take(self, entry: Entry) -> None:
        """Handles one entry; what makes no sense is a finding."""
        event = entry.body["event"]
        handler = self.handlers.get(event)
        if handler is None:
            if event not in QUIET:
                self.unknown[event] += 1
            return
        try:
            handler(entry)
        except Bad as error:
            self.report.add(entry.seq, str(error))
        except DAMAGE as error:
            self.report.add(entry.seq, f"has facts that make no sense ({error!r:.80})")

    def need(self, entry: Entry, claim: bool, message: str) -> None:
        """Notes a finding unless the claim holds."""
        if not claim:
            self.report.add(entry.seq, message)

    def bypass_of(self, entry: Entry) -> Bypass:
        """Returns the bypass that an entry is about."""
        found = self.bypasses.get(entry.body["bypass_id"])
        if found is None:
            raise Bad("is about a request that was never opened")
        return found

    def one(self, person: str) -> str:
        """Returns whom an account belongs to, after merges."""
        while person in self.merged:
            person = self.merged[person]
        return person

    # --- people, roles, policies, gates

    def on_role__member_added(self, entry: Entry) -> None:
        facts, person = entry.facts, entry.facts["id"]
        if not any(person in held for held in self.members.values()):
            self.inactive.discard(person)  # outside all roles the log is not told
        self.members.setdefault(facts["role"], set()).add(person)
        self.emails[person] = facts["person"]
        if "kind" not in facts:
            self.kinds_known = False
        elif facts["kind"] != "human":
            self.machines.add(person)

    def on_role__member_removed(self, entry: Entry) -> None:
        held = self.members.setdefault(entry.facts["role"], set())
        whole = self.archive.is_whole
        self.need(
            entry,
            entry.facts["id"] in held or not whole,
            "takes a role from somebody who did not have it",
        )
        held.discard(entry.facts["id"])

    def on_person__changed(self, entry: Entry) -> None:
        change = (
            self.inactive.discard if entry.facts["is_active"] else self.inactive.add
        )
        change(entry.facts["id"])

    def on_person__merged(self, entry: Entry) -> None:
        kept, gone = entry.facts["kept_id"], entry.facts["merged_id"]
        if self.one(kept) == gone:
            raise Bad("merges two accounts in a circle")
        self.merged[gone] = kept
        self.inactive.add(gone)

    def on_policy__published(self, entry: Entry) -> None:
        facts, document = entry.facts, entry.facts["policy"]
        version = facts["version"]
        self.need(
            entry,
            version == self.version + 1,
            f"publishes version {version} after version {self.version}",
        )
        good = document["type"] == POLICY and document["version"] == version
        self.need(
            entry,
            good and sha(canonical(document)) == facts["digest"],
            "publishes a policy that does not have its digest",
        )
        self.policies[version] = {"digest": facts["digest"], "document": document}
        self.version = max(self.version, version)

    def on_gate__registered(self, entry: Entry) -> None:
        self.gates[entry.facts["gate"]] = entry.facts

    on_gate__changed = on_gate__registered

    def on_credential__enrolled(self, entry: Entry) -> None:
        facts = entry.facts
        known = self.credentials.get(facts["credential"])
        key = serialization.load_der_public_key(unb64url(facts["public_key"]))
        kind = KEY_KINDS.get(facts["algorithm"])
        self.need(
            entry,
            kind is not None and isinstance(key, kind),
            "enrols a key of another kind",
        )
        early = facts["usable_from"] < later(entry.at, facts["cool_down_seconds"])
        self.need(entry, not early, "enrols a passkey that counts before its cool-down")
        if known and (known["public_key"], known["id"]) != (
            facts["public_key"],
            facts["id"],
        ):
            raise Bad("enrols a passkey under an ID that another one has")
        if known and not known.get("revoked"):
            facts = {
                **facts,
                "usable_from": min(facts["usable_from"], known["usable_from"]),
            }
        self.credentials[facts["credential"]] = {**facts, "revoked": False}

    def on_credential__revoked(self, entry: Entry) -> None:
        known = self.credentials.get(entry.facts["credential"])
        if known is not None:
            known["revoked"] = True

    # --- requests and approvals

    def on_request__opened(self, entry: Entry) -> None:
        name, facts, actor = entry.body["bypass_id"], entry.facts, entry.body["actor"]
        if name in self.bypasses:
            raise Bad("opens a request that was opened before")
        raw = self.archive.files.get(f"requests/{name}.json", b"")
        self.archive.used.add(f"requests/{name}.json")
        self.report.counts["requests"] += 1
        self.need(
            entry,
            sha(raw) == facts["digest"],
            "has another digest than its frozen request",
        )
        body = canonical_json(raw)
        self.bypasses[name] = Bypass(body=body, digest=facts["digest"])
        same = {
            "type": REQUEST,
            "bypass_id": name,
            "tenant": entry.body["tenant"],
            "requester": actor,
            "lapses_at": facts["lapses_at"],
            **{
                key: facts[key]
                for key in (
                    "gate",
                    "service",
                    "branch",
                    "artifact",
                    "impact",
                    "justification",
                    "incident_url",
                    "ttl_seconds",
                    "tier",
                )
            },
        }
        wrong = sorted(key for key, value in same.items() if body.get(key) != value)
        self.need(
            entry,
            not wrong,
            f"says otherwise than its frozen request: {', '.join(wrong)}",
        )
        pinned = self.policies.get(body["policy"]["version"])
        if pinned is None or pinned["digest"] != body["policy"]["digest"]:
            raise Bad("names a policy that the log does not have")
        self.need(
            entry,
            facts["policy_version"] == body["policy"]["version"]
            and tier_for(pinned["document"], body)["slug"] == body["tier"],
            "is in another tier than its policy says",
        )
        in_order = (
            body["opened_at"] <= entry.at and body["opened_at"] < body["lapses_at"]
        )
        self.need(entry, in_order, "was opened at a time that does not fit")

    def end(self, entry: Entry, state: str) -> None:
        """Moves a pending request to its end."""
        bypass = self.bypass_of(entry)
        self.need(
            entry,
            bypass.state == "pending",
            f"ends a request that was {bypass.state} already",
        )
        bypass.state = state

    def on_request__rejected(self, entry: Entry) -> None:
        self.end(entry, "rejected")
        bypass = self.bypass_of(entry)
        itself = entry.body["actor"]["id"] == bypass.body["requester"]["id"]
        self.need(entry, not itself, "was rejected by whoever asked")
        self.need(
            entry, entry.facts["digest"] == bypass.digest, "rejects another digest"
        )

    def on_request__withdrawn(self, entry: Entry) -> None:
        self.end(entry, "withdrawn")
        mine = (
            entry.body["actor"]["id"] == self.bypass_of(entry).body["requester"]["id"]
        )
        self.need(entry, mine, "was withdrawn by somebody else than who asked")

    def on_request__lapsed(self, entry: Entry) -> None:
        self.end(entry, "lapsed")
        due = self.bypass_of(entry).body["lapses_at"] <= entry.at
        self.need(entry, due, "lapsed before its time")

    def on_request__approved(self, entry: Entry) -> None:
        bypass, facts, actor = self.bypass_of(entry), entry.facts, entry.body["actor"]
        self.report.counts["approvals"] += 1
        given = Approval(
            seq=entry.seq,
            person=actor["id"],
            email=actor["name"],
            identity=facts["identity"],
            issuer=facts["issuer"],
            ttl=facts["ttl_seconds"],
            bundle=facts["bundle_sha256"],
            signed_by=facts.get("signed_by", "instance"),
            holds=False,
            has_passkey=False,
        )
        bypass.approvals.append(given)
        self.need(
            entry,
            bypass.state == "pending",
            f"approves a request that was {bypass.state}",
        )
        self.need(entry, facts["digest"] == bypass.digest, "approves another digest")
        requester = self.one(bypass.body["requester"]["id"])
        self.need(
            entry,
            actor["kind"] == "user" and self.one(actor["id"]) != requester,
            "approves its own request",
        )
        twice = [
            one
            for one in bypass.approvals[:-1]
            if self.one(one.person) == self.one(given.person)
        ]
        self.need(entry, not twice, "approves the same request twice")
        statement = self.approval_statement(entry, bypass, given)
        given.has_passkey = self.passkey(entry, statement)
        portal = (facts["identity"], facts["issuer"]) in self.trust.workloads
        bare = portal or given.signed_by != "instance"
        if bare and not given.has_passkey:
            raise Bad("was signed by the portal, and has no passkey of the approver")
        given.holds = True
        kind = "with" if given.has_passkey else "without"
        self.report.counts[f"approvals {kind} a passkey"] += 1

    def approval_statement(
        self, entry: Entry, bypass: Bypass, given: Approval
    ) -> bytes:
        """Checks what the approver signed, word for word; returns its bytes."""
        facts, body = entry.facts, bypass.body
        person = (facts["identity"], facts["issuer"])
        named = given.email == person[0] and person[1] in self.trust.approver_issuers
        is_sealed = given.signed_by == "sealed_key"
        if not named and person not in self.trust.workloads and not is_sealed:
            raise Bad("was signed by somebody else than its actor")
        content, raw = self.archive.signed(
            given.bundle, [person], APPROVAL_OF, sealed=is_sealed
        )
        said = content["predicate"]
        wanted = {
            "verdict": "approve",
            "bypass_id": entry.body["bypass_id"],
            "tenant": entry.body["tenant"]["id"],
            "approver": {"subject": given.person, "email": given.email},
            "ttl_seconds": given.ttl,
            "tier": body["tier"],
            "policy_version": body["policy"]["version"],
            "policy_digest": body["policy"]["digest"],
            "comment_sha256": sha(facts["comment"].encode()),
        }
        wrong = sorted(key for key, value in wanted.items() if said.get(key) != value)
        subject = [
            {"name": entry.body["bypass_id"], "digest": {"sha256": bypass.digest}}
        ]
        if wrong or content["subject"] != subject:
            raise Bad(f"was signed with other words: {', '.join(wrong) or 'subject'}")
        if facts.get("statement_sha256", sha(raw)) != sha(raw):
            raise Bad("names another statement than the one that was signed")
        self.need(
            entry,
            said["decided_at"] <= entry.at and said["decided_at"] < body["lapses_at"],
            "was decided at a time that does not fit",
        )
        self.need(
            entry, given.ttl <= body["ttl_seconds"], "allows longer than was asked for"
        )
        nonce = str(said.get("nonce", entry.hash))
        self.need(
            entry, nonce not in self.nonces, "signs the bytes of another decision"
        )
        self.nonces.add(nonce)
        return raw

    def passkey(self, entry: Entry, statement: bytes) -> bool:
        """Says whether a passkey that the log knows of asserts the statement."""
        given = entry.facts.get("passkey")
        if given is None:
            return False
        known = self.credentials.get(given["credential"])
        if known is None:
            raise Bad("was approved with a passkey that was not enrolled before")
        if known["id"] != entry.body["actor"]["id"]:
            raise Bad("was approved with somebody else's passkey")
        if known["revoked"] or known["usable_from"] > entry.at:
            raise Bad("was approved with a passkey that did not count at that time")
        if known["rp_id"] not in self.trust.rp_ids:
            raise Bad("was approved with a passkey of another site")
        problem = passkey_problem(
            json.dumps(given),
            sha(statement),
            known["public_key"],
            known["rp_id"],
            self.trust.origins,
        )
        if problem:
            raise Bad(f"has a passkey's assertion that {problem}")
        return True

    # --- grants

    def on_grant__issued(self, entry: Entry) -> None:
        bypass, facts = self.bypass_of(entry), entry.facts
        self.report.counts["grants"] += 1
        self.need(
            entry,
            bypass.state == "pending",
            f"grants a request that was {bypass.state}",
        )
        if bypass.grant is not None:
            raise Bad("grants the same request twice")
        bypass.grant, bypass.grant_state, bypass.state = facts, "active", "approved"
        same = ("gate", "service", "branch", "artifact", "justification")
        wrong = [key for key in same if facts[key] != bypass.body[key]]
        wrong += ["digest"] if facts["digest"] != bypass.digest else []
        self.need(
            entry,
            not wrong,
            f"grants something else than was asked: {', '.join(wrong)}",
        )
        end = later(facts["starts_at"], facts["ttl_seconds"])
        self.need(
            entry, end == facts["expires_at"], "has a window that is not its length"
        )
        self.need(
            entry, facts["starts_at"] <= entry.at, "starts before it was written down"
        )
        named = [(one.bundle, one.identity, one.email) for one in bypass.approvals]
        self.need(
            entry,
            facts["approval_bundles"] == [bundle for bundle, _, _ in named],
            "names other approvals than the log has",
        )
        people = facts["approvers"]
        good = len(people) == len(named) and all(
            who in (identity, email)
            for who, (_, identity, email) in zip(people, named, strict=True)
        )
        self.need(entry, good, "names other approvers than the log has")
        self.terms(entry, bypass)

    def tiers(self, bypass: Bypass) -> list[dict[str, Any]]:
        """Returns the pinned tier, and the one that the policy in force chooses."""
        body = bypass.body
        pinned = self.policies[body["policy"]["version"]]["document"]
        gate = self.gates.get(body["gate"])
        now = dict(body)
        if gate is not None:
            now |= {key: gate[key] for key in ("environment", "data_class")}
        chosen = {tier["slug"]: tier for tier in pinned["tiers"]}[body["tier"]]
        return [chosen, tier_for(self.policies[self.version]["document"], now)]

    def standing(self, bypass: Bypass, needs_passkey: bool) -> dict[str, set[str]]:
        """Returns who counts now, with their groups: live people, held evidence."""
        requester, found = self.one(bypass.body["requester"]["id"]), {}
        for given in bypass.approvals:
            if not given.holds or (needs_passkey and not given.has_passkey):
                continue
            out = self.inactive | self.machines | {requester}
            if given.person not in out and self.one(given.person) != requester:
                found[given.person] = {
                    role
                    for role, people in self.members.items()
                    if given.person in people
                }
        return found

    def terms(self, entry: Entry, bypass: Bypass) -> None:
        """Recomputes from the log alone whether this grant was permitted."""
        facts, tiers = entry.facts, self.tiers(bypass)
        is_offline = facts.get("assurance", "sigstore") == "offline_quorum"
        if facts.get("assurance", "sigstore") not in ("sigstore", "offline_quorum"):
            raise Bad("claims an assurance that is not known")
        passkeys = is_offline or any(tier.get("passkey_required") for tier in tiers)
        people = self.standing(bypass, passkeys)
        for tier in tiers:
            if not all_slots_filled(tier["requirements"], people):
                raise Bad(
                    f"is a grant without the approvals that tier {tier['slug']} needs"
                )
        needed = max(
            sum(one["count"] for one in tier["requirements"]) for tier in tiers
        )
        needed += is_offline
        groups = {one["group"] for tier in tiers for one in tier["requirements"]}
        counted = [person for person, held in people.items() if held & groups]
        self.need(entry, len(counted) >= needed, "is a grant with too few approvals")
        self.need(
            entry, facts["quorum"] >= needed, "claims a smaller quorum than it needs"
        )
        by_people = [one for one in bypass.approvals if one.signed_by != "instance"]
        self.need(
            entry,
            is_offline or not by_people,
            "hides that it rests on the outage fallback",
        )
        caps = [max(tier["ttl_seconds"]) for tier in tiers]
        caps += [bypass.body["ttl_seconds"], *(one.ttl for one in bypass.approvals)]
        if is_offline:
            caps.append(OFFLINE_TTL)
            allowed = all(tier.get("offline_quorum") for tier in tiers)
            self.need(
                entry, allowed, "rests on an outage fallback that its policy forbids"
            )
            self.report.counts["grants under the outage fallback"] += 1
        self.need(
            entry, 60 <= facts["ttl_seconds"] <= min(caps), "is longer than was allowed"
        )
        limits = [
            tier["max_deploys"] for tier in tiers if tier["max_deploys"] is not None
        ]
        most = facts["max_deploys"]
        loose = bool(limits) and (most is None or most > min(limits))
        loose = loose or (
            any(tier["digest_required"] for tier in tiers)
            and not facts["digest_required"]
        )
        self.need(entry, not loose, "allows more deploys than its tier")

    def on_grant__signed(self, entry: Entry) -> None:
        bypass, facts = self.bypass_of(entry), entry.facts
        grant = self.granted(bypass)
        self.need(entry, not bypass.signed, "signs the same grant twice")
        is_offline = grant.get("assurance") == "offline_quorum"
        content, _ = self.archive.signed(
            facts["bundle_sha256"],
            sorted(self.trust.workloads),
            GRANT_OF,
            sealed=is_offline,
        )
        bypass.signed = facts["bundle_sha256"]
        self.need(
            entry,
            is_offline or facts["identity"] in {who for who, _ in self.trust.workloads},
            "was signed by somebody else than the portal",
        )
        wanted = {
            "bypass_id": entry.body["bypass_id"],
            "tenant": entry.body["tenant"]["id"],
            "tier": bypass.body["tier"],
            "policy_version": bypass.body["policy"]["version"],
            **{
                key: grant[key]
                for key in ("starts_at", "expires_at", "max_deploys", "digest_required")
            },
            "approvals": [
                {"email": who, "ttl_seconds": one.ttl, "bundle_sha256": one.bundle}
                for who, one in zip(grant["approvers"], bypass.approvals, strict=False)
            ],
        }
        said = content["predicate"]
        wrong = sorted(key for key, value in wanted.items() if said.get(key) != value)
        subject = [
            {"name": entry.body["bypass_id"], "digest": {"sha256": bypass.digest}}
        ]
        wrong += ["subject"] if content["subject"] != subject else []
        self.need(entry, not wrong, f"was signed with other terms: {', '.join(wrong)}")

    def granted(self, bypass: Bypass) -> dict[str, Any]:
        """Returns the grant that an entry needs to be there."""
        if bypass.grant is None:
            raise Bad("is about a bypass that was never granted")
        return bypass.grant

    def on_grant__countersigned(self, entry: Entry) -> None:
        bypass, facts = self.bypass_of(entry), entry.facts
        self.granted(bypass)
        content, _ = self.archive.signed(
            facts["bundle_sha256"], sorted(self.trust.workloads), COUNTER_OF
        )
        said = content["predicate"]
        wanted = {
            "bypass_id": entry.body["bypass_id"],
            "tenant": entry.body["tenant"]["id"],
            "grant_bundle_sha256": bypass.signed,
            "approval_bundles": [one.bundle for one in bypass.approvals],
        }
        wrong = sorted(key for key, value in wanted.items() if said.get(key) != value)
        subject = [
            {"name": entry.body["bypass_id"], "digest": {"sha256": bypass.signed}}
        ]
        wrong += ["subject"] if content["subject"] != subject else []
        self.need(entry, not wrong, f"countersigns something else: {', '.join(wrong)}")
        is_late = said["countersigned_at"] > facts["due_at"]
        self.need(entry, facts["late"] or not is_late, "hides that it came too late")
        bypass.counter = bypass.counter or ("late" if facts["late"] else "in time")

    def on_grant__unverified(self, entry: Entry) -> None:
        bypass = self.bypass_of(entry)
        self.granted(bypass)
        self.need(
            entry, entry.facts["due_at"] <= entry.at, "was flagged before its deadline"
        )
        bypass.counter = "flagged"

    def close(self, entry: Entry, state: str) -> None:
        """Closes a grant, once."""
        bypass, facts = self.bypass_of(entry), entry.facts
        grant = self.granted(bypass)
        self.need(
            entry,
            bypass.grant_state == "active",
            "closes a grant that was closed already",
        )
        bypass.grant_state, bypass.closed_at = state, facts["closed_at"]
        bypass.close_reason = facts["reason"]
        self.need(
            entry,
            facts["expires_at"] == grant["expires_at"],
            "names another end of the window",
        )
        if state == "expired":
            good = facts["closed_at"] == grant["expires_at"] <= entry.at
        else:
            good = grant["starts_at"] <= facts["closed_at"] < grant["expires_at"]
            good = good and facts["closed_at"] <= entry.at
        self.need(entry, good, "closes a grant at a time that does not fit")

    def on_grant__expired(self, entry: Entry) -> None:
        self.close(entry, "expired")

    def on_grant__revoked(self, entry: Entry) -> None:
        self.close(entry, "revoked")

    def on_gate__snapped_back(self, entry: Entry) -> None:
        bypass = self.bypass_of(entry)
        self.granted(bypass)
        self.need(
            entry,
            bypass.grant_state != "active",
            "snaps back before the grant was closed",
        )

    # --- deploys and post-mortems

    def on_deploy__admitted(self, entry: Entry) -> None:
        bypass, facts = self.bypass_of(entry), entry.facts
        grant = self.granted(bypass)
        self.report.counts["deploys"] += 1
        self.need(
            entry,
            facts["deploy_id"] not in bypass.deploys,
            "admits the same deploy twice",
        )
        bypass.deploys[facts["deploy_id"]] = {
            **facts,
            "state": "admitted",
            "ended_at": None,
        }
        self.need(
            entry,
            bypass.grant_state == "active",
            "admits a deploy after the grant was closed",
        )
        inside = grant["starts_at"] <= facts["admitted_at"] < grant["expires_at"]
        self.need(entry, inside, "admits a deploy outside the grant's window")
        self.need(
            entry,
            facts["admitted_at"] <= entry.at
            and facts["expires_at"] == grant["expires_at"],
            "admits a deploy at a time that does not fit",
        )
        fits = facts["service"] == grant["service"] and all(
            grant[key] in ("", facts[key]) for key in ("branch", "artifact")
        )
        gate = (entry.body["actor"]["kind"], entry.body["actor"]["id"])
        self.need(
            entry,
            fits and gate == ("gate", grant["gate"]),
            "admits a deploy of another scope",
        )
        most = grant["max_deploys"]
        self.need(
            entry,
            most is None or len(bypass.deploys) <= most,
            "admits more deploys than granted",
        )

    def deploy_ends(self, entry: Entry, states: tuple[str, ...]) -> None:
        """Ends a deploy that was in flight."""
        bypass, facts = self.bypass_of(entry), entry.facts
        deploy = bypass.deploys.get(facts["deploy_id"])
        if deploy is None:
            raise Bad("ends a deploy that was never admitted")
        self.need(entry, deploy["state"] == "admitted", "ends a deploy that had ended")
        same = all(
            facts[key] == deploy[key] for key in ("service", "branch", "artifact")
        )
        self.need(
            entry, same and facts["state"] in states, "ends a deploy in another way"
        )
        good = deploy["admitted_at"] <= facts["ended_at"] <= entry.at
        self.need(entry, good, "ends a deploy at a time that does not fit")
        deploy["state"], deploy["ended_at"] = facts["state"], facts["ended_at"]

    def on_deploy__finished(self, entry: Entry) -> None:
        self.deploy_ends(entry, ("succeeded", "failed"))
        bypass, facts = self.bypass_of(entry), entry.facts
        ends = self.granted(bypass)["expires_at"]
        is_late = bypass.grant_state != "active" or facts["ended_at"] >= ends
        self.need(
            entry,
            is_late == ("overran_seconds" in facts),
            "ends a deploy past the close without saying so, or says so wrongly",
        )

    def on_deploy__reverted(self, entry: Entry) -> None:
        self.deploy_ends(entry, ("reverted",))

    def on_deploy__lost(self, entry: Entry) -> None:
        self.deploy_ends(entry, ("unknown",))

    def on_postmortem__opened(self, entry: Entry) -> None:
        bypass = self.bypass_of(entry)
        grant = self.granted(bypass)
        self.need(entry, not bypass.postmortem, "opens a post-mortem twice")
        over = bypass.grant_state != "active" or grant["expires_at"] <= entry.at
        self.need(entry, over, "opens a post-mortem before the grant is over")
        bypass.postmortem, bypass.due_at = "open", entry.facts["due_at"]
        bypass.assignee = entry.facts["assignee"]

    def on_postmortem__saved(self, entry: Entry) -> None:
        bypass = self.bypass_of(entry)
        good = (
            bypass.postmortem == "open"
            and entry.facts["revision"] == bypass.revision + 1
        )
        self.need(entry, good, "saves a post-mortem out of turn")
        bypass.revision = entry.facts["revision"]
        bypass.writers.add(entry.body["actor"]["name"])

    def on_postmortem__published(self, entry: Entry) -> None:
        bypass = self.bypass_of(entry)
        good = (
            bypass.postmortem == "open" and entry.facts["revision"] == bypass.revision
        )
        self.need(entry, good, "publishes a post-mortem out of turn")
        bypass.postmortem = "published"

    def while_it_is(self, entry: Entry, state: str) -> None:
        good = self.bypass_of(entry).postmortem == state
        self.need(entry, good, f"is about a post-mortem that is not {state}")

    def on_postmortem__handed_over(self, entry: Entry) -> None:
        self.while_it_is(entry, "open")
        self.bypass_of(entry).assignee = entry.facts["assignee"]

    def on_postmortem__review_asked(self, entry: Entry) -> None:
        self.while_it_is(entry, "open")
        own = entry.body["actor"]["name"] in entry.facts["reviewers"]
        self.need(entry, not own, "has a post-mortem reviewed by whoever sent it")

    def on_postmortem__review_ended(self, entry: Entry) -> None:
        self.while_it_is(entry, "open")
        bypass = self.bypass_of(entry)
        own = entry.body["actor"]["name"] in {bypass.assignee, *bypass.writers}
        good = entry.facts["outcome"] != "done" or not own
        self.need(entry, good, "has a post-mortem found done by whoever wrote it")

    def on_postmortem__gate_judged(self, entry: Entry) -> None:
        self.while_it_is(entry, "open")

    def on_postmortem__action_changed(self, entry: Entry) -> None:
        self.while_it_is(entry, "published")

    def on_postmortem__noted(self, entry: Entry) -> None:
        self.while_it_is(entry, "published")

    # --- the log itself

    def on_log__sealed(self, entry: Entry) -> None:
        self.need(
            entry, 0 < entry.facts["size"] < entry.seq, "seals what comes after it"
        )
        self.need(
            entry, entry.facts["size"] not in self.seals, "seals the same size twice"
        )
        self.seals[entry.facts["size"]] = entry

    def on_log__reanchored(self, entry: Entry) -> None:
        two = entry.facts["proposed_by"] != entry.body["actor"]["name"]
        self.need(entry, two, "re-anchors the log by one person alone")
        self.reanchored.append(entry)

    def on_evidence__exported(self, entry: Entry) -> None:
        self.exports[entry.facts["export"]] = entry


QUIET = {
    "tenant.created",
    "tenant.changed",
    "template.changed",
    "gate.config_changed",
    "finding.opened",
    "finding.handed_over",
    "finding.closed",
    "health.terms_changed",
    "gate.described",
    "gate.terms_changed",
    "gate.trust_changed",
    "provenance.checked",
    "webhook.changed",
    "webhook.rotated",
    "webhook.stopped",
    "gate.retired",
    "token.issued",
    "token.superseded",
    "token.revoked",
    "role.created",
    "role.changed",
    "identity.linked",
    "identity.unlinked",
    "login.password_used",
    "channel.changed",
    "request.notified",
    "request.escalated",
    "request.reminded",
    "request.commented",
    "request.approval_dropped",
    "postmortem.overdue",
}


# --- the whole -----------------------------------------------------------------------


def verify(
    files: dict[str, bytes],
    *,
    trust: bytes | None = None,
    outside: list[bytes] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Checks an archive's files; `outside` are lines of a kept checkpoint file."""
    report = Report()
    try:
        manifest = check_manifest(files, report)
        note = Trust.read(trust if trust is not None else files["trust.json"])
    except DAMAGE as error:
        report.add(0, f"the manifest or the trust note cannot be read ({error!r:.120})")
        return report
    archive = Archive(files=files, trust=note, report=report, manifest=manifest)
    attempt(report, lambda: check_trust(archive, trust is not None))
    attempt(report, lambda: check_all(archive, outside, progress))
    return report


def attempt(report: Report, step: Callable[[], None]) -> None:
    """Runs a part of the checks; what it cannot read is a finding."""
    try:
        step()
    except DAMAGE as error:
        report.add(0, f"a part of the archive cannot be read ({error!r:.120})")


def check_manifest(files: dict[str, bytes], report: Report) -> dict[str, Any]:
    """Holds every file against its hash; none may be missing, none be there besides."""
    manifest: dict[str, Any] = strict_json(files["manifest.json"])
    shape = {
        "type": str,
        "tenant": dict,
        "scope": dict,
        "size": int,
        "head": str,
        "made_at": str,
        "requested_by": str,
        "reason": str,
        "files": dict,
        "export": str,
    }
    if set(manifest) != set(shape) or any(
        type(manifest[key]) is not kind for key, kind in shape.items()
    ):
        raise Bad("the manifest has other fields")
    if manifest["type"] != MANIFEST:
        raise Bad("this is not evidence of a known version")
    moment(manifest["made_at"])
    listed = manifest["files"]
    for name in sorted(set(files) - set(listed) - {"manifest.json"}):
        report.add(0, f"{name[:100]} is in the archive, and not in its manifest")
    for name in sorted(listed):
        if name not in files:
            report.add(0, f"{name[:100]} is missing")
        elif sha(files[name]) != listed[name]:
            report.add(0, f"{name[:100]} does not have the hash in the manifest")
        if name not in SINGLE and not NAMED.fullmatch(name):
            report.add(0, f"{name[:100]} does not belong here")
    for name in sorted(SINGLE - {"proofs.jsonl"} - set(files)):
        report.add(0, f"{name} is missing")
    for name, raw in files.items():
        if (
            name.startswith(("bundles/", "statements/", "requests/"))
            and len(raw) > MAX_SMALL
        ):
            report.add(0, f"{name[:100]} is {len(raw)} bytes long")
        if (
            name.startswith(("bundles/", "statements/"))
            and sha(raw) != name.split("/")[1][:64]
        ):
            report.add(0, f"{name[:100]} is not what its name says")
    report.about = {
        key: manifest[key] for key in ("tenant", "scope", "size", "head", "made_at")
    }
    return manifest


def check_trust(archive: Archive, is_given: bool) -> None:
    """Holds the archive's own trust note against the one that the reader brought."""
    report, files = archive.report, archive.files
    inside = Trust.read(files["trust.json"])
    if not is_given:
        report.unproven.append(
            "The trust roots, names and keys came from the archive itself: get "
            "trust.json from the site's operator by another way, and give --trust."
        )
    for extra in sorted(inside.materials() - archive.trust.materials()):
        report.add(
            0, f"the archive's trust note goes beyond the one given: {extra[:80]}"
        )
    roots = [json.loads(root) for root in inside.roots]
    if strict_json(files["trusted_root.json"]) not in roots:
        report.add(0, "trusted_root.json is not a root of trust.json")
    for name in files:
        if (
            name.startswith("trust_config")
            and strict_json(files[name])["trustedRoot"] not in roots
        ):
            report.add(0, f"{name} is not for a root of trust.json")
    if archive.manifest["tenant"]["id"] != archive.trust.tenant:
        report.add(0, "the archive is of another tenant than the trust note")
    if "embedded" in archive.trust.kinds:
        report.unproven.append(
            "Signatures of the embedded authority prove what the portal and that "
            "authority recorded: whoever holds their keys and host can make any."
        )


def check_all(
    archive: Archive, outside: list[bytes] | None, progress: Callable[[str], None]
) -> None:
    """Walks the log, then holds everything else against it."""
    report = archive.report
    progress("entries")
    entries = read_entries(archive)
    replay = Replay(archive)
    for number, entry in enumerate(entries, start=1):
        if number % 500 == 0:
            progress(f"entry {number} of {len(entries)}")
        if entry.body:
            replay.take(entry)
    progress("checkpoints")
    sealed = check_checkpoints(archive, entries, replay)
    check_outside(archive, entries, replay, outside)
    check_export(archive, replay)
    progress("rows")
    check_rows(archive, replay)
    check_ends(archive, replay)
    for name in sorted(set(archive.files) - archive.used):
        if name.split("/")[0] in ("bundles", "statements", "requests"):
            report.add(0, f"{name} is named by no entry and no checkpoint")
    say_limits(archive, replay, sealed, entries)


def read_entries(archive: Archive) -> list[Entry]:
    """Parses every entry, and holds each against its neighbour."""
    report, made, slug = archive.report, [], ""
    expected, prev, last_at = 1, GENESIS, ""
    for line in lines_of(archive.files["entries.jsonl"]):
        if set(line) != {"seq", "hash", "body"} or type(line["seq"]) is not int:
            raise Bad("entries.jsonl has lines of another shape")
        seq, report.counts["entries"] = line["seq"], report.counts["entries"] + 1
        content, digest, problem = parsed_entry(line["body"])
        if problem:
            report.add(seq, problem)
        if digest != line["hash"]:
            report.add(seq, "was altered: its bytes do not have the hash on record")
        if seq != expected and (archive.is_whole or seq < expected):
            report.add(seq, f"stands where entry {expected} belongs")
        if content:
            if content["seq"] != seq or content["tenant"]["id"] != archive.trust.tenant:
                report.add(seq, "belongs to another place or tenant")
            if (archive.is_whole or seq == expected) and content["prev"] != prev:
                report.add(seq, "does not link to the entry before it")
            if content["at"] < last_at:
                report.add(seq, "is older than the entry before it")
            if slug and content["tenant"]["slug"] != slug:
                report.add(seq, "names its tenant otherwise than the entry before it")
            last_at, slug = max(last_at, content["at"]), content["tenant"]["slug"]
        expected, prev = seq + 1, digest
        made.append(Entry(seq, digest, content))
    size, head = archive.manifest["size"], archive.manifest["head"]
    if last_at > archive.manifest["made_at"]:
        report.add(0, "the manifest is older than the log's last entry")
    if archive.is_whole and (len(made), made[-1].hash if made else GENESIS) != (
        size,
        head,
    ):
        report.add(len(made), "is not where the manifest says that the log ends")
    if (
        made
        and archive.is_whole
        and (made[0].body or {}).get("event") != "tenant.created"
    ):
        report.add(1, "is not how a log begins")
    if slug and slug != archive.manifest["tenant"]["slug"]:
        report.add(0, "the manifest calls the tenant otherwise than the log")
    return made


def signed_checkpoint(archive: Archive, raw_name: str) -> dict[str, Any]:
    """Returns the predicate of a checkpoint whose signature is the portal's."""
    content, _ = archive.signed(
        raw_name, sorted(archive.trust.workloads), CHECKPOINT_OF
    )
    said: dict[str, Any] = content["predicate"]
    subject = {
        "name": f"{said['slug']}/{said['size']}",
        "digest": {"sha256": said["head"]},
    }
    if content["subject"] != [subject] or said["tenant"] != archive.trust.tenant:
        raise Bad("is a checkpoint of another log")
    return said


def check_checkpoints(
    archive: Archive, entries: list[Entry], replay: Replay
) -> dict[int, dict[str, Any]]:
    """Returns the signed checkpoints by size, each of them held against the log."""
    report, sealed = archive.report, {}
    hashes_at = {entry.seq: entry.hash for entry in entries}
    lines = lines_of(archive.files["checkpoints.jsonl"])
    sizes = {line["size"] for line in lines}
    roots = roots_at([e.hash for e in entries], sizes) if archive.is_whole else {}
    before: dict[str, Any] = {"size": 0, "head": "", "sealed_at": ""}
    has_root = False
    for line in lines:
        report.counts["checkpoints"] += 1
        size = line["size"]
        if size <= before["size"] or line["sealed_at"] < before["sealed_at"]:
            report.add(size, "has a checkpoint that goes back behind the one before")
        follows = (line["previous_size"], line["previous_head"]) == (
            before["size"],
            before["head"],
        )
        if not follows and (archive.is_whole or before["size"]):
            report.add(size, "has a checkpoint that does not follow the one before")
        before = line
        if size > archive.manifest["size"]:
            report.add(size, "was sealed by a checkpoint, and is not in the archive")
        elif (archive.is_whole or size in hashes_at) and (
            hashes_at.get(size) != line["head"]
        ):
            report.add(size, "is not the one that its checkpoint sealed")
        if line["root"] and archive.is_whole and roots.get(size) != line["root"]:
            report.add(size, "was sealed with another tree than the log has")
        if has_root and not line["root"]:
            report.add(size, "was sealed without a tree, and the one before had one")
        has_root = has_root or bool(line["root"])
        if line["bundle"] is None:
            continue
        try:
            said = signed_checkpoint(archive, line["bundle"])
        except Bad as error:
            report.add(size, f"has a checkpoint that {error}")
            continue
        for key in (
            "size",
            "head",
            "root",
            "previous_size",
            "previous_head",
            "sealed_at",
        ):
            if said.get(key, "") != line[key]:
                report.add(size, f"has a checkpoint whose {key} is not what was signed")
        sealed[size] = line
    check_seals(archive, {line["size"]: line for line in lines}, replay)
    check_proofs(archive, entries, sealed)
    return sealed


def check_seals(
    archive: Archive,
    lines: dict[int, dict[str, Any]],
    replay: Replay,
) -> None:
    """Each checkpoint has its entry in the log, and each entry its checkpoint."""
    report = archive.report
    for size, entry in replay.seals.items():
        line = lines.get(size)
        if line is None:
            if archive.is_whole:
                report.add(
                    entry.seq, f"names a checkpoint of size {size} that is missing"
                )
        elif entry.facts["head"] != line["head"] or entry.facts.get("root", "") != (
            line["root"] or "" if "root" in entry.facts else ""
        ):
            report.add(entry.seq, "names another checkpoint than there is")
    for size in lines:
        is_inside = archive.is_whole and size < archive.manifest["size"]
        if is_inside and size not in replay.seals:
            report.add(size, "was sealed by a checkpoint that the log does not name")


def check_proofs(
    archive: Archive, entries: list[Entry], sealed: dict[int, dict[str, Any]]
) -> None:
    """In a part of a log, every entry is proven to be in a tree that was signed."""
    report = archive.report
    if archive.is_whole:
        return
    proofs = {line["seq"]: line for line in lines_of(archive.files["proofs.jsonl"])}
    newest = max((size for size, line in sealed.items() if line["root"]), default=0)
    bare = [entry.seq for entry in entries if entry.seq > newest]
    for entry in entries:
        proof = proofs.pop(entry.seq, None)
        if entry.seq <= newest and (proof is None or proof["size"] not in sealed):
            report.add(entry.seq, "is not proven to be in the log")
        elif proof is not None and entry.seq <= newest:
            root = root_by_path(entry.hash, entry.seq - 1, proof["size"], proof["path"])
            if root != sealed[proof["size"]]["root"]:
                report.add(entry.seq, "is not in the tree that its checkpoint sealed")
            report.counts["inclusion proofs"] += 1
    for seq in sorted(proofs):
        report.add(seq, "has a proof, and is not in the archive")
    if bare:
        report.unproven.append(
            f"No signed checkpoint with a tree covers {len(bare)} entries (from entry "
            f"{bare[0]}): that they are in the log is the archive's word."
        )


def check_outside(
    archive: Archive, entries: list[Entry], replay: Replay, outside: list[bytes] | None
) -> None:
    """Requires that the log still extends what was kept elsewhere."""
    report, largest = archive.report, 0
    if outside is None:
        report.unproven.append(
            "No checkpoint from outside was given (--checkpoint FILE): that nothing "
            "was cut off the end of the log, or rewritten, is not proven."
        )
        return
    hashes_at = {entry.seq: entry.hash for entry in entries}
    inside = {
        line["size"]: line for line in lines_of(archive.files["checkpoints.jsonl"])
    }
    for raw in outside:
        kept = strict_json(raw)
        if kept["tenant"] != archive.trust.tenant:
            continue
        said = signed_outside(archive, kept)
        if said is None:
            continue
        report.counts["checkpoints from outside"] += 1
        largest = max(largest, said["size"])
        if any(is_forgone(one, said) for one in replay.reanchored):
            report.unproven.append(
                f"The log was re-anchored behind a checkpoint of size {said['size']}."
            )
        else:
            compare_outside(archive, said, hashes_at, inside.get(said["size"]))
            if archive.is_whole and said["size"] <= archive.manifest["size"]:
                check_kept(archive, inside.get(said["size"]), said, kept["bundle"])
    if not largest:
        report.unproven.append("The checkpoint file holds no checkpoint of this log.")
    elif largest < archive.manifest["size"]:
        report.unproven.append(
            f"The newest checkpoint from outside covers {largest} of "
            f"{archive.manifest['size']} entries."
        )


def signed_outside(archive: Archive, kept: dict[str, Any]) -> dict[str, Any] | None:
    """Returns what a line of the checkpoint file signs; its own words count nothing."""
    bundle = json.dumps(kept["bundle"]).encode()
    digest = payload_digest(bundle)
    if "dsseEnvelope" in kept["bundle"]:
        statement = base64.b64decode(kept["bundle"]["dsseEnvelope"]["payload"])
    else:  # a signature over bytes brings them beside it, or the archive has them
        inside = archive.files.get(f"statements/{digest}.json", b"")
        statement = str(kept.get("statement", "")).encode() or inside
    borrowed = Archive(
        files={
            f"bundles/{sha(bundle)}.sigstore.json": bundle,
            f"statements/{digest}.json": statement,
        },
        trust=archive.trust,
        report=archive.report,
        manifest=archive.manifest,
    )
    try:
        return signed_checkpoint(borrowed, sha(bundle))
    except Bad as error:
        archive.report.add(0, f"a checkpoint from outside {error}")
        return None


def is_forgone(reanchored: Entry, said: dict[str, Any]) -> bool:
    """Whether two admins went on from before this checkpoint, on record."""
    facts, size = reanchored.facts, said["size"]
    same = (facts["published_size"], facts["published_head"]) == (size, said["head"])
    return bool(same or facts["size"] < size <= facts["published_size"])


def compare_outside(
    archive: Archive,
    said: dict[str, Any],
    hashes_at: dict[int, str],
    line: dict[str, Any] | None,
) -> None:
    """Holds one checkpoint from outside against the archive."""
    report, size, head = archive.report, said["size"], said["head"]
    if size > archive.manifest["size"]:
        if said["sealed_at"] > archive.manifest["made_at"]:
            report.unproven.append(
                f"A checkpoint from outside, made later, has size {size}."
            )
        else:
            report.add(
                archive.manifest["size"],
                f"is the last one, and a checkpoint from outside has {size}",
            )
    elif (archive.is_whole or size in hashes_at) and hashes_at.get(size) != head:
        report.add(size, "is not the one that a checkpoint from outside sealed")
    elif line is not None and line["head"] != head:
        report.add(size, "was sealed otherwise than a checkpoint from outside says")
    elif line is not None and said.get("root", "") != line["root"]:
        report.add(size, "was sealed with another tree than outside")


def check_kept(
    archive: Archive,
    line: dict[str, Any] | None,
    said: dict[str, Any],
    bundle: dict[str, Any],
) -> None:
    """What was sealed, or signed, well before the archive was made is in it."""
    made_at = moment(archive.manifest["made_at"]) - SLACK
    if line is None and moment(said["sealed_at"]) < made_at:
        archive.report.add(said["size"], "was sealed by a checkpoint that is left out")
    logged = bundle["verificationMaterial"]["tlogEntries"][0].get("integratedTime")
    if line is not None and line["bundle"] is None and logged is not None:
        is_known = datetime.fromtimestamp(int(logged), timezone.utc) < made_at
        if is_known:
            archive.report.add(said["size"], "has a checkpoint without its signature")


def check_export(archive: Archive, replay: Replay) -> None:
    """The taking of this archive is on record itself, with who and why."""
    manifest, entry = archive.manifest, replay.exports.get(archive.manifest["export"])
    if entry is None:
        archive.report.add(0, "that this archive was taken is not in the log")
        return
    good = (
        entry.body["actor"]["name"] == manifest["requested_by"]
        and entry.facts["reason"] == manifest["reason"]
        and entry.facts["scope"] == manifest["scope"]
        and entry.seq <= manifest["size"]
        and entry.facts["size"] == entry.seq - 1
        and entry.facts["head"] == entry.body["prev"]
    )
    if not good:
        archive.report.add(
            entry.seq, "says otherwise than the manifest who took what, and why"
        )


IN_KEY = ("bypass_id", "bundle_sha256", "deploy_id")


ASKED = ("gate", "service", "branch", "artifact", "ttl_seconds")
OF_REQUEST = (*ASKED, "impact", "justification", "incident_url", "tier", "opened_at")
OF_GRANT = (*ASKED, "quorum", "max_deploys", "digest_required", "starts_at")
OF_DEPLOY = ("service", "branch", "artifact", "on_behalf_of", "state", "admitted_at")
TABLES = ("requests", "approvals", "grants", "deploys", "postmortems")


def rows_by_the_log(replay: Replay) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns what the rows have to say, by table and by key."""
    want: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in TABLES}
    for name, bypass in replay.bypasses.items():
        body, grant = bypass.body, bypass.grant
        want["requests"][name] = {
            **{key: body[key] for key in (*OF_REQUEST, "lapses_at")},
            "state": bypass.state,
            "digest": bypass.digest,
            "requester": body["requester"]["name"],
            "policy_version": body["policy"]["version"],
        }
        for one in bypass.approvals:
            want["approvals"][f"{name} {one.bundle}"] = {
                "approver": one.email,
                "ttl_seconds": one.ttl,
                "digest": bypass.digest,
                "identity": one.identity,
                "issuer": one.issuer,
                "signed_by": one.signed_by,
            }
        for deploy_id, deploy in bypass.deploys.items():
            kept = {key: deploy[key] for key in (*OF_DEPLOY, "ended_at")}
            want["deploys"][f"{name} {deploy_id}"] = kept
        if grant is not None:
            want["grants"][name] = {
                **{key: grant[key] for key in (*OF_GRANT, "expires_at")},
                "assurance": grant.get("assurance", "sigstore"),
                "state": bypass.grant_state,
                "closed_at": bypass.closed_at or None,
                "close_reason": bypass.close_reason,
            }
            want["postmortems"][name] = {
                "state": bypass.postmortem or "scheduled",
                "revision": bypass.revision,
                "due_at": bypass.due_at or grant["postmortem_due_at"],
            }
    return want


def check_rows(archive: Archive, replay: Replay) -> None:
    """The database's rows say what the log says."""
    rows, report = strict_json(archive.files["rows.json"]), archive.report
    if set(rows) != set(TABLES):
        raise Bad("rows.json has other tables")
    for kind, wanted in rows_by_the_log(replay).items():
        found: dict[str, dict[str, Any]] = {}
        for row in rows[kind]:
            key = " ".join(str(row[part]) for part in IN_KEY if part in row)
            if key in found:
                report.add(0, f"{kind} has {key[:90]} twice")
            found[key] = {name: row[name] for name in row if name not in IN_KEY}
        for key in sorted(set(wanted) - set(found)):
            report.add(0, f"{kind}: {key[:90]} is in the log, and not in the rows")
        for key in sorted(set(found) - set(wanted)):
            report.add(0, f"{kind}: {key[:90]} is in the rows, and not in the log")
        for key in sorted(set(wanted) & set(found)):
            one, two = found[key], wanted[key]
            # As JSON, since True is 1 to whoever compares.
            wrong = sorted(
                name
                for name in {*one, *two}
                if (name in one, json.dumps(one.get(name)))
                != (name in two, json.dumps(two.get(name)))
            )
            if wrong:
                words = ", ".join(wrong)[:200]
                report.add(0, f"{kind}: the row of {key[:90]} says otherwise: {words}")


def check_ends(archive: Archive, replay: Replay) -> None:
    """What a closed grant owes is there."""
    for name, bypass in replay.bypasses.items():
        if bypass.grant_state in ("expired", "revoked") and not bypass.postmortem:
            archive.report.add(
                0, f"the grant of {name} was closed, and no post-mortem was opened"
            )
        if (
            bypass.grant
            and bypass.grant.get("assurance") == "offline_quorum"
            and not bypass.counter
        ):
            archive.report.unproven.append(
                f"The grant of {name} rests on the outage fallback, and waits for its "
                "countersignature."
            )
        if bypass.counter in ("late", "flagged"):
            archive.report.unproven.append(
                f"The grant of {name} rests on the outage fallback, and was not "
                "countersigned in time."
            )
        if bypass.grant and not bypass.signed:
            archive.report.unproven.append(
                f"The portal's own statement over the grant of {name} is not signed."
            )
        if bypass.grant:
            people = {replay.one(one.person) for one in bypass.approvals}
            if replay.one(bypass.body["requester"]["id"]) in people:
                archive.report.unproven.append(
                    f"An approver of {name} later turned out to be who asked for it."
                )


def say_limits(
    archive: Archive,
    replay: Replay,
    sealed: dict[int, dict[str, Any]],
    entries: list[Entry],
) -> None:
    """Says what a good archive still does not prove."""
    report, bare = archive.report, archive.report.counts["approvals without a passkey"]
    if bare:
        carry = "carries" if bare == 1 else "carry"
        report.unproven.append(
            f"{bare} of {counted(report.counts['approvals'], 'approvals')} {carry} no "
            "passkey: that the person was there is not proven beyond the portal."
        )
    if not replay.kinds_known:
        report.unproven.append(
            "That approvers are people, not machines, is the portal's word."
        )
    unsigned = report.counts["checkpoints"] - len(sealed)
    if unsigned > 0:
        have = "has" if unsigned == 1 else "have"
        report.unproven.append(
            f"{counted(unsigned, 'checkpoints')} {have} no signature that holds yet."
        )
    newest = max(sealed, default=0)
    tail = [entry.seq for entry in entries if entry.seq > newest]
    if archive.is_whole and tail:
        report.unproven.append(
            f"No signed checkpoint covers the last {len(tail)} entries (from entry "
            f"{tail[0]})."
        )
    for event, count in sorted(replay.unknown.items()):
        report.unproven.append(
            f"{count} entries of the kind {event[:50]} are not known here."
        )
    if not archive.is_whole:
        report.unproven.append(
            "This is a part of a log: what was left out (a role taken away in "
            "between, a passkey revoked, a later end) cannot be seen in it."
        )
    own = Path(__file__)
    if own.exists() and sha(own.read_bytes()) != sha(
        archive.files.get("verify_evidence.py", b"")
    ):
        report.unproven.append(
            "The verifier in the archive is another version than this one."
        )


# --- the command ---------------------------------------------------------------------


def read(path: Path) -> dict[str, bytes]:
    """Returns an archive's files, from a ZIP or an unpacked folder."""
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_file()]
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in found}
    try:
        with zipfile.ZipFile(path) as archive:
            return unpacked(archive)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unreadable(
            f"{path} is not an archive that can be read: {error}"
        ) from error


def unpacked(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Reads a ZIP without trusting it: no file twice, none outside, none too large."""
    files: dict[str, bytes] = {}
    for info in archive.infolist():
        if info.filename in files:
            raise Unreadable(f"{info.filename[:100]} is in the archive twice")
        if info.file_size > MAX_MEMBER:
            raise Unreadable(f"{info.filename[:100]} is too large")
        with archive.open(info) as member:
            files[info.filename] = member.read(MAX_MEMBER + 1)
    return files


def as_json(report: Report) -> str:
    return json.dumps(
        {
            "ok": not report.findings,
            **report.about,
            "counts": dict(sorted(report.counts.items())),
            "first_bad": report.first_bad,
            "findings": [
                {"seq": seq, "message": text} for seq, text in report.findings
            ],
            "unproven": report.unproven,
        },
        indent=2,
        ensure_ascii=False,
    )


def as_text(report: Report) -> str:
    about = report.about
    lines = []
    if about:
        lines.append(
            f"Log of {about['tenant']['slug']}, {about['size']} entries, made "
            f"{about['made_at']}."
        )
    lines.append(
        "Checked: "
        + ", ".join(counted(n, what) for what, n in sorted(report.counts.items()))
        + "."
    )
    lines += [
        f"Entry {seq} {text}." if seq else f"The archive: {text}."
        for seq, text in report.findings
    ]
    if report.first_bad is not None:
        lines.append(f"The first bad entry is {report.first_bad}.")
    lines += [f"Not proven: {text}" for text in report.unproven]
    lines.append(
        "The evidence does NOT verify." if report.findings else "Nothing is wrong."
    )
    return "\n".join(printable(line) for line in lines)


def counted(number: int, what: str) -> str:
    """Returns "2 approvals with a passkey", or "1 approval with a passkey"."""
    if number == 1:
        what = re.sub(
            r"ies\b|s\b", lambda end: "y" if end[0] != "s" else "", what, count=1
        )
    return f"{number} {what}"


def printable(text: str) -> str:
    """The log's words are somebody else's: none of them may steer a terminal."""
    plain = text.encode("ascii", "backslashreplace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", lambda one: f"\\x{ord(one[0]):02x}", plain)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        description="Verify breakglass evidence. Exit 0 good, 1 findings, 2 usage."
    )
    parser.add_argument(
        "archive", type=Path, help="ARCHIVE.zip, or the unpacked folder"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="checkpoints kept outside"
    )
    parser.add_argument(
        "--trust", type=Path, metavar="FILE", help="trust.json from another source"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--progress", action="store_true", help="say how far it is, on stderr"
    )
    given = parser.parse_args(arguments)

    def progress(text: str) -> None:
        if given.progress:
            print(text, file=sys.stderr, flush=True)

    try:
        files = read(given.archive)
        trust = given.trust.read_bytes() if given.trust else None
        if trust is not None:
            Trust.read(trust)
        kept = given.checkpoint.read_bytes().split(b"\n") if given.checkpoint else None
        outside = [line for line in kept if line.strip()] if kept is not None else None
        for line in outside or []:
            strict_json(line)["tenant"]
    except (Unreadable, OSError, *DAMAGE) as error:
        print(f"verify_evidence: {error}", file=sys.stderr)
        return 2
    report = verify(files, trust=trust, outside=outside, progress=progress)
    print(as_json(report) if given.json else as_text(report))
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
