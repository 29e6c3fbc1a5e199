"""Lock files: one holder at a time, free again when its last process is gone."""

import fcntl
import os
from pathlib import Path

from portal.runtime.problems import RuntimeProblem


def take(path: Path) -> int | None:
    """
    Returns a descriptor that holds the lock, or None when somebody else does.

    The file stays when the lock goes: removing it would let two holders in.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise RuntimeProblem(
            f"Cannot write in {path.parent}: {exc.strerror}; run as its owner, or "
            "remove it."
        ) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
