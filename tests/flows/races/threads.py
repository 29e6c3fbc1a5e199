"""Real threads with a connection each: all at once, or one held in the middle."""

import threading
from contextlib import contextmanager
from itertools import count

from django.db import connection, transaction

from tests import database

PATIENCE = 20  # seconds; a race that takes longer hangs


def at_once(*calls):
    """
    Runs the calls in threads that start together, each on its own connection.

    Returns for each its result, or the exception it raised.
    """
    barrier = threading.Barrier(len(calls))
    outcomes = [None] * len(calls)

    def run(number, call):
        try:
            connection.ensure_connection()
            barrier.wait(PATIENCE)
            outcomes[number] = call()
        except Exception as error:  # noqa: BLE001 - the outcome is looked at
            outcomes[number] = error
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(number, call))
        for number, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread hangs"
    return outcomes


@contextmanager
def held(step):
    """
    Runs `step` in a transaction of this thread, and commits when the block is left.

    What starts inside the block meets the locks of an unfinished change.
    """
    with transaction.atomic():
        yield step()


class Meanwhile:
    """A call in a thread of its own, which may have to wait for this thread."""

    def __init__(self, call):
        self.outcome = None
        self._pid = None
        self._connected = threading.Event()
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._connected.wait(PATIENCE)

    def _run(self):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (self._pid,) = cursor.fetchone()
            self._connected.set()
            self.outcome = self._call()
        except Exception as error:  # noqa: BLE001 - the outcome is looked at
            self.outcome = error
        finally:
            connection.close()

    def until_it_waits(self):
        """Returns once the call waits for a lock; fails when it ends instead."""
        for _ in count():
            with connection.cursor() as cursor:
                cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self._pid])
                if cursor.fetchone()[0]:
                    return
            assert self._thread.is_alive(), f"did not wait: {self.outcome!r}"

    def join(self):
        """Waits for the end; returns the result or the exception."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the thread hangs"
        return self.outcome


def failures(outcomes, *allowed):
    """The outcomes that are exceptions of no allowed kind: deadlocks, bugs."""
    return [
        outcome
        for outcome in outcomes
        if isinstance(outcome, BaseException) and not isinstance(outcome, allowed)
    ]


def later(seconds):
    """Moves the clock for everybody at once, also while a transaction is held open."""
    with database.as_owner() as owner:
        owner.execute(
            "UPDATE test_clock SET shift = shift + make_interval(secs => %s)", [seconds]
        )
