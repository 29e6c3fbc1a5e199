"""What a data folder says about the server that runs on it, or once did."""

import os
import subprocess
from pathlib import Path

from portal.runtime.footing import Footing
from portal.runtime.problems import RuntimeProblem


def taken(data_dir: Path) -> str:
    """Returns the sentence for a folder on which another server is alive."""
    pid = _recorded_pid(data_dir)
    who = f" (process {pid})" if pid else ""
    return (
        f"Another PostgreSQL server{who} is running on {data_dir}: stop it first "
        "(is another `make demo` still running?)."
    )


def clear_stale(data_dir: Path) -> None:
    """
    Clears the pid file of a server that was killed, if it would be in the way.

    The server itself forgives a file whose process is gone. It does not when that
    number belongs to some other program by now, as after a restart of a container.
    """
    pid = _recorded_pid(data_dir)
    if pid is None or not _alive(pid):
        return
    if _serves(pid, data_dir):
        raise RuntimeProblem(taken(data_dir))
    (data_dir / "postmaster.pid").unlink(missing_ok=True)


def require_fit(data_dir: Path, install: Path, footing: Footing) -> None:
    """Raises RuntimeProblem for data of another PostgreSQL, or of another user."""
    if not footing.owns(data_dir):
        owner = data_dir.stat().st_uid
        raise RuntimeProblem(
            f"The database in {data_dir} belongs to user {owner}: run as that user, or "
            "remove the folder to start afresh."
        )
    made_by = (data_dir / "PG_VERSION").read_text(encoding="ascii").strip()
    ours = _major_version(install)
    if made_by != ours:
        raise RuntimeProblem(
            f"The database in {data_dir} was made by PostgreSQL {made_by}, and this is "
            f"{ours}: dump it with the old release and load it here, or remove the "
            "folder to start afresh."
        )


def _major_version(install: Path) -> str:
    done = subprocess.run(  # noqa: S603  # the wheel's own program
        [str(install / "bin" / "postgres"), "--version"],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()[-1].partition(".")[0]


def _recorded_pid(data_dir: Path) -> int | None:
    try:
        text = (data_dir / "postmaster.pid").read_text(encoding="utf-8")
        return int(text.splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, data_dir: Path) -> bool:
    """Says whether the process is a PostgreSQL server on this folder."""
    process = Path(f"/proc/{pid}")
    if process.is_dir():
        try:
            # The server's working folder is its data folder.
            return (process / "cwd").resolve(strict=True) == data_dir.resolve()
        except OSError:
            return "postgres" in (process / "comm").read_text(encoding="utf-8")
    done = subprocess.run(  # noqa: S603  # macOS has no /proc
        ["/bin/ps", "-o", "comm=", "-p", str(pid)],
        check=False,
        capture_output=True,
        text=True,
    )
    return "postgres" in done.stdout
