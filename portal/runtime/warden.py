"""
Ends what a supervisor leaves behind when it dies without a chance to clean up.

The warden is a process of its own that reads orders from a pipe. As long as the
supervisor lives the pipe is open; its end means that the supervisor is gone, however
that happened, and then every process group still on the list is ended and every
folder on the list is removed. On Linux parent-death signals do most of this sooner;
the warden also reaches grandchildren, escalates to SIGKILL, and works on macOS.

The lower half runs as `python -I -S warden.py` and uses the standard library only.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.05
_REMOVALS: Final = 40


class Warden:
    """The supervisor's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter, this file
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal must not reach it
        )

    def guard(self, group: int, stop_signal: signal.Signals, grace: float) -> None:
        """Puts a process group on the list, with how it is asked and how long."""
        self._order("guard", group, int(stop_signal), grace)

    def release(self, group: int) -> None:
        """Takes a process group off the list, because it has ended."""
        self._order("release", group)

    def remove_at_end(self, path: Path) -> None:
        """Puts a folder or file on the list; it goes in any case, also on `close`."""
        self._order("remove", str(path))

    def close(self) -> None:
        """Lets the warden do the rest of its list, and waits for it."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _order(self, *words: object) -> None:
        if self._process.stdin is None or self._process.stdin.closed:
            return
        # A warden that was killed must not take the supervisor with it.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(words).encode() + b"\n")
            self._process.stdin.flush()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return not _all_dead(group)


def _all_dead(group: int) -> bool:
    """Says whether only zombies are left, as where process 1 does not collect them."""
    states = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in brackets may hold anything: look after its last bracket.
            state, _, number, *_ = stat.read_text().rpartition(")")[2].split()
            states += [state] if int(number) == group else []
    return bool(states) and all(state in "ZX" for state in states)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _end(groups: dict[int, tuple[int, float]]) -> None:
    """Asks all at once, then kills each whose grace is over."""
    for group, (wanted, _) in groups.items():
        _signal(group, wanted)
    started = time.monotonic()
    for group, (_, grace) in sorted(groups.items(), key=lambda item: item[1][1]):
        while _alive(group) and time.monotonic() - started < grace:
            time.sleep(_POLL_SECONDS)
        _signal(group, signal.SIGKILL)


def _obey() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, tuple[int, float]] = {}
    doomed: list[Path] = []
    for line in sys.stdin.buffer:
        try:
            verb, *rest = json.loads(line)
        except ValueError:  # half a line: the supervisor died while writing it
            continue
        if verb == "guard":
            groups[rest[0]] = (rest[1], rest[2])
        elif verb == "release":
            groups.pop(rest[0], None)
        elif verb == "remove":
            doomed.append(Path(rest[0]))
    _end(groups)
    for path in doomed:
        _remove(path)


def _remove(path: Path) -> None:
    """Removes a folder or file; again, if a process in its last moments adds to it."""
    for _ in range(_REMOVALS):
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):  # a file, or nothing any more
            path.unlink(missing_ok=True)
        if not os.path.lexists(path):
            return
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    _obey()
