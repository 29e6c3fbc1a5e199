"""
Checkpoints kept outside the database: read them, and believe what is signed.

A line's own words count for nothing; only the statement in its bundle does, when the
portal's workload identity signed it for this tenant.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from breakglass.errors import InvalidInput, SigningFailed
from breakglass.models import AuditEntry, Tenant
from breakglass.services.logs import publishing
from breakglass.signing import instance
from breakglass.signing.keyless import verifier_from_settings
from breakglass.signing.statements import CHECKPOINT_TYPE

_READ_AT_MOST: Final = 1_048_576
_LINE_AT_MOST: Final = 262_144


@dataclass(frozen=True, slots=True)
class Published:
    """One checkpoint as its signed statement says it."""

    size: int
    head: bytes
    root: bytes
    previous: tuple[int, bytes] | None


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest believable line of a tenant's file; `damaged` when one is not."""

    newest: Published | None
    damaged: bool


def tail_of(tenant: Tenant) -> Tail:
    """
    Returns the newest checkpoint in the tenant's file, reading from its end.

    The file only grows, so the newest is the last one; a damaged line behind it is
    passed over, and said. Raises SigningFailed when no trusted root can be read,
    since nothing can be believed or doubted then.
    """
    damaged = False
    for line in _lines_from_end(publishing.file_of(tenant)):
        if not line.strip():
            continue
        try:
            found = believed(line, tenant=tenant)
        except InvalidInput:
            damaged = True
            continue
        if found is not None:
            return Tail(found, damaged)
    return Tail(None, damaged)


def believed(line: str, *, tenant: Tenant) -> Published | None:
    """
    Returns what a line proves, or None when it is another tenant's.

    Raises InvalidInput for a line that is no checkpoint signed by this portal, and
    SigningFailed when that cannot be told.
    """
    verifier = verifier_from_settings()
    try:
        kept = json.loads(line)
        if kept["tenant"] != str(tenant.public_id):
            return None
        raw = json.dumps(kept["bundle"]).encode()
        statement = verifier.payload_of(
            bundle=raw,
            expected=instance.workloads(),
            statement=str(kept.get("statement", "")).encode(),
        )
        return _published(json.loads(statement), tenant=tenant)
    except (ValueError, KeyError, TypeError, RecursionError, SigningFailed) as error:
        msg = "the line is not a checkpoint of this portal"
        raise InvalidInput(msg, field="checkpoint") from error


def all_in(file: Path, *, tenant: Tenant) -> Iterator[Published]:
    """
    Yields every checkpoint of the tenant in a file, oldest first.

    Raises InvalidInput, naming the line, for a file that holds anything else.
    """
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file} cannot be read as a checkpoint file"
        raise InvalidInput(msg, field="checkpoint") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = believed(line, tenant=tenant)
        except InvalidInput as error:
            msg = f"line {number} of {file.name} is not a checkpoint of this portal"
            raise InvalidInput(msg, field="checkpoint") from error
        if found is not None:
            yield found


def stands(published: Published, *, tenant: Tenant) -> bool:
    """Says whether the log still holds the entry that the checkpoint sealed."""
    return AuditEntry.objects.filter(
        tenant=tenant, seq=published.size, entry_hash=published.head
    ).exists()


def _published(statement: dict[str, Any], *, tenant: Tenant) -> Published:
    """Raises for a statement of another kind: the portal signs grants as well."""
    predicate = statement["predicate"]
    if statement["predicateType"] != CHECKPOINT_TYPE:
        raise ValueError("another kind of statement")
    if predicate["tenant"] != str(tenant.public_id):
        raise ValueError("a checkpoint of another tenant")
    before = predicate.get("previous_head") or ""
    return Published(
        size=int(predicate["size"]),
        head=bytes.fromhex(predicate["head"]),
        root=bytes.fromhex(predicate.get("root", "")),
        previous=(int(predicate["previous_size"]), bytes.fromhex(before))
        if before
        else None,
    )


def _lines_from_end(file: Path) -> Iterator[str]:
    """
    Yields lines, last first, of the file's end; nothing for a missing file.

    Reads a piece that surely holds whole lines, and a larger one only when asked on:
    the cost does not grow with the file.
    """
    try:
        with file.open("rb") as lines:
            end = lines.seek(0, os.SEEK_END)
            wanted, given = min(_LINE_AT_MOST, end), 0
            while wanted:
                lines.seek(end - wanted)
                found = lines.read(wanted).splitlines()
                whole = found if wanted == end else found[1:]
                for line in reversed(whole[: len(whole) - given]):
                    yield line.decode(errors="replace")
                given = len(whole)
                bigger = min(wanted * 4, end, _READ_AT_MOST)
                wanted = bigger if bigger > wanted else 0
    except FileNotFoundError:
        return
