"""What a supervisor needs to know about a program, and one running copy of it."""

import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from portal.runtime.footing import OWN, Footing

_TAIL_BYTES: Final = 8_192
_ROOM_NEEDED: Final = 32 * 1024 * 1024
_DISK_FULL: Final = os.strerror(errno.ENOSPC)
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 30.0


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to keep running; `argv[0]` is a path."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None = None
    ready: Callable[[], bool] = _always
    ready_within: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    footing: Footing = OWN
    pass_fds: Sequence[int] = ()


@dataclass(slots=True)
class Child:
    """One running copy of a program, in a session and process group of its own."""

    program: Program
    log: Path
    log_start: int  # where this copy's lines begin
    process: subprocess.Popen[bytes]
    started_at: float = field(default_factory=time.monotonic)

    @property
    def group(self) -> int:
        """The process group, which is the child's own number."""
        return self.process.pid

    def signal_group(self, number: signal.Signals) -> bool:
        """Signals everything in the group; False when nothing is left of it."""
        try:
            os.killpg(self.group, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def spawn(program: Program, log: Path) -> Child:
    """Starts the program with its output appended to the log file."""
    command = program.footing.command(program.argv, death_signal=program.stop_signal)
    with log.open("ab") as output:
        log_start = output.tell()
        process = subprocess.Popen(  # noqa: S603  # programs come from code, no shell
            command,
            env=dict(program.env),
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the rest
            pass_fds=tuple(program.pass_fds),
        )
    return Child(program=program, log=log, log_start=log_start, process=process)


def backoff(failures: int) -> float:
    """Returns the seconds to wait after so many failures in a row: 0.5, 1, 2 … 30."""
    return min(_FIRST_DELAY * 2.0 ** min(failures - 1, 16), _LONGEST_DELAY)


def last_words(log: Path) -> str:
    """
    Returns the last line of a log that says something, or an empty string.

    A full disk comes first, in plain words: what programs say after it is about
    their tidying up.
    """
    try:
        with log.open("rb") as source:
            source.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = source.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    # PostgreSQL's log grows by segments of 16 MiB: with less room it is gone, and
    # whoever needs it fails next, with other words.
    is_full = shutil.disk_usage(log.parent).free < _ROOM_NEEDED
    if is_full or any(_DISK_FULL in line for line in lines):
        return "the disk is full: free some space and start again"
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
