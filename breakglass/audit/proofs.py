"""
Inclusion proofs over a log's entry hashes: the Merkle tree of RFC 6962, in memory.

A part of a log is exported with them, so that whoever checks it needs one signed tree
root and not the entries that were left out.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


class Tree:
    """The tree over some leaves, whose perfect subtrees are hashed once."""

    def __init__(self, entry_hashes: Sequence[bytes]) -> None:
        self._levels = [[hashlib.sha256(_LEAF + one).digest() for one in entry_hashes]]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            pairs = zip(below[::2], below[1::2], strict=False)
            self._levels.append([_join(left, right) for left, right in pairs])

    def root(self, size: int) -> bytes:
        """Returns MTH(D[0:size]); the size is at least 1."""
        return self._span(0, size)

    def path(self, index: int, size: int) -> list[bytes]:
        """Returns PATH(index, D[0:size]), the leaf's sibling first."""
        if not 0 <= index < size <= len(self._levels[0]):
            msg = f"there is no leaf {index} in a tree of {size}"
            raise ValueError(msg)
        steps: list[bytes] = []
        first, last = 0, size
        while last - first > 1:
            middle = first + (1 << ((last - first - 1).bit_length() - 1))
            if index < middle:
                steps.append(self._span(middle, last))
                last = middle
            else:
                steps.append(self._span(first, middle))
                first = middle
        return steps[::-1]

    def _span(self, first: int, last: int) -> bytes:
        """Joins the perfect subtrees of a span that RFC 6962 names, left to right."""
        parts = []
        while first < last:
            level = (last - first).bit_length() - 1
            parts.append(self._levels[level][first >> level])
            first += 1 << level
        whole = parts.pop()
        while parts:
            whole = _join(parts.pop(), whole)
        return whole


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
