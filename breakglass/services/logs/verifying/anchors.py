"""Checkpoints, in the database and outside, as what a log has to extend."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from breakglass.audit import verify
from breakglass.audit.tree import Frontier, unpacked
from breakglass.audit.verify import Anchor
from breakglass.audit.walk import Position, Report
from breakglass.errors import Conflict
from breakglass.models import AuditEntry, Checkpoint, Tenant
from breakglass.queries.logs import entries
from breakglass.services.logs import outside


def stored(*, tenant: Tenant, after: int, report: Report) -> Iterator[Anchor]:
    """Yields the database's own checkpoints, oldest first, with the root they sign."""
    rows = Checkpoint.objects.filter(tenant=tenant, size__gt=after).order_by("pk")
    for row in rows.select_related("previous", "statement").iterator():
        before = row.previous
        root = _signed_root(bytes(row.statement.statement))
        kept = bytes(row.tree_root) if row.tree_root is not None else b""
        if root != kept:
            report.add(row.size, "has a checkpoint that signs another tree than stored")
        yield Anchor(
            size=row.size,
            head=bytes(row.head_hash),
            root=root,
            previous=(before.size, bytes(before.head_hash)) if before else None,
        )


def kept_outside(file: Path | None, *, tenant: Tenant) -> list[Anchor]:
    """
    Returns what a file proves: each line's signature is verified first.

    Raises InvalidInput for a file that holds anything else.
    """
    if file is None:
        return []
    return [
        Anchor(one.size, one.head, one.root, one.previous)
        for one in outside.all_in(file, tenant=tenant)
    ]


def hashes_of(anchors: list[Anchor], *, tenant: Tenant, upto: int) -> dict[int, bytes]:
    """Returns the entries' hashes on record where checkpoints before a walk end."""
    sizes = [anchor.size for anchor in anchors if anchor.size <= upto]
    rows = AuditEntry.objects.filter(tenant=tenant, seq__in=sizes)
    pairs = rows.values_list("seq", "entry_hash")
    return {seq: bytes(entry_hash) for seq, entry_hash in pairs}


def frontier(*, tenant: Tenant, start: Position, report: Report) -> Frontier:
    """Returns the tree up to the start, grown from the last checkpoint before it."""
    try:
        return _grown(tenant, start)
    except (Conflict, ValueError) as error:
        report.add(start.seq, f"stands on a tree that cannot be made again: {error}")
        return Frontier()


def _grown(tenant: Tenant, start: Position) -> Frontier:
    with_tree = Checkpoint.objects.filter(tenant=tenant, tree_peaks__isnull=False)
    last = with_tree.filter(size__lte=start.seq).order_by("-size").first()
    grown = Frontier()
    if last is not None and last.tree_peaks is not None:
        grown = unpacked(size=last.size, peaks=bytes(last.tree_peaks))
    grown.add(entries.entry_hashes(tenant=tenant, after=grown.size, upto=start.seq))
    return grown


def check(
    some: list[Anchor],
    *,
    hashes: Mapping[int, bytes],
    roots: Mapping[int, bytes],
    excused: list[tuple[int, bytes]],
    report: Report,
) -> None:
    """Requires that the log extends them; see `audit.verify.check_anchors`."""
    verify.check_anchors(
        some, hashes=hashes, roots=roots, excused=excused, report=report
    )


def excused_by(facts: Mapping[str, Any]) -> list[tuple[int, bytes]]:
    """Returns the checkpoint that a `log.reanchored` entry leaves behind."""
    try:
        return [(int(facts["published_size"]), bytes.fromhex(facts["published_head"]))]
    except (KeyError, ValueError, TypeError):
        return []  # an entry without them excuses nothing


def say_what_is_open(
    *, file: Path | None, found: list[Anchor], tenant: Tenant, report: Report
) -> None:
    """Says what stays unproven without a checkpoint from outside."""
    if file is None:
        report.unproven.append(
            "No checkpoint from outside the database was given (--checkpoint FILE): "
            "that nothing was cut off the end of the log is not proven."
        )
    elif not found:
        report.unproven.append(f"{file.name} holds no checkpoint of {tenant.slug}.")


def _signed_root(statement: bytes) -> bytes:
    """Checkpoints of before there were trees sign none; a damaged one is found out."""
    try:
        return bytes.fromhex(json.loads(statement)["predicate"].get("root", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return b""
