"""As whom a server runs: PostgreSQL refuses root, so root needs a lesser footing."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from portal.runtime import confine
from portal.runtime.problems import RuntimeProblem

Mode = Literal["own", "namespace", "nobody"]

_PYTHON: Final = (sys.executable, "-I", "-S", confine.__file__)
_PROBE_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class Footing:
    """Who a child process is: ourselves, a user of a namespace, or nobody (65534)."""

    mode: Mode

    def command(
        self, argv: Sequence[str], *, death_signal: signal.Signals = signal.SIGTERM
    ) -> list[str]:
        """
        Returns the command line that runs `argv` so, and that dies with this thread.

        Linux ties the death signal to the *thread* that started the child: start
        children from the main thread only.
        """
        tie = (str(os.getpid()), str(int(death_signal)))
        return [*_PYTHON, self.mode, "run", *tie, *argv]

    def check(self, *folders: Path) -> int:
        """Returns 0 if this footing can be taken and reaches all the folders."""
        argv = [*_PYTHON, self.mode, "check", *map(str, folders)]
        done = subprocess.run(  # noqa: S603  # our own interpreter and script
            argv, check=False, capture_output=True, timeout=_PROBE_SECONDS
        )
        return done.returncode

    def adopt(self, folder: Path) -> None:
        """Hands a folder that we have just made to whoever the server runs as."""
        if self.mode == "nobody":
            os.chown(folder, *confine.nobody())

    def owns(self, folder: Path) -> bool:
        """Says whether the server would be the folder's owner, as it demands."""
        uid = confine.nobody()[0] if self.mode == "nobody" else os.geteuid()
        return folder.stat().st_uid == uid


OWN: Final = Footing("own")
NAMESPACE: Final = Footing("namespace")
NOBODY: Final = Footing("nobody")


def for_unprivileged() -> Footing:
    """
    Returns the first footing on this machine on which PostgreSQL agrees to run.

    It refuses root; and it refuses a number without a name, as in a container that was
    started under any user.
    """
    if os.geteuid() != 0:
        if _has_name(os.geteuid()):
            return OWN
        if NAMESPACE.check() == 0:
            return NAMESPACE
        raise RuntimeProblem(
            f"PostgreSQL refuses user {os.geteuid()}, who has no name on this machine: "
            "run as a user with an entry in /etc/passwd, or set DATABASE_URL."
        )
    for footing in (NAMESPACE, NOBODY):
        if footing.check() == 0:
            return footing
    raise RuntimeProblem(
        "PostgreSQL refuses to run as root, and this machine allows neither user "
        "namespaces nor a change of user: run as an ordinary user, or set DATABASE_URL."
    )


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
