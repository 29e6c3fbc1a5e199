"""
The log's storage: append-only trees in PostgreSQL, reached through psycopg 3.

Every append happens under a row lock on its tree's head, in the transaction in which
the checkpoint over the new head is signed: numbers are without gaps, and no signed
head exists that the database does not hold. Lock order: consumed token, then head.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psycopg
from psycopg_pool import ConnectionPool

from breakglass import merkle
from breakglass.authority import schema
from breakglass.authority.errors import Unavailable

CONNECT_SECONDS: Final = 3

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
SignHead: TypeAlias = Callable[[int, bytes], str]  # (size, root) -> checkpoint


@dataclass(frozen=True, slots=True)
class Head:
    """A tree as it stands: its size, the signed checkpoint over it, and the time."""

    tree: str
    size: int
    checkpoint: str
    now_ms: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """One logged entry."""

    index: int
    body: bytes
    logged_ms: int


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf is in the tree of a size and root, with the checkpoint over it."""

    size: int
    root: bytes
    hashes: Sequence[bytes]
    checkpoint: str


class Transaction:
    """What can be done inside one database transaction."""

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock

    def consume(self, *, kind: str, jti: str, expires_at: int) -> bool:
        """Uses up a token's identifier; False means it has been used before."""
        self._connection.execute(schema.FORGET)
        cursor = self._connection.execute(schema.CONSUME, (kind, jti, expires_at))
        return cursor.rowcount == 1

    def lock(self, tree: str) -> Head:
        """
        Locks *tree* until the transaction ends and returns its head.

        ``now_ms`` never runs backwards, over all trees: a clock that is set back
        must not log an entry before the certificate that signed it. Raises
        `Unavailable` for a tree that a rotation has closed.
        """
        size, checkpoint, closed = self._one(
            "SELECT size, checkpoint, closed FROM authority.head"
            " WHERE tree = %s FOR UPDATE",
            (tree,),
        )
        if closed:
            raise Unavailable("the keys were rotated: restart the authority")
        (last_ms,) = self._one("SELECT max(last_ms) FROM authority.head")
        return Head(tree, size, checkpoint, max(int(self._clock() * 1000), last_ms))

    def head(self, tree: str) -> Head:
        """Returns the head of *tree*, open or closed, without locking it."""
        size, checkpoint, last_ms, closed = self._one(
            "SELECT size, checkpoint, last_ms, closed FROM authority.head"
            " WHERE tree = %s",
            (tree,),
        )
        now_ms = max(int(self._clock() * 1000), last_ms)
        return Head(tree, size, checkpoint, now_ms, closed)

    def append(self, head: Head, body: bytes, sign_head: SignHead) -> Proof:
        """
        Appends *body* to the tree that `lock` returned as *head*.

        *sign_head* gets the new size and root and returns the checkpoint to store.
        Once per locked head: lock again to append again.
        """
        entry_hash = merkle.leaf_hash(body)
        keys = merkle.peaks(0, head.size)
        nodes = self._nodes(head.tree, keys)
        growth = merkle.grow(head.size, [nodes[key] for key in keys], entry_hash)
        checkpoint = sign_head(head.size + 1, growth.root)
        values = {
            "tree": head.tree,
            "idx": head.size,
            "leaf_hash": entry_hash,
            "body": body,
            "ms": head.now_ms,
            "levels": [level for level, _ in growth.nodes],
            "indices": [index for _, index in growth.nodes],
            "hashes": list(growth.nodes.values()),
            "checkpoint": checkpoint,
        }
        self._connection.execute(schema.APPEND, values)
        return Proof(head.size + 1, growth.root, growth.proof, checkpoint)

    def leaf(self, tree: str, index: int) -> Leaf | None:
        """Returns the entry with that index."""
        row = self._connection.execute(schema.LEAF_BY_INDEX, (tree, index)).fetchone()
        return Leaf(*row) if row else None

    def leaves(self, tree: str, first: int, last: int) -> list[Leaf]:
        """Returns the entries from *first* to *last*, both included."""
        rows = self._connection.execute(schema.LEAVES, (tree, first, last))
        return [Leaf(*row) for row in rows]

    def first_indices(self) -> dict[int, int]:
        """Returns by generation how many entries the logs before it hold."""
        rows = self._connection.execute(
            "SELECT number, first_index FROM authority.generation"
        )
        return dict(rows.fetchall())

    def has_log(self, number: int, log_id: bytes) -> bool:
        """Says whether the log of a generation here is the one with that key."""
        row = self._connection.execute(
            "SELECT log_id FROM authority.generation WHERE number = %s", (number,)
        ).fetchone()
        return row == (log_id,)

    def is_read_only(self) -> bool:
        """Says whether the database takes no writes: a standby, or so configured."""
        (setting,) = self._one("SELECT current_setting('transaction_read_only')")
        return bool(setting == "on")

    def find(self, tree: str, entry_hash: bytes) -> Leaf | None:
        """Returns the entry with that leaf hash."""
        values = (tree, entry_hash)
        row = self._connection.execute(schema.LEAF_BY_HASH, values).fetchone()
        return Leaf(*row) if row else None

    def root(self, head: Head) -> bytes:
        """Returns the root under *head*."""
        return merkle.root(self._reader(head.tree), head.size)

    def prove(self, head: Head, index: int) -> Proof:
        """Proves that the entry with *index* is in the tree under *head*."""
        read = self._reader(head.tree)
        return Proof(
            size=head.size,
            root=merkle.root(read, head.size),
            hashes=merkle.inclusion_proof(read, index, head.size),
            checkpoint=head.checkpoint,
        )

    def prove_growth(self, tree: str, old: int, new: int) -> tuple[bytes, list[bytes]]:
        """Returns the root at size *new* and the proof that *old* is its prefix."""
        read = self._reader(tree)
        return merkle.root(read, new), merkle.consistency_proof(read, old, new)

    def _reader(self, tree: str) -> merkle.NodeReader:
        return lambda keys: self._nodes(tree, keys)

    def _nodes(
        self, tree: str, keys: Sequence[merkle.NodeKey]
    ) -> Mapping[merkle.NodeKey, bytes]:
        if not keys:
            return {}
        levels, indices = [key[0] for key in keys], [key[1] for key in keys]
        rows = self._connection.execute(schema.NODES, (levels, indices, tree))
        return {(level, index): digest for level, index, digest in rows}

    def _one(self, query: str, values: tuple[object, ...] = ()) -> tuple[Any, ...]:
        row = self._connection.execute(query, values).fetchone()
        if row is None:
            raise Unavailable("the log is not prepared: restart the authority")
        return row


