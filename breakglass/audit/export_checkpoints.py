"""An archive's checkpoints, and the proofs that its entries are in the sealed tree."""

import json
from collections.abc import Iterable, Iterator, Sequence

from breakglass.audit import events
from breakglass.audit.chain import timestamp
from breakglass.audit.tree import Tree
from breakglass.models import AuditEntry, Checkpoint, Tenant


def sealed_size(tenant: Tenant, size: int) -> int:
    """
    Returns where the newest checkpoint stands, if only seals follow it.

    A seal's own entry is covered by the next seal alone, so an archive that ends
    before it has nothing at its end that no signature covers.
    """
    newest = Checkpoint.objects.filter(tenant=tenant).order_by("-pk").first()
    if newest is None or not hasattr(newest.statement, "bundle"):
        return size
    after = AuditEntry.objects.filter(tenant=tenant, seq__gt=newest.size)
    is_only_seals = not after.exclude(event=events.LOG_SEALED).exists()
    return newest.size if is_only_seals else size


def newest_with_tree(checkpoints: list[Checkpoint]) -> list[Checkpoint]:
    """A part needs the one signed tree root that covers most of it."""
    for one in reversed(checkpoints):
        if hasattr(one.statement, "bundle") and _root(one):
            return [one]
    return []


def lines(checkpoints: Sequence[Checkpoint], *, bundles: list[str]) -> Iterator[bytes]:
    """Yields one line a checkpoint; adds the bundles that they name to `bundles`."""
    for one in checkpoints:
        bundle = getattr(one.statement, "bundle", None)  # a waiting one has none
        digest = bytes(bundle.sha256).hex() if bundle is not None else None
        before = one.previous
        line = {
            "size": one.size,
            "head": bytes(one.head_hash).hex(),
            "root": _root(one),
            "previous_size": before.size if before else 0,
            "previous_head": bytes(before.head_hash).hex() if before else "",
            "sealed_at": timestamp(one.sealed_at),
            "bundle": digest,
        }
        if digest:
            bundles.append(digest)
        yield json.dumps(line).encode() + b"\n"


def proofs(
    *, tenant: Tenant, checkpoint: Checkpoint, numbers: Iterable[int]
) -> Iterator[bytes]:
    """Yields each entry's inclusion proof in the signed tree of a checkpoint."""
    size = checkpoint.size
    log = AuditEntry.objects.filter(tenant=tenant, seq__lte=size).order_by("seq")
    tree = Tree([bytes(one) for one in log.values_list("entry_hash", flat=True)])
    for seq in numbers:
        if seq > size:
            return
        path = [step.hex() for step in tree.inclusion(seq=seq, size=size)]
        yield json.dumps({"seq": seq, "size": size, "path": path}).encode() + b"\n"


def _root(checkpoint: Checkpoint) -> str:
    """The row's own, else what was signed; nothing of before there were trees."""
    if checkpoint.tree_root:
        return bytes(checkpoint.tree_root).hex()
    signed = json.loads(bytes(checkpoint.statement.statement))
    return str(signed["predicate"].get("root", ""))
