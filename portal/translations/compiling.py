"""
Compiled catalogues: built files, made from the `.po` files when a process starts.

Nothing but Python is needed for it, and nothing is written where a catalogue of the
same text is there already: an image makes them once, and its containers only read.
"""

import hashlib
import io
import logging
import os
import tempfile
from pathlib import Path

logger = logging.getLogger(__name__)


def compile_catalogues(source: Path, built: Path) -> list[Path]:
    """
    Compiles each `<language>/LC_MESSAGES/*.po` of `source` into `built`.

    Returns the files that were written; none when all are up to date. Each appears in
    one step, so processes that start together do not meet a half of one. Raises
    OSError when a folder cannot be written.
    """
    written = []
    for po in sorted(source.glob("*/LC_MESSAGES/*.po")):
        mo = built / po.relative_to(source).with_suffix(".mo")
        content = po.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if _is_made_from(mo, digest):
            continue
        mo.parent.mkdir(parents=True, exist_ok=True)
        _replace(mo, _compiled(content, digest))
        written.append(mo)
    return written


def prepare(source: Path, built: Path) -> None:
    """
    Compiles what is not there yet, when a process starts.

    Never raises: an emergency tool comes up in English rather than not at all.
    """
    try:
        compile_catalogues(source, built)
    except (OSError, ValueError) as error:
        logger.warning("translations.not_compiled", extra={"why": str(error)})


def _is_made_from(mo: Path, digest: str) -> bool:
    """A compiled catalogue names, as its version, the text that it was made from."""
    try:
        return digest.encode() in mo.read_bytes()
    except FileNotFoundError:
        return False


def _compiled(content: bytes, digest: str) -> bytes:
    # Babel is only loaded where there is something to compile.
    from babel.messages import mofile, pofile  # noqa: PLC0415

    catalogue = pofile.read_po(io.BytesIO(content), abort_invalid=True)
    catalogue.version = digest
    output = io.BytesIO()
    mofile.write_mo(output, catalogue)
    return output.getvalue()


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as output:
            output.write(content)
        temporary = Path(name)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
