"""
The decision path's own connections: one a thread, and one that listens.

Django's wrapper costs more than the statement itself, so the driver is used as it is,
with the limits of the application's own connections. What reads has one that can do
nothing else; what admits a deploy has another.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

import psycopg
from django.conf import settings

from breakglass.queries.certainty import Connection
from portal.settings.databases import CONNECT_SECONDS, LIMITS

logger: Final = logging.getLogger(__name__)

Found = TypeVar("Found")

# One plan for all: see the functions of migration 0018.
_PLANS: Final = "-c plan_cache_mode=force_generic_plan"
_READS: Final = f"{_PLANS} -c default_transaction_read_only=on"
_KEEPALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}


class _OfThread(threading.local):
    connection: Connection | None = None
    writing: Connection | None = None


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


def admit(admission: Callable[[Connection], Found]) -> Found | None:
    """
    Returns what the admission finds over this thread's other connection, which writes.

    None where the database did not let it end. Nothing is tried again here: it may be
    written already, and the endpoint, which finds out, answers the same deploy alike.
    """
    try:
        if _mine.writing is None or _mine.writing.closed:
            _mine.writing = _connect("breakglass-admissions", _PLANS)
        return admission(_mine.writing)
    except psycopg.Error as error:
        logger.info("decisions.admission_handed_on", extra={"error": repr(error)})
        _close_writing()
        return None


def close() -> None:
    """Closes this thread's connections, if it has any."""
    if _mine.connection is not None:
        _mine.connection.close()
        _mine.connection = None
    _close_writing()


def _close_writing() -> None:
    if _mine.writing is not None:
        _mine.writing.close()
        _mine.writing = None


def listening() -> AbstractContextManager[Connection]:
    """Returns a new connection that waits for notices, closed at the end."""
    return _connect("breakglass-listener", **_KEEPALIVE)


def _connection() -> Connection:
    if _mine.connection is None:
        msg = "this thread has no connection"
        raise psycopg.OperationalError(msg)
    return _mine.connection


def _connect(application: str, how: str = _READS, **options: Any) -> Connection:
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
        options=f"{LIMITS} {how}",
        autocommit=True,
        prepare_threshold=0 if settings.DECISION_PREPARED else None,
        **given,
        **options,
    )
