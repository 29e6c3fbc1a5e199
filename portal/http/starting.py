"""What a process does once before it serves or works."""

import logging

from django.db import connections

from breakglass.services import log_guard

logger = logging.getLogger(__name__)


def guard_logs() -> None:
    """
    Compares each log with what was published, before the first answer.

    A database restored from a backup stops before it lets anything through. Never
    raises: without a database the start goes on, and the sweep looks again.
    """
    try:
        log_guard.check_heads()
    # The edge of a start: whatever is wrong here, the process has to come up.
    except Exception:
        logger.exception("start.logs_not_guarded")
    finally:
        connections.close_all()  # a child forked later must not inherit one
