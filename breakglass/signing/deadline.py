"""
One wall-clock deadline for a whole signature, and a bound on how many run at once.

The work runs in a thread of its own, so whoever waits for it comes back in time even
where the work cannot be interrupted (a name server that does not answer). A thread
that is left behind keeps its slot until it ends: there are never more than the slots.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Final, TypeVar

from breakglass.errors import SigningFailed
from breakglass.texts import text

Result = TypeVar("Result")

GRACE_SECONDS: Final = 0.5
"""The connections are cut at the deadline; this is for saying what was cut."""

PATIENCE_SECONDS: Final = 1.0
"""A signature takes milliseconds. Behind one that takes longer nobody queues."""

BUSY: Final = "busy"


class Slots:
    """
    How many signatures one process makes at once.

    A web process has few threads, and one that waits for a silent service answers
    nobody else. Whoever finds no slot is told so at once, and a worker signs later.
    """

    def __init__(self, size: int) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._since: dict[int, float] = {}
        self._tickets = count()

    def take(self) -> int:
        """Returns a ticket; raises SigningFailed (stage `busy`) when all hang."""
        oldest = min(self._since.copy().values(), default=time.monotonic())
        patience = PATIENCE_SECONDS - (time.monotonic() - oldest)
        if not self._free.acquire(timeout=max(patience, 0.0)):
            msg = text("the signing service is slow, and other signatures wait for it")
            raise SigningFailed(msg, stage=BUSY, retryable=True)
        ticket = next(self._tickets)
        self._since[ticket] = time.monotonic()
        return ticket

    def give_back(self, ticket: int) -> None:
        """Frees the slot of a ticket."""
        del self._since[ticket]
        self._free.release()


@cache
def slots(size: int) -> Slots:
    """Returns this process's slots."""
    return Slots(size)


def within(
    deadline: timedelta, work: Callable[[], Result], *, available: Slots
) -> Result:
    """
    Returns what `work` returns, or raises what it raises, before the deadline.

    Raises SigningFailed at stage `network` when it is still at work then, and at
    stage `busy` when it could not be begun.
    """
    ticket = available.take()
    outcome: Future[Result] = Future()

    def run() -> None:
        # Freed before it is told: whoever hears of the end may begin the next.
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            available.give_back(ticket)
            outcome.set_exception(error)
        else:
            available.give_back(ticket)
            outcome.set_result(result)

    try:
        threading.Thread(target=run, name="signature", daemon=True).start()
    except RuntimeError as error:  # no more threads
        available.give_back(ticket)
        msg = text("this process cannot start another signature now")
        raise SigningFailed(msg, stage=BUSY, retryable=True) from error
    try:
        return outcome.result(deadline.total_seconds() + GRACE_SECONDS)
    except TimeoutError as error:
        if outcome.done():  # the work's own, not ours
            raise
        msg = text("the signing service did not answer before the deadline")
        raise SigningFailed(msg, stage="network", retryable=True) from error