class Store:
    """A pool of connections to the authority's database."""

    def __init__(
        self, database_url: str, *, size: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._pool = ConnectionPool(
            database_url,
            min_size=1,
            max_size=size,
            timeout=CONNECT_SECONDS,
            kwargs={"connect_timeout": CONNECT_SECONDS},
            configure=_bound_waits,
            # A restarted PostgreSQL must not cost one failed request per connection.
            check=ConnectionPool.check_connection,
            open=True,
        )

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Opens a transaction; raises `Unavailable` when the database does not answer.

        Commits at the end of the block and rolls back on any exception.
        """
        try:
            with self._pool.connection() as connection:
                yield Transaction(connection, self._clock)
        except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
            raise Unavailable("the log's database does not answer") from exc
        except psycopg.errors.UndefinedTable as exc:
            raise Unavailable("the log is not prepared: restart the authority") from exc
        except psycopg.errors.ReadOnlySqlTransaction as exc:
            raise Unavailable("the log's database takes no writes") from exc

    def close(self) -> None:
        """Closes every connection."""
        self._pool.close()


def _bound_waits(connection: Connection) -> None:
    """Bounds every wait inside the database, so that no request hangs."""
    connection.execute("SET lock_timeout = '5s'")
    connection.execute("SET statement_timeout = '10s'")
    connection.execute("SET idle_in_transaction_session_timeout = '10s'")
    connection.commit()
