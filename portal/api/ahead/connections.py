"""
The decision path's own connections: one a thread, and one that listens.

Django's wrapper costs more than the statement itself, so the driver is used as it is,
with the limits of the application's own connections, and reads only.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

import psycopg
from django.conf import settings

from breakglass.queries.certainty import Connection
from portal.settings.databases import CONNECT_SECONDS, LIMITS

Found = TypeVar("Found")

# One plan for all: see the functions of migration 0018.
_READS: Final = (
    "-c default_transaction_read_only=on -c plan_cache_mode=force_generic_plan"
)
_KEEPALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}


class _OfThread(threading.local):
    connection: Connection | None = None


_mine: Final = _OfThread()


def ask(question: Callable[[Connection], Found]) -> Found:
    """
    Returns what the question finds over this thread's connection to the primary.

    A connection that was lost while nobody asked is made anew, once. Raises
    psycopg.Error.
    """
    is_new = _mine.connection is None or _mine.connection.closed
    if is_new:
        _mine.connection = _connect("breakglass-decisions")
    try:
        return question(_connection())
    except psycopg.OperationalError:
        close()
        if is_new:
            raise
    _mine.connection = _connect("breakglass-decisions")
    return question(_connection())


def close() -> None:
    """Closes this thread's connection, if it has one."""
    if _mine.connection is not None:
        _mine.connection.close()
        _mine.connection = None


def listening() -> AbstractContextManager[Connection]:
    """Returns a new connection that waits for notices, closed at the end."""
    return _connect("breakglass-listener", **_KEEPALIVE)


def _connection() -> Connection:
    if _mine.connection is None:
        msg = "this thread has no connection"
        raise psycopg.OperationalError(msg)
    return _mine.connection


def _connect(application: str, **options: Any) -> Connection:
    wanted = settings.DATABASES["default"]
    kept = {"sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"}
    given = {k: v for k, v in wanted["OPTIONS"].items() if k in kept}
    return psycopg.connect(
        host=wanted["HOST"] or None,
        port=wanted["PORT"] or None,
        dbname=wanted["NAME"],
        user=wanted["USER"] or None,
        password=wanted["PASSWORD"] or None,
        application_name=application,
        connect_timeout=CONNECT_SECONDS,
        options=f"{LIMITS} {_READS}",
        autocommit=True,
        prepare_threshold=0 if settings.DECISION_PREPARED else None,
        **given,
        **options,
    )
