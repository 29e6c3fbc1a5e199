"""Generated histories: honest ones verify, no single change goes unseen."""

import json

from hypothesis import given
from hypothesis import strategies as st

from breakglass.audit import chain, verify
from breakglass.audit.verify import Anchor, Report
from tests.unit.audit import links
from tests.unit.audit.links import findings, linked, rewritten

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=8,
)
FACTS = st.dictionaries(TEXT, VALUES, max_size=4)
HISTORIES = st.lists(FACTS, min_size=1, max_size=6)


def spelled(value):
    """RFC 8785 for our subset (no floats), written down a second time."""
    match value:
        case None | bool():
            return json.dumps(value)
        case int():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{','.join(spelled(item) for item in value)}]"
        case dict():
            keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
            return f"{{{','.join(f'{spelled(k)}:{spelled(value[k])}' for k in keys)}}}"
    raise TypeError(value)


@given(VALUES)
def test_canonical_bytes_are_those_of_an_independent_writer(value):
    assert chain.canonical(value) == spelled(value).encode()


@given(VALUES)
def test_canonical_bytes_say_what_went_in_and_are_a_fixed_point(value):
    raw = chain.canonical(value)

    assert json.loads(raw) == value
    assert chain.canonical(json.loads(raw)) == raw


@given(HISTORIES)
def test_every_honest_history_verifies(history):
    assert findings(linked(len(history), facts=history)) == []


@given(HISTORIES, st.data())
def test_any_flipped_bit_of_any_entry_is_found_there(history, data):
    rows = linked(len(history), facts=history)
    index = data.draw(st.integers(0, len(rows) - 1), label="entry")
    body = bytearray(rows[index].body)
    place = data.draw(st.integers(0, len(body) - 1), label="byte")
    body[place] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    rows[index] = rows[index]._replace(body=bytes(body))

    assert index + 1 in {seq for seq, _ in findings(rows)}


@given(st.integers(2, 8), st.data())
def test_any_other_order_is_found(length, data):
    rows = linked(length)
    order = data.draw(
        st.permutations(rows).filter(lambda moved: moved != rows), label="order"
    )
    numbered = [row._replace(seq=seq) for seq, row in enumerate(order, start=1)]

    assert findings(order)
    assert findings(numbered), "not even with fresh numbers"


@given(st.integers(2, 8), st.data())
def test_any_hole_is_found_unless_it_is_the_end(length, data):
    rows = linked(length)
    index = data.draw(st.integers(0, length - 2), label="cut")

    assert findings([*rows[:index], *rows[index + 1 :]])


@given(st.integers(1, 8), st.data())
def test_any_end_that_was_cut_off_is_found_by_a_checkpoint(length, data):
    rows = linked(length)
    kept = data.draw(st.integers(0, length - 1), label="kept")
    report = Report()

    verify.check_anchors(
        [Anchor(size=length, head=rows[-1].entry_hash)],
        hashes={row.seq: row.entry_hash for row in rows[:kept]},
        report=report,
    )

    assert not report.ok


@given(HISTORIES, st.data())
def test_a_forger_who_hashes_everything_again_moves_the_head(history, data):
    """Which is all that a checkpoint has to remember."""
    rows = linked(len(history), facts=history)
    index = data.draw(st.integers(0, len(rows) - 1), label="entry")
    forged = [*rows[:index], rewritten(rows[index], facts={"forged": True})]
    for row in rows[index + 1 :]:
        forged.append(rewritten(row, prev=forged[-1].entry_hash))

    same = history[index] == {"forged": True}
    assert findings(forged) == []
    assert (forged[-1].entry_hash == rows[-1].entry_hash) is same


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_no_bytes_at_all_crash_the_walk(bodies):
    rows = [
        row._replace(body=raw, entry_hash=chain.entry_hash(raw))
        for row, raw in zip(linked(len(bodies)), bodies, strict=True)
    ]

    assert findings(rows)


@given(VALUES)
def test_no_json_at_all_crashes_the_walk(value):
    row = links.linked(1)[0]
    raw = chain.canonical(value)

    assert findings([row._replace(body=raw, entry_hash=chain.entry_hash(raw))])
