"""
Read a log's entries fast, and walk them: in this process, or shared among several.

Rows come as tuples over a cursor of psycopg's own, in pieces by number, with the time
as the text that stands in the bytes. An entry never changes and the log is read up to
a size that is settled before, so that pieces read by different connections fit.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any, Final

import psycopg

from breakglass.audit import walk
from breakglass.audit.walk import Checked, Position, Report, StoredEntry

PIECE: Final = 16_384

_COLUMNS: Final = """
    SELECT seq, body, prev_hash, entry_hash,
           to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           event, actor, bypass_id
    FROM breakglass_auditentry
"""
_PIECE: Final = (
    f"{_COLUMNS} WHERE tenant_id = %s AND seq > %s AND seq <= %s ORDER BY seq"
)
_LAST_BEFORE: Final = (
    f"{_COLUMNS} WHERE tenant_id = %s AND seq <= %s ORDER BY seq DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Log:
    """
    Which log is read, up to which size, and which entries are worth a look.

    `piece` is how many entries a process takes at a time.
    """

    tenant_pk: int
    tenant_id: str
    size: int
    wanted: frozenset[int]
    events: tuple[str, ...]
    piece: int


@dataclass(slots=True)
class Piece:
    """What one piece of the log came to."""

    report: Report = field(default_factory=Report)
    stored_hashes: list[bytes] = field(default_factory=list)
    hashes: dict[int, bytes] = field(default_factory=dict)
    notable: list[Checked] = field(default_factory=list)
    last: Position = Position()  # noqa: RUF009 - immutable


def pieces(
    log: Log,
    *,
    start: Position,
    database: psycopg.Connection[Any],
    parameters: Mapping[str, Any],
    processes: int,
) -> Iterator[Piece]:
    """
    Yields the log in pieces, in order, from behind `start`.

    With more than one process each piece is walked by a child with a connection of its
    own, made from `parameters`; with one, here, over `database`.
    """
    firsts = range(start.seq, log.size, log.piece)
    if processes > 1 and len(firsts) > processes:
        yield from _shared(log, firsts, start, parameters, processes)
        return
    for first in firsts:
        piece = _walked(database, log, first, start)
        start = piece.last
        yield piece


def position(
    database: psycopg.Connection[Any], *, tenant_pk: int, seq: int
) -> Position:
    """Returns the place behind the last entry stored up to `seq`."""
    with psycopg.Cursor(database) as cursor:
        row = cursor.execute(_LAST_BEFORE, [tenant_pk, seq], binary=True).fetchone()
    if row is None:
        return Position()
    entry = StoredEntry._make(row)
    return Position(entry.seq, entry.entry_hash, entry.at)


def _shared(
    log: Log,
    firsts: range,
    start: Position,
    parameters: Mapping[str, Any],
    processes: int,
) -> Iterator[Piece]:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        work = partial(_in_child, dict(parameters), log, start)
        yield from pool.map(work, firsts, chunksize=1)


_connections: dict[int, psycopg.Connection[Any]] = {}


def _in_child(
    parameters: dict[str, Any], log: Log, start: Position, first: int
) -> Piece:
    """Walks one piece in a pool's process, which keeps its connection."""
    database = _connections.get(os.getpid())
    if database is None:
        database = psycopg.connect(**parameters, autocommit=True)
        _connections[os.getpid()] = database
    if first > start.seq:
        start = position(database, tenant_pk=log.tenant_pk, seq=first)
    return _walked(database, log, first, start)


def _walked(
    database: psycopg.Connection[Any], log: Log, first: int, start: Position
) -> Piece:
    """Walks the entries first < seq <= first + piece; `start` is what stands before."""
    piece = Piece(last=start)
    until = min(first + log.piece, log.size)
    given = [log.tenant_pk, first, until]
    with psycopg.Cursor(database) as cursor:  # not Django's: this one reads binary
        rows = cursor.execute(_PIECE, given, binary=True).fetchall()
    note, wanted, events = piece.stored_hashes.append, log.wanted, log.events
    at = start.at
    for checked in walk.walk(
        map(StoredEntry._make, rows),
        tenant_id=log.tenant_id,
        report=piece.report,
        start=start,
    ):
        note(checked.stored_hash)
        if checked.seq in wanted:
            piece.hashes[checked.seq] = checked.entry_hash
        content = checked.content
        if content:
            at = max(at, content["at"])
            if content["event"].startswith(events):
                piece.notable.append(checked)
    if rows:
        piece.last = Position(rows[-1][0], rows[-1][3], at)
    return piece
