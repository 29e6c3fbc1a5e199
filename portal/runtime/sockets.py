"""Private folders for Unix sockets, whose paths the kernel wants short."""

import tempfile
from pathlib import Path
from typing import Final

from portal.runtime.problems import RuntimeProblem

# sockaddr_un holds 104 bytes on macOS and 108 on Linux, with the closing zero.
LONGEST: Final = 100
_ROOM_FOR_NAME: Final = len("/.s.PGSQL.5432.lock")


def private_dir() -> Path:
    """
    Makes an empty folder that only we can enter, with a short path.

    A new one for each run: nobody else can have prepared it, and no stale socket of a
    killed run lies in it.
    """
    for parent in (None, "/tmp"):  # noqa: S108  # mkdtemp makes it ours alone
        try:
            made = Path(tempfile.mkdtemp(prefix="bg-", dir=parent)).resolve()
        except OSError as exc:
            raise RuntimeProblem(
                f"Cannot make a folder for sockets: {exc.strerror} ({exc.filename})."
            ) from exc
        if len(str(made).encode()) + _ROOM_FOR_NAME < LONGEST:
            return made
        made.rmdir()
    raise RuntimeProblem(
        "The system's temporary folder has too long a path for a socket: set TMPDIR to "
        "a folder with a short path."
    )


def checked(path: Path) -> Path:
    """Returns the socket's path, or raises RuntimeProblem when it is too long."""
    if len(str(path).encode()) >= LONGEST:
        raise RuntimeProblem(
            f"The socket path {path} is too long for the kernel (at most {LONGEST} "
            "bytes): use a folder with a shorter path."
        )
    return path
