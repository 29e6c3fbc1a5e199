"""
Checks each approval's passkey from the log alone: keys, times and demands stand in it.

Shares no code with what checked it when it was recorded: no fido2, only the bytes of
the assertion and the key that a `credential.enrolled` entry before it carries. The
signature says that the person's own authenticator saw exactly this statement, which
whoever holds only the portal cannot make. Source: https://www.w3.org/TR/webauthn-3/
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from breakglass.audit.chain import base64url
from breakglass.audit.verify import Checked, Report, StoredBundle

FLAGS: Final = 0x01 | 0x04  # somebody was there, and the authenticator knew them
_HEADER: Final = 37  # hash of the relying party's name, flags, counter
_ODD: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A passkey as the log knows it: whose, from when, and the key to check it by."""

    person_id: str
    rp_id: str
    public_key: bytes
    usable_from: datetime


@dataclass(slots=True)
class Known:
    """What the log has said so far; feed it every entry in order."""

    enrolled: dict[str, Enrolled] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    demands: set[tuple[int, str]] = field(default_factory=set)
    asked: dict[str, tuple[int, str]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    checked: int = 0


def check_statement(
    checked: Checked, *, held: Mapping[str, StoredBundle], report: Report
) -> None:
    """Requires that an approval's passkey answers for what its signature is over."""
    facts = checked.content.get("facts", {})
    if checked.content.get("event") != "request.approved" or "passkey" not in facts:
        return
    bundle = held.get(str(facts.get("bundle_sha256")))
    signed = sha256(bundle.statement).hexdigest() if bundle else None
    if signed not in (None, facts.get("statement_sha256")):
        report.add(checked.seq, "names another statement than its signature is over")


def problems(checked: Checked, *, known: Known) -> Iterator[str]:
    """Yields what is wrong with one entry, in a finding's words; notes the rest."""
    if not checked.content:
        return
    try:
        yield from _problems(checked.content, known)
    except _ODD:
        yield "holds facts about passkeys that cannot be read"


def _problems(content: dict[str, Any], known: Known) -> Iterator[str]:
    facts = content["facts"]
    match content["event"]:
        case "credential.enrolled":
            yield from _enrolled(content, facts, known)
        case "credential.revoked":
            known.revoked.add(facts["credential"])
        case "policy.published":
            known.demands |= {
                (facts["version"], tier["slug"])
                for tier in facts["policy"]["tiers"]
                if tier.get("passkey_required") is True
            }
        case "request.opened":
            asked = (facts.get("policy_version"), facts.get("tier"))
            known.asked[content["bypass_id"]] = asked
        case "request.approved":
            yield from _approved(content, facts, known)


def _enrolled(
    content: dict[str, Any], facts: dict[str, Any], known: Known
) -> Iterator[str]:
    at, name = datetime.fromisoformat(content["at"]), facts["credential"]
    if name in known.enrolled:
        yield "enrols a passkey that the log knows already"
        return
    usable_from = datetime.fromisoformat(facts["usable_from"])
    if at + timedelta(seconds=facts["cool_down_seconds"]) > usable_from:
        yield "lets a passkey approve before its cool-down is over"
    known.enrolled[name] = Enrolled(
        person_id=facts["id"],
        rp_id=facts["rp_id"],
        public_key=_bytes(facts["public_key"]),
        usable_from=usable_from,
    )


def _approved(
    content: dict[str, Any], facts: dict[str, Any], known: Known
) -> Iterator[str]:
    passkey = facts.get("passkey")
    if passkey is None:
        if known.asked.get(content["bypass_id"]) in known.demands:
            yield "approves without the passkey that its tier asks for"
        elif (facts.get("authentication") or {}).get("method") == "passkey":
            yield "says that a passkey was the sign-in, and carries none"
        return
    known.checked += 1
    credential = known.enrolled.get(passkey["credential"])
    if credential is None:
        yield "was approved with a passkey that the log did not enrol before"
        return
    if credential.person_id != content["actor"]["id"]:
        yield "was approved with somebody else's passkey"
    if passkey["credential"] in known.revoked:
        yield "was approved with a passkey that was removed before"
    if datetime.fromisoformat(content["at"]) < credential.usable_from:
        yield "was approved with a passkey that was still too new"
    if passkey["signature"] in known.answered:
        yield "carries a passkey's answer that was used before"
    known.answered.add(passkey["signature"])
    yield from _answer(
        credential,
        challenge=bytes.fromhex(facts["statement_sha256"]),
        authenticator_data=_bytes(passkey["authenticator_data"]),
        client_data=_bytes(passkey["client_data"]),
        signature=_bytes(passkey["signature"]),
    )


def _answer(
    credential: Enrolled,
    *,
    challenge: bytes,
    authenticator_data: bytes,
    client_data: bytes,
    signature: bytes,
) -> Iterator[str]:
    """Checks the assertion's own bytes, WebAuthn 7.2 steps 11 to 21."""
    said = json.loads(client_data)
    if said["type"] != "webauthn.get":
        yield "carries another kind of answer than a passkey's decision"
    if said["challenge"] != base64url(challenge):
        yield "carries a passkey's answer to another decision"
    if not _is_ours(said["origin"], credential.rp_id) or said.get("crossOrigin"):
        yield "carries a passkey's answer that was given on another site"
    rp_hash, flags = authenticator_data[:32], authenticator_data[32:33]
    if len(authenticator_data) < _HEADER or rp_hash != _sha256(credential.rp_id):
        yield "carries the answer of a passkey that was made for another site"
    elif flags[0] & FLAGS != FLAGS:
        yield "carries a passkey's answer that does not say who was there"
    signed = authenticator_data + sha256(client_data).digest()
    if not _holds(credential.public_key, signature, signed):
        yield "carries a passkey's answer whose signature does not hold"


def _is_ours(origin: str, rp_id: str) -> bool:
    """WebAuthn's own rule: that host or one below it, and over a line that is ours."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (parts.scheme, host) == ("http", "localhost")
    return secure and (host == rp_id or host.endswith(f".{rp_id}"))


def _holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        key = load_der_public_key(public_key)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _sha256(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
