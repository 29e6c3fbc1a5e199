"""Files that are on disk, whole and with the mode asked for, or not there at all."""

import os
import tempfile
from pathlib import Path


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Creates *path* with *mode* and *data* on disk; refuses to replace a file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, text: str) -> None:
    """Replaces *path* so that a reader sees the old file or the new, never a part."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix(path))
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # public, and mkstemp makes it 0600
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def prefix(path: Path) -> str:
    """Returns how the file that `replace` writes first is called, up to its end."""
    return f".{path.name}."


def sync_directory(path: Path) -> None:
    """Puts the names in a directory on disk: a rename may be lost without it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
