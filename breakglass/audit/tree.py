"""
The Merkle tree of RFC 6962 over one log's entry hashes. Pure.

A leaf holds the 32 bytes of an entry's hash. A checkpoint carries the root, so that
one entry can be shown to stand in the log without handing over the others. Each
checkpoint also keeps its peaks, the hashes of the perfect subtrees from left to right:
the next one grows from there and hashes new entries only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from breakglass import merkle

HASH_SIZE: Final = 32


@dataclass(slots=True)
class Frontier:
    """A tree's right edge: how many leaves it has, and its peaks."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, entry_hashes: Iterable[bytes]) -> None:
        """Adds leaves; two hashes each on average, however large the tree is."""
        peaks, size, sha = self.peaks, self.size, sha256
        for entry_hash in entry_hashes:
            current = sha(b"\x00" + entry_hash).digest()
            index = size
            while index & 1:
                current = sha(b"\x01" + peaks.pop() + current).digest()
                index >>= 1
            peaks.append(current)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Returns the root over what was added so far."""
        return merkle.fold(self.peaks) if self.peaks else merkle.EMPTY_ROOT

    def packed(self) -> bytes:
        """Returns the peaks as a checkpoint stores them."""
        return b"".join(self.peaks)


def unpacked(*, size: int, peaks: bytes) -> Frontier:
    """
    Returns the frontier that a checkpoint stored.

    Raises ValueError when there are not as many peaks as a tree of that size has.
    """
    if len(peaks) != HASH_SIZE * size.bit_count():
        msg = "a tree of that size has another number of peaks"
        raise ValueError(msg)
    cut = range(0, len(peaks), HASH_SIZE)
    return Frontier(size=size, peaks=[peaks[at : at + HASH_SIZE] for at in cut])


def grow(
    peaks: bytes, size: int, new_hashes: Iterable[bytes]
) -> tuple[bytes, bytes, int]:
    """Returns (peaks, root, size) of a stored tree after these entries were added."""
    frontier = unpacked(size=size, peaks=peaks)
    frontier.add(new_hashes)
    return frontier.packed(), frontier.root(), frontier.size


class Tree:
    """A whole log's tree in memory, for proofs: some 64 bytes an entry."""

    def __init__(self, entry_hashes: Sequence[bytes]) -> None:
        self.size = len(entry_hashes)
        level = [merkle.leaf_hash(entry_hash) for entry_hash in entry_hashes]
        self._levels = [level]
        while len(level) > 1:
            pairs = range(0, len(level) - 1, 2)
            level = [merkle.node_hash(level[at], level[at + 1]) for at in pairs]
            self._levels.append(level)

    def root(self, size: int | None = None) -> bytes:
        """Returns the root over the first `size` entries, or over all."""
        return merkle.root(self._read, self.size if size is None else size)

    def inclusion(self, *, seq: int, size: int | None = None) -> list[bytes]:
        """
        Returns the proof that entry `seq` stands in the first `size` entries.

        RFC 6962 counts leaves from 0 and the log from 1: the leaf index is seq - 1.
        Raises ValueError for an entry that is not among them.
        """
        wanted = self.size if size is None else size
        return merkle.inclusion_proof(self._read, seq - 1, self._known(wanted))

    def consistency(self, *, old: int, new: int | None = None) -> list[bytes]:
        """Returns the proof that the tree of `new` entries extends that of `old`."""
        wanted = self.size if new is None else new
        return merkle.consistency_proof(self._read, old, self._known(wanted))

    def _known(self, size: int) -> int:
        if size > self.size:
            raise ValueError("the log does not have that many entries")
        return size

    def _read(self, keys: Sequence[merkle.NodeKey]) -> dict[merkle.NodeKey, bytes]:
        return {key: self._levels[key[0]][key[1]] for key in keys}
