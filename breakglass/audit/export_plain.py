"""
Exports for other tools: JSON Lines with signatures, and a table for spreadsheets.

They hold exactly the entries asked for. Neither proves that nothing was left out: that
is what the evidence archive is for.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import IO, Any, Final

from breakglass.audit import export_scope
from breakglass.audit.chain import timestamp
from breakglass.models import AuditEntry, Bundle, Tenant

Progress = Callable[[int, int], None]
COLUMNS: Final = (
    "entry",
    "time_utc",
    "event",
    "who",
    "bypass_id",
    "facts",
    "hash",
    "signature_sha256",
)
_BATCH: Final = 500
# What a spreadsheet takes for a formula, or for the start of one (OWASP, CSV
# injection); the full-width forms are read as the others by some of them.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - meant


def write_lines(
    *, tenant: Tenant, scope: dict[str, Any], size: int, out: IO[bytes], told: Progress
) -> None:
    """
    Writes an entry a line: its number, hash and exact text, and its signature.

    `bundle` and `statement` are exact texts as well, null where an entry has none.
    """
    for rows in _batches(tenant=tenant, scope=scope, size=size, told=told):
        signed = _signed(tenant, rows)
        for row in rows:
            named = signed.get(_named(row))
            line = {
                "seq": row.seq,
                "hash": bytes(row.entry_hash).hex(),
                "body": _text(row.body),
                "bundle": _text(named.bundle) if named else None,
                "statement": _text(named.intent.statement) if named else None,
            }
            out.write(json.dumps(line, ensure_ascii=False).encode(errors="replace"))
            out.write(b"\n")


def write_table(
    *, tenant: Tenant, scope: dict[str, Any], size: int, out: IO[bytes], told: Progress
) -> None:
    """Writes an entry a row; no cell of it is a formula to a spreadsheet."""
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", errors="replace")
    table = csv.writer(text, quoting=csv.QUOTE_ALL)
    table.writerow(COLUMNS)
    for rows in _batches(tenant=tenant, scope=scope, size=size, told=told):
        for row in rows:
            table.writerow([safe_cell(cell) for cell in _cells(row)])
    text.flush()
    text.detach()  # the caller's file stays open


def safe_cell(value: object) -> str:
    """Returns a cell as text; one that would be a formula begins with an apostrophe."""
    text = str(value)
    if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA):
        return f"'{text}"
    return text


def _batches(
    *, tenant: Tenant, scope: dict[str, Any], size: int, told: Progress
) -> Iterator[Sequence[AuditEntry]]:
    """Yields the entries in order; what is there at the start is what is written."""
    found = export_scope.matching(tenant=tenant, scope=scope, size=size)
    numbers = list(found.order_by("seq").values_list("seq", flat=True))
    told(0, len(numbers))
    for start in range(0, len(numbers), _BATCH):
        some = numbers[start : start + _BATCH]
        rows = AuditEntry.objects.filter(tenant=tenant, seq__in=some).order_by("seq")
        yield list(rows)
        told(start + len(some), len(numbers))


def _signed(tenant: Tenant, rows: Sequence[AuditEntry]) -> dict[str, Bundle]:
    names = [_digest(name) for name in map(_named, rows) if name]
    found = Bundle.objects.filter(intent__tenant=tenant, sha256__in=names)
    return {bytes(one.sha256).hex(): one for one in found.select_related("intent")}


def _cells(row: AuditEntry) -> tuple[object, ...]:
    facts = _content(row).get("facts")
    return (
        row.seq,
        timestamp(row.at),
        row.event,
        row.actor,
        row.bypass_id,
        json.dumps(facts, ensure_ascii=False) if facts is not None else "",
        bytes(row.entry_hash).hex(),
        _named(row),
    )


def _named(row: AuditEntry) -> str:
    facts = _content(row).get("facts")
    name = facts.get("bundle_sha256") if isinstance(facts, dict) else None
    return name if isinstance(name, str) else ""


def _content(row: AuditEntry) -> dict[str, Any]:
    """Bytes that do not parse are exported as they are, and say nothing."""
    try:
        content = json.loads(bytes(row.body))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _digest(name: str) -> bytes:
    """A name that is no digest names nothing."""
    try:
        return bytes.fromhex(name)
    except ValueError:
        return sha256(b"").digest()


def _text(raw: bytes | memoryview) -> str:
    return bytes(raw).decode(errors="replace")
