"""Small files that only we may read, written in one step."""

import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

from portal.runtime.problems import RuntimeProblem

_SECRET_BYTES: Final = 48


def write_json(path: Path, content: object) -> None:
    """Writes a JSON file with mode 0600; readers see the old one or the new one."""
    _write(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> dict[str, object]:
    """Returns the object in a JSON file; an empty one if there is no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def secret(path: Path) -> str:
    """Returns the secret that is kept in a file, made the first time."""
    try:
        kept = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if not kept:
        kept = secrets.token_urlsafe(_SECRET_BYTES)
        _write(path, kept + "\n")
    return kept


def _write(path: Path, text: str) -> None:
    try:
        # mkstemp makes the file 0600 from its first moment.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as output:
            output.write(text)
        Path(name).replace(path)
    except OSError as exc:
        raise RuntimeProblem(f"Cannot write {path}: {exc.strerror}.") from exc
