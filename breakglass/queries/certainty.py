"""
What can only be answered with `enforce`: plain SQL, for the path ahead of Django.

Both readings of the database are here: one statement for one question, and the lists
that an in-process snapshot is made of. Neither can say `bypass`: where a grant may be
in question, or the deploy was seen before, they say that it is not certain, and
`services.decisions` decides under its locks.
"""

import hashlib
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]
Rows = psycopg.Cursor[tuple[Any, ...]]
Scope = tuple[int, str]
"""A gate's key, and a service."""

CHANNEL: Final = "breakglass_decisions"
"""Where the database's triggers tell what changed (migration 0017)."""


@dataclass(frozen=True, slots=True)
class Asker:
    """The gate that a live token names, and what every answer to it says."""

    gate_id: int
    gate: str
    tenant_id: int
    tenant_uuid: str
    tenant: str
    token: str
    expires_at: datetime | None
    policy_version: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the database: `certain` means that nothing can say bypass."""

    asker: Asker
    certain: bool
    at: datetime


# Where a token speaks for its gate: `access.token_by_hash` says the same of it.
_ASKER: Final = """
    g.id, g.slug, t.id, t.public_id::text, t.slug,
    k.prefix, least(k.expires_at, k.lives_until),
    (SELECT p.version FROM breakglass_policy p
      WHERE p.tenant_id = g.tenant_id AND p.state = 'published'
      ORDER BY p.version DESC LIMIT 1)
"""
_LIVE: Final = """
    FROM breakglass_gatetoken k
    JOIN breakglass_gate g ON g.id = k.gate_id
    JOIN breakglass_tenant t ON t.id = g.tenant_id
    WHERE k.revoked_at IS NULL AND g.retired_at IS NULL AND t.is_active
      AND (g.is_active OR g.turned_on_at IS NULL)
      AND (least(k.expires_at, k.lives_until) > bg_now()) IS NOT FALSE
"""
_READING: Final = f"""
    SELECT {_ASKER},
      NOT EXISTS (SELECT 1 FROM breakglass_grant a
        WHERE a.gate_id = g.id AND a.service = %(service)s AND a.state = 'active')
      AND NOT EXISTS (SELECT 1 FROM breakglass_deploy d
        WHERE d.gate_id = g.id AND d.deploy_id = %(deploy_id)s),
      bg_now()
    {_LIVE} AND k.token_hash = %(token_hash)s
"""  # noqa: S608  # constants of this page; what was asked are parameters
_ALIVE_ANY: Final = (
    f"SELECT g.id {_LIVE} AND g.is_active AND k.token_hash = %(token_hash)s"
)
# Whoever keeps answers is told enforce early, with headers: not ahead of Django.
_ALIVE: Final = f"{_ALIVE_ANY} AND coalesce(g.cache_seconds, 0) = 0"
_ASKERS: Final = f"SELECT k.token_hash, {_ASKER} {_LIVE}"
_OPEN: Final = (
    "SELECT id, gate_id, service FROM breakglass_grant WHERE state = 'active'"
)
_MARKS_OF: Final = """
    SELECT bg_deploy_mark(gate_id, deploy_id) FROM breakglass_deploy
    WHERE grant_id = ANY(%s)
"""
# The same 64 bits as `deploy_mark`; in order, so that a lookup is a bisection.
_MARKS: Final = """
    COPY (SELECT bg_deploy_mark(gate_id, deploy_id) FROM breakglass_deploy ORDER BY 1)
    TO STDOUT (FORMAT binary)
"""
# The binary COPY format: a signature, then per row a field count, a length, a value.
_HEADER: Final = len(b"PGCOPY\n\xff\r\n\0") + 8
_ROW: Final = struct.Struct(">hiq")
_MARK_OFFSET: Final = 2


def reading(
    connection: Connection, *, token_hash: bytes, service: str, deploy_id: str
) -> Reading | None:
    """
    Asks the primary about one question; None when no live token has that SHA-256.

    One statement, so all of it is one moment. Raises psycopg.Error.
    """
    found = connection.execute(
        _READING,
        {"token_hash": token_hash, "service": service, "deploy_id": deploy_id},
    ).fetchone()
    if found is None:
        return None
    *asker, certain, at = found
    return Reading(Asker(*asker), certain, at)


def ask_alive(connection: Connection, *, token_hash: bytes) -> Rows:
    """Asks for the key of the gate in force that a live token names now, if any."""
    return connection.execute(_ALIVE, {"token_hash": token_hash})


def askers(connection: Connection) -> dict[bytes, Asker]:
    """Returns every live token's SHA-256, and the gate that it names."""
    rows = connection.execute(_ASKERS)
    return {bytes(token): Asker(*asker) for token, *asker in rows}


def open_grants(connection: Connection) -> Mapping[int, Scope]:
    """Returns each grant that no sweep has closed yet, by its key."""
    rows = connection.execute(_OPEN)
    return {key: (gate_id, service) for key, gate_id, service in rows}


def marks_of(connection: Connection, grants: Sequence[int]) -> set[int]:
    """Returns the marks of all deploys that went under these grants."""
    return {mark for (mark,) in connection.execute(_MARKS_OF, [list(grants)])}


def deploy_marks(connection: Connection) -> "array[int]":
    """Returns the marks of all deploys ever admitted, ascending: 8 bytes each."""
    marks = array("q")
    with connection.cursor().copy(_MARKS) as copy:
        for mark in _marks(copy):
            marks.append(mark)
    return marks


def deploy_mark(gate_id: int, deploy_id: str) -> int:
    """Returns 64 bits for one deploy at one gate, the same as `bg_deploy_mark`."""
    text = f"{gate_id}/{deploy_id}".encode()
    digest = hashlib.md5(text, usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _marks(copy: psycopg.Copy) -> Iterator[int]:
    """Reads the one column from the binary rows, however they are cut into chunks."""
    rest, skipped = b"", False
    for chunk in copy:
        rest += bytes(chunk)
        if not skipped:
            if len(rest) < _HEADER:
                continue
            rest, skipped = rest[_HEADER:], True
        whole = len(rest) - len(rest) % _ROW.size
        for row in _ROW.iter_unpack(rest[:whole]):
            yield row[_MARK_OFFSET]
        rest = rest[whole:]
