"""
Bytes and hashes of the chain. Pure: the verifier needs no database for them.

An entry's bytes are RFC 8785 canonical JSON; its hash is
SHA-256(`breakglass/audit-entry/v1` LF || bytes). Tenant, sequence and the previous
entry's hash stand inside the bytes, so that an entry fits in one place only.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypedDict

import rfc8785

from breakglass.actors import ActorFacts

TYPE: Final = "breakglass/audit-entry/v1"
DOMAIN: Final = TYPE.encode() + b"\n"
GENESIS: Final = bytes(32)

Fact = str | int | bool | None | Sequence["Fact"] | Mapping[str, "Fact"]
Facts = Mapping[str, Fact]


class TenantName(TypedDict):
    """A tenant as an entry names it."""

    id: str
    slug: str


class EntryBody(TypedDict):
    """One entry, before it is bytes."""

    type: str
    tenant: TenantName
    seq: int
    prev: str
    at: str
    event: str
    actor: ActorFacts
    bypass_id: str
    facts: dict[str, Fact]


def canonical(value: object) -> bytes:
    """
    Returns the RFC 8785 bytes: the only form that is ever hashed or signed.

    Raises rfc8785.CanonicalizationError for what has no such form (NaN, integers
    from 2^53, lone surrogates).
    """
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # its own recursive alias


def timestamp(at: datetime) -> str:
    """Returns RFC 3339 in UTC with microseconds: `2026-11-22T02:41:07.120000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def base64url(data: bytes) -> str:
    """Returns RFC 4648 section 5 text without padding, as WebAuthn writes bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def entry_hash(body: bytes) -> bytes:
    """Returns the 32 bytes that the next entry links to."""
    return hashlib.sha256(DOMAIN + body).digest()
