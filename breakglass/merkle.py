"""
The Merkle tree of RFC 6962 (section 2.1; RFC 9162 keeps it) over a store of nodes.

Only perfect subtrees are stored: node ``(level, index)`` is the hash over the
``2**level`` leaves that start at ``index * 2**level``. Such a node never changes, so
appending reads and writes O(log n) nodes and proofs need one read of O(log n) nodes.
Everything here is pure; `NodeReader` is the only way out.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

NodeKey: TypeAlias = tuple[int, int]  # (level, index)
Span: TypeAlias = tuple[int, int]  # leaves [first, last)
NodeReader: TypeAlias = Callable[[Sequence[NodeKey]], Mapping[NodeKey, bytes]]

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Growth:
    """What appending one leaf adds: new nodes, the new root, the leaf's proof."""

    nodes: Mapping[NodeKey, bytes]
    root: bytes
    proof: Sequence[bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Returns the hash of a leaf that holds *entry* (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Returns the hash of an inner node (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def peaks(first: int, last: int) -> list[NodeKey]:
    """
    Returns the perfect subtrees that make up the leaves ``[first, last)``, left to
    right. *first* must be a multiple of the smallest power of two that is at least
    the length, as is every span that a proof of RFC 6962 names.
    """
    keys: list[NodeKey] = []
    while first < last:
        level = (last - first).bit_length() - 1
        keys.append((level, first >> level))
        first += 1 << level
    return keys


def grow(size: int, peak_hashes: Sequence[bytes], entry_hash: bytes) -> Growth:
    """
    Appends one leaf to a tree of *size* leaves.

    *peak_hashes* are the hashes of ``peaks(0, size)``. They are also, from right to
    left, the new leaf's inclusion proof: its path runs down the tree's right edge.
    """
    level, index, current = 0, size, entry_hash
    nodes = {(level, index): current}
    remaining = list(peak_hashes)
    while index & 1:
        current = node_hash(remaining.pop(), current)
        level, index = level + 1, index >> 1
        nodes[level, index] = current
    return Growth(
        nodes=nodes,
        root=fold([*remaining, current]),
        proof=list(reversed(peak_hashes)),
    )


def root(read: NodeReader, size: int) -> bytes:
    """Returns the root of the first *size* leaves (MTH of RFC 6962 section 2.1)."""
    if size == 0:
        return EMPTY_ROOT
    return _span_hashes(read, [(0, size)])[0]


def inclusion_proof(read: NodeReader, index: int, size: int) -> list[bytes]:
    """Returns PATH(index, D[size]) of RFC 6962 section 2.1.1, leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError("there is no such leaf in a tree of that size")
    spans: list[Span] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            spans.append((middle, last))
            last = middle
        else:
            spans.append((first, middle))
            first = middle
    return _span_hashes(read, list(reversed(spans)))


def consistency_proof(read: NodeReader, old: int, new: int) -> list[bytes]:
    """Returns PROOF(old, D[new]) of RFC 6962 section 2.1.2."""
    if not 0 < old <= new:
        raise ValueError("the old size must be between 1 and the new size")
    spans: list[Span] = []
    first, last, on_old_root = 0, new, True
    while old != last:
        middle = first + _split(last - first)
        if old <= middle:
            spans.append((middle, last))
            last = middle
        else:
            spans.append((first, middle))
            first, on_old_root = middle, False
    if not on_old_root:  # the verifier knows the old root already
        spans.append((first, last))
    return _span_hashes(read, list(reversed(spans)))


def _split(length: int) -> int:
    """The largest power of two smaller than *length* (k in RFC 6962)."""
    return 1 << ((length - 1).bit_length() - 1)


def fold(hashes: Sequence[bytes]) -> bytes:
    """Returns the hash over perfect subtrees, given left to right; at least one."""
    *rest, current = hashes
    for left in reversed(rest):
        current = node_hash(left, current)
    return current


def _span_hashes(read: NodeReader, spans: Sequence[Span]) -> list[bytes]:
    """Hashes every span after a single read of all nodes involved."""
    keys = [peaks(first, last) for first, last in spans]
    nodes = read([key for group in keys for key in group])
    return [fold([nodes[key] for key in group]) for group in keys]
