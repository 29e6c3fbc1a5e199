"""The tree against the definitions and verification algorithms of RFC 6962 and 9162."""

import hashlib

import pytest

from breakglass import merkle
from breakglass.merkle import leaf_hash, node_hash

SIZE = 200


class Nodes(dict):
    """An in-memory node store that counts its reads."""

    reads = 0

    def read(self, keys):
        self.reads += 1
        return {key: self[key] for key in keys}


def mth(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word by word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return leaf_hash(entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return node_hash(mth(entries[:k]), mth(entries[k:]))


def included(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes | None:
    """RFC 9162 section 2.1.3.2: the root that the proof leads to."""
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def consistent(old, new, proof, old_root, new_root) -> bool:
    """RFC 9162 section 2.1.4.2."""
    if old == new:
        return old_root == new_root and not proof
    if old & (old - 1) == 0:
        proof = [old_root, *proof]
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


@pytest.fixture(scope="module")
def entries() -> list[bytes]:
    return [b"entry %d" % i for i in range(SIZE)]


@pytest.fixture(scope="module")
def nodes(entries) -> Nodes:
    stored = Nodes()
    for size, entry in enumerate(entries):
        heights = [stored[key] for key in merkle.peaks(0, size)]
        growth = merkle.grow(size, heights, leaf_hash(entry))
        assert growth.root == mth(entries[: size + 1])
        assert included(leaf_hash(entry), size, size + 1, growth.proof) == growth.root
        assert not growth.nodes.keys() & stored.keys(), "a node changed"
        stored.update(growth.nodes)
    return stored


def test_every_root_is_that_of_the_definition(nodes, entries):
    for size in range(SIZE + 1):
        assert merkle.root(nodes.read, size) == mth(entries[:size])


def test_every_leaf_is_proven_in_every_size(nodes, entries):
    for size in range(1, SIZE + 1):
        expected = merkle.root(nodes.read, size)
        for index in range(size):
            proof = merkle.inclusion_proof(nodes.read, index, size)
            assert included(leaf_hash(entries[index]), index, size, proof) == expected


def test_every_size_is_proven_a_prefix_of_every_later_one(nodes):
    roots = [merkle.root(nodes.read, size) for size in range(SIZE + 1)]
    for new in range(1, SIZE + 1):
        for old in range(1, new + 1):
            proof = merkle.consistency_proof(nodes.read, old, new)
            assert consistent(old, new, proof, roots[old], roots[new])


def test_a_proof_is_one_read(nodes):
    before = nodes.reads
    merkle.inclusion_proof(nodes.read, 77, 199)
    merkle.consistency_proof(nodes.read, 77, 199)
    assert nodes.reads == before + 2


def test_the_empty_tree_has_the_root_of_the_rfc():
    assert merkle.root(Nodes().read, 0) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_a_leaf_outside(nodes, index, size):
    with pytest.raises(ValueError, match="no such leaf"):
        merkle.inclusion_proof(nodes.read, index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_proof_between_impossible_sizes(nodes, old, new):
    with pytest.raises(ValueError, match="old size"):
        merkle.consistency_proof(nodes.read, old, new)
