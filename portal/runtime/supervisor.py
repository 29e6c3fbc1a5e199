"""
Keeps a set of programs running and leaves nothing behind.

Programs start in order, each when the one before it is ready, and stop in reverse. A
program that crashes is started again after a growing delay. Ctrl-C and SIGTERM set a
flag that every wait looks at. Should the supervisor itself be killed, parent-death
signals and the warden end its children.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

from portal.runtime.problems import RuntimeProblem
from portal.runtime.program import Child, Program, backoff, last_words, spawn
from portal.runtime.warden import Warden

logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.02
_WATCH_SECONDS: Final = 0.2
_STEADY_SECONDS: Final = 60.0
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping(Exception):
    """Somebody asked the supervisor to stop while it was waiting for something."""


class Supervisor:
    """
    Starts, watches and stops programs; use it as a context manager.

    Only the thread that made it may start programs: on Linux they die with that thread.
    """

    def __init__(
        self,
        log_dir: Path,
        *,
        restart: bool = True,
        report: Callable[[str], None] = logger.warning,
    ) -> None:
        self.stopping = threading.Event()
        self._log_dir = log_dir
        self._restart = restart
        self._report = report
        self._children: dict[str, Child] = {}  # in the order of their start
        self._failures: dict[str, int] = {}
        self._due: dict[str, tuple[float, Program]] = {}
        log_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._warden = Warden()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @contextmanager
    def stop_on_signals(self) -> Iterator[None]:
        """Makes SIGINT, SIGTERM and SIGHUP ask for a stop while the block runs."""

        def ask(_number: int, _frame: FrameType | None) -> None:
            self.stopping.set()

        before = {number: signal.signal(number, ask) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def remove_at_end(self, path: Path) -> None:
        """Removes a folder or file once everything has stopped, come what may."""
        self._warden.remove_at_end(path)

    def pid_of(self, name: str) -> int | None:
        """Returns the process number of a program that runs, else None."""
        child = self._children.get(name)
        return (
            None if child is None or child.process.poll() is not None else child.group
        )

    def start(self, *programs: Program) -> None:
        """
        Starts programs side by side and returns when all are ready.

        Raises RuntimeProblem when one ends first or does not get ready in time, and
        Stopping when a stop was asked for meanwhile.
        """
        children = [self.launch(program) for program in programs]
        for child in children:
            deadline = child.started_at + child.program.ready_within
            while not child.program.ready():
                self._require_alive(child)
                if time.monotonic() > deadline:
                    raise RuntimeProblem(_late(child))
                self.pause(_POLL_SECONDS)
        for child in children:  # the first may have ended while others got ready
            self._require_alive(child)

    def run(
        self, program: Program, *, on_line: Callable[[str], None] | None = None
    ) -> None:
        """Runs a program to its end; anything but success raises RuntimeProblem."""
        self.finish(self.launch(program), on_line=on_line)

    def launch(self, program: Program) -> Child:
        """Starts a program without waiting for anything."""
        if self.stopping.is_set():
            raise Stopping
        child = spawn(program, self._log_dir / f"{program.name}.log")
        self._children[program.name] = child
        self._warden.guard(child.group, program.stop_signal, program.grace)
        return child

    def finish(
        self, child: Child, *, on_line: Callable[[str], None] | None = None
    ) -> None:
        """Waits for the end of what was launched, passing on the lines that it says."""
        with child.log.open("rb") as output:
            output.seek(child.log_start)
            ended = False
            while not ended:
                ended = child.process.poll() is not None
                for line in output.readlines():  # after the poll: none is missed
                    if on_line is not None:
                        on_line(line.decode(errors="replace").rstrip())
                if not ended:
                    self.pause(_POLL_SECONDS)
        self._forget(child)
        if child.process.returncode != 0:
            raise RuntimeProblem(_obituary(child))

    def pause(self, seconds: float) -> None:
        """Waits; raises Stopping as soon as a stop is asked for."""
        if self.stopping.wait(seconds):
            raise Stopping

    def watch(self) -> None:
        """Serves until a stop is asked for, and starts crashed programs again."""
        while not self.stopping.wait(_WATCH_SECONDS):
            self.tend()

    def tend(self) -> None:
        """Looks once after all programs: notes who crashed, restarts who is due."""
        for name, child in list(self._children.items()):
            if child.process.poll() is not None:
                self._forget(child)
                self._mourn(name, child)
        now = time.monotonic()
        for name, (due_at, program) in list(self._due.items()):
            if now >= due_at:
                del self._due[name]
                self.launch(program)
                self._report(f"{name} runs again.")

    def stop(self) -> None:
        """Stops everything in reverse order; calling it again does nothing more."""
        self.stopping.set()
        self._due.clear()
        for child in reversed(self._children.copy().values()):
            self._end(child)
        self._warden.close()

    def _require_alive(self, child: Child) -> None:
        if child.process.poll() is not None:
            self._forget(child)
            raise RuntimeProblem(_obituary(child))

    def _mourn(self, name: str, child: Child) -> None:
        steady = time.monotonic() - child.started_at > _STEADY_SECONDS
        failures = 1 if steady else self._failures.get(name, 0) + 1
        self._failures[name] = failures
        if not self._restart:
            self._report(f"{_obituary(child)} It stays down (--no-restart).")
            return
        delay = backoff(failures)
        self._due[name] = (time.monotonic() + delay, child.program)
        self._report(f"{_obituary(child)} Starting it again in {delay:g} s.")

    def _end(self, child: Child) -> None:
        """Asks the program to stop; after its grace, ends its whole group."""
        if child.process.poll() is None:
            # The leader alone is asked: it knows how to stop its own children in order.
            child.process.send_signal(child.program.stop_signal)
            try:
                child.process.wait(child.program.grace)
            except subprocess.TimeoutExpired:
                self._report(f"{child.program.name} did not stop in time; killed.")
        self._forget(child)

    def _forget(self, child: Child) -> None:
        """Ends what is left of a child's group, and takes it off the lists."""
        child.signal_group(signal.SIGKILL)
        child.process.wait()
        self._warden.release(child.group)
        if self._children.get(child.program.name) is child:
            del self._children[child.program.name]


def _obituary(child: Child) -> str:
    code = child.process.returncode
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"{child.program.name} {how}: see {child.log}{_last_words(child)}"


def _late(child: Child) -> str:
    return (
        f"{child.program.name} is not ready after {child.program.ready_within:.0f} s: "
        f"see {child.log}{_last_words(child)}"
    )


def _last_words(child: Child) -> str:
    words = last_words(child.log)
    return f" ({words})" if words else ""
