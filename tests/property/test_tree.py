"""The log's tree against the recursive definition of RFC 6962, word by word."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass.audit import tree
from breakglass.audit.tree import Frontier, Tree
from tests.unit.test_merkle import consistent, included, mth

SIZES = range(1, 131)
ENTRIES = [hashlib.sha256(b"entry %d" % number).digest() for number in range(130)]
WHOLE = Tree(ENTRIES)


@pytest.mark.parametrize("size", SIZES)
def test_root_and_peaks_are_those_of_the_definition(size):
    frontier = Frontier()
    frontier.add(ENTRIES[:size])

    assert frontier.root() == mth(ENTRIES[:size]) == WHOLE.root(size)
    assert len(frontier.packed()) == 32 * size.bit_count()


@pytest.mark.parametrize("size", SIZES)
def test_every_entry_is_proven_in_its_place_and_in_no_other(size):
    root = mth(ENTRIES[:size])
    for seq in range(1, size + 1):
        leaf = hashlib.sha256(b"\x00" + ENTRIES[seq - 1]).digest()
        proof = WHOLE.inclusion(seq=seq, size=size)

        assert included(leaf, seq - 1, size, proof) == root
        if size > 1:
            assert included(leaf, seq % size, size, proof) != root


@pytest.mark.parametrize("new", SIZES)
def test_every_older_tree_is_proven_to_be_its_beginning(new):
    root = mth(ENTRIES[:new])
    for old in range(1, new + 1):
        proof = WHOLE.consistency(old=old, new=new)

        assert consistent(old, new, proof, mth(ENTRIES[:old]), root)
        if old < new:
            assert not consistent(old, new, proof, bytes(32), root)


@given(st.lists(st.integers(0, 40), max_size=8))
def test_growing_in_steps_gives_what_growing_at_once_gives(steps):
    peaks, size, root = b"", 0, hashlib.sha256(b"").digest()
    entries = [hashlib.sha256(b"%d" % n).digest() for n in range(sum(steps))]
    for step in steps:
        peaks, root, size = tree.grow(peaks, size, entries[size : size + step])

    assert (size, root) == (len(entries), mth(entries))


@given(st.integers(0, 600), st.data())
def test_a_random_tree_proves_a_random_entry(size, data):
    entries = [hashlib.sha256(b"%d" % n).digest() for n in range(size + 1)]
    seq = data.draw(st.integers(1, size + 1))
    leaf = hashlib.sha256(b"\x00" + entries[seq - 1]).digest()
    proof = Tree(entries).inclusion(seq=seq)

    assert included(leaf, seq - 1, size + 1, proof) == mth(entries)


def test_peaks_of_another_size_are_refused():
    frontier = Frontier()
    frontier.add(ENTRIES[:5])

    with pytest.raises(ValueError, match="number of peaks"):
        tree.grow(frontier.packed(), 7, [])


@pytest.mark.parametrize(("seq", "size"), [(0, 3), (4, 3), (1, 131)])
def test_a_proof_of_what_is_not_there_is_refused(seq, size):
    with pytest.raises(ValueError, match=r"no such leaf|that many"):
        WHOLE.inclusion(seq=seq, size=size)


def test_an_empty_tree_has_the_root_of_the_standard():
    assert Frontier().root() == Tree([]).root() == hashlib.sha256(b"").digest()
