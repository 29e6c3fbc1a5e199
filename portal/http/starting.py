"""What a process does once before it serves or works."""

import atexit
import logging
import threading
from typing import Final

from django.db import connections

from breakglass.services.gates import days
from breakglass.services.logs import guard

logger = logging.getLogger(__name__)

_LAST_FLUSH: Final = 3.0


def guard_logs() -> None:
    """
    Compares each log with what was published, before the first answer.

    A database restored from a backup stops before it lets anything through. Never
    raises: without a database the start goes on, and the sweep looks again.
    """
    try:
        guard.check_heads()
    except Exception:  # the edge of a start: whatever is wrong, the process comes up
        logger.exception("start.logs_not_guarded")
    finally:
        connections.close_all()  # a child forked later must not inherit one


def count_gate_days() -> threading.Thread:
    """
    Starts the thread that writes down, now and then, what gates were told.

    One in each process that answers gates. It ends with the process, which waits for
    its last flush.
    """
    stopped = threading.Event()
    thread = threading.Thread(
        target=days.keep_flushing,
        kwargs={"stopped": stopped},
        name="gate-days",
        daemon=True,
    )
    thread.start()

    def stop() -> None:
        stopped.set()
        thread.join(timeout=_LAST_FLUSH)

    atexit.register(stop)
    return thread
