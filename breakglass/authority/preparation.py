"""
Bringing the database to the generation that ``installation.json`` names.

The file decides, the database follows: whatever a killed rotation left undone here is
done by the next start or the next ``rotate``. It never goes back.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

import psycopg
from psycopg import conninfo

from breakglass.authority import ctlog, notary, schema
from breakglass.authority.config import Constants
from breakglass.authority.errors import InstallationTrouble, NotUsable
from breakglass.authority.generations import Generation
from breakglass.authority.keys import KeyRing
from breakglass.authority.store import (
    CONNECT_SECONDS,
    Connection,
    SignHead,
    Transaction,
)

_SCHEMA_LOCK: Final = 0x6272676C  # "brgl": whoever prepares the schema goes alone

SignTreeHead: TypeAlias = Callable[[int, bytes, int], str]  # (size, root, ms) -> STH


@dataclass(frozen=True, slots=True)
class Opening:
    """What only the live generation's keys can give a log that begins."""

    genesis: bytes
    sign_head: SignHead
    sign_tree_head: SignTreeHead


def opening(ring: KeyRing, constants: Constants, *, generation: int) -> Opening:
    """Returns what the keys in *ring* sign when their logs are opened."""
    return Opening(
        genesis=notary.genesis(constants, generation),
        sign_head=notary.Notary(ring, constants).checkpoint,
        sign_tree_head=lambda size, root, ms: ctlog.signed_tree_head(
            ring.ctlog, size=size, root=root, timestamp_ms=ms
        ),
    )


def prepare(
    database_url: str, *, log_name: str, known: Sequence[Generation], begin: Opening
) -> None:
    """
    Creates what is missing: tables, generations, tree heads, the genesis entry.

    Safe to repeat, and upgrades an older layout in place. Raises
    `InstallationTrouble` when the database cannot be reached or belongs to an
    authority with other keys, since two keys must never sign one log.
    """
    with connection(database_url) as open_connection:
        open_connection.execute("SET LOCAL client_min_messages = 'warning'")
        open_connection.execute(schema.TABLES)
        _require_own_log(open_connection, log_name, known[0])
        advance(open_connection, known, begin)


@contextmanager
def connection(database_url: str) -> Iterator[Connection]:
    """Opens one transaction that no other preparation or rotation shares."""
    try:
        conninfo.conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:
        # Without the cause: libpq's message repeats the URL, password and all.
        raise NotUsable("the authority's database URL is malformed") from None
    try:
        # psycopg leaves a connection open whose commit fails, hence `closing`.
        with (
            closing(
                psycopg.connect(database_url, connect_timeout=CONNECT_SECONDS)
            ) as open_connection,
            open_connection,
        ):
            open_connection.execute("SET lock_timeout = '30s'")
            open_connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            yield open_connection
    except psycopg.Error as exc:
        raise InstallationTrouble(
            f"the authority's database cannot be used: {exc}"
        ) from exc


def lock_all(open_connection: Connection) -> int:
    """
    Stops every signature until the transaction ends; returns the log's time then.

    Whoever signs holds the lock of one head, so nobody can hold one and wait for
    another: taking all of them cannot deadlock.
    """
    rows = open_connection.execute(
        "SELECT last_ms FROM authority.head ORDER BY tree FOR UPDATE"
    ).fetchall()
    return max(int(time.time() * 1000), *(int(last_ms) for (last_ms,) in rows))


def advance(
    open_connection: Connection, known: Sequence[Generation], begin: Opening
) -> None:
    """
    Notes the generations that are new, opens the live one's logs, closes the others'.

    Raises `InstallationTrouble` if the database knows other or later generations.
    """
    recorded = open_connection.execute(
        "SELECT log_id, ct_log_id FROM authority.generation ORDER BY number"
    ).fetchall()
    _require_same(recorded, known)
    for generation in known[len(recorded) :]:
        _open(open_connection, generation)
    live = known[-1]
    open_connection.execute(
        "UPDATE authority.head SET closed = true WHERE NOT closed AND tree <> ALL (%s)",
        ([live.log_tree, live.ct_tree],),
    )
    transaction = Transaction(open_connection, time.time)
    head = transaction.lock(live.log_tree)
    if head.size == 0:
        # npm's clients drop zero fields, so nobody's entry may have index 0.
        transaction.append(head, begin.genesis, begin.sign_head)
    seal_certificates(open_connection, live, begin)


def seal_certificates(
    open_connection: Connection, live: Generation, begin: Opening
) -> None:
    """Signs the certificate log's head if nobody has: older versions never did."""
    transaction = Transaction(open_connection, time.time)
    head = transaction.lock(live.ct_tree)
    if head.checkpoint:
        return
    signed = begin.sign_tree_head(head.size, transaction.root(head), head.now_ms)
    open_connection.execute(
        "UPDATE authority.head SET checkpoint = %s, last_ms = %s WHERE tree = %s",
        (signed, head.now_ms, live.ct_tree),
    )


def _open(open_connection: Connection, generation: Generation) -> None:
    """Indices go on where the logs before end, so one number names one entry."""
    for tree in (generation.log_tree, generation.ct_tree):
        open_connection.execute(
            "INSERT INTO authority.head (tree, size, last_ms, checkpoint)"
            " VALUES (%s, 0, 0, '') ON CONFLICT DO NOTHING",
            (tree,),
        )
    lock_all(open_connection)
    open_connection.execute(
        "INSERT INTO authority.generation (number, log_id, ct_log_id, first_index)"
        " SELECT %(number)s, %(log_id)s, %(ct_log_id)s, coalesce(sum(size), 0)"
        " FROM authority.head WHERE tree = ANY (%(before)s)",
        {
            "number": generation.number,
            "log_id": generation.log_id,
            "ct_log_id": generation.ct_log_id,
            "before": generation.log_trees_before,
        },
    )


def _require_own_log(
    open_connection: Connection, log_name: str, first: Generation
) -> None:
    open_connection.execute(
        "INSERT INTO authority.installation (log_name, log_id) VALUES (%s, %s)"
        " ON CONFLICT DO NOTHING",
        (log_name, first.log_id),
    )
    row = open_connection.execute("SELECT log_name, log_id FROM authority.installation")
    if row.fetchone() != (log_name, first.log_id):
        raise _foreign()


def _require_same(
    recorded: Sequence[tuple[bytes, bytes]], known: Sequence[Generation]
) -> None:
    if len(recorded) > len(known):
        raise InstallationTrouble(
            f"the database is at generation {len(recorded)} of the keys and "
            f"installation.json at {len(known)}: the directory was restored from "
            "before a rotation. Restore the directory of the later generation"
        )
    for ids, generation in zip(recorded, known, strict=False):
        if ids != (generation.log_id, generation.ct_log_id):
            raise _foreign()


def _foreign() -> InstallationTrouble:
    return InstallationTrouble(
        "the database holds the log of another authority: use the directory it "
        "was made with, or an empty database"
    )
