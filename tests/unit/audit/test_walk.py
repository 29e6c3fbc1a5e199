"""Walking a chain: each way to tamper with it is found, an honest one is not."""

import json
from datetime import timedelta

import pytest

from breakglass.audit import chain, verify
from breakglass.audit.verify import Anchor, Report
from tests.unit.audit import links
from tests.unit.audit.links import altered, findings, linked, rewritten

ALTERED = "was altered: its bytes do not have the hash on record"
UNLINKED = "does not link to the entry before it"
COLUMNS = "has columns that do not say what its bytes say"


def test_an_honest_chain_has_no_finding():
    assert findings(linked(6)) == []


def test_an_empty_chain_has_no_finding():
    assert findings([]) == []


def test_walking_yields_each_entry_with_its_hash_and_content():
    rows, report = linked(3), Report()

    seen = list(verify.walk(rows, tenant_id=links.TENANT, report=report))

    assert [c.seq for c in seen] == [1, 2, 3]
    assert [c.entry_hash for c in seen] == [row.entry_hash for row in rows]
    assert [c.content["facts"] for c in seen] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert report.entries == 3
    assert report.ok


@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_flipped_bit_is_named_once_at_its_entry(index):
    rows = linked(5)
    body = rows[index].body.replace(b"alice", b"alicf")

    found = findings(altered(rows, index, body=body))

    assert (index + 1, ALTERED) in found
    assert {seq for seq, _ in found} == {index + 1}


@pytest.mark.parametrize(
    "column",
    [
        {"event": "request.rejected"},
        {"actor": "mallory@acme.example"},
        {"bypass_id": "BG-000000"},
        {"at": chain.timestamp(links.START + timedelta(hours=1))},
    ],
)
def test_a_column_that_says_something_else_is_found(column):
    assert findings(altered(linked(4), 1, **column)) == [(2, COLUMNS)]


def test_a_missing_first_entry_is_found():
    found = findings(linked(4)[1:])

    assert found[0] == (1, "is missing: the next stored one is 2")
    assert (2, UNLINKED) in found


def test_a_missing_middle_entry_is_found():
    rows = linked(5)

    found = findings([*rows[:2], *rows[3:]])

    assert found == [(3, "is missing: the next stored one is 4"), (4, UNLINKED)]


def test_a_cut_off_end_is_not_found_by_the_chain_alone():
    """The honest limit: this is what checkpoints from outside are for."""
    assert findings(linked(5)[:4]) == []


def test_two_swapped_entries_are_found():
    rows = linked(5)
    rows[1], rows[2] = rows[2]._replace(seq=2), rows[1]._replace(seq=3)

    found = findings(rows)

    assert {seq for seq, _ in found} >= {2, 3}
    assert (2, "belongs to another place or tenant") in found


def test_a_repeated_entry_is_found():
    rows = linked(3)

    assert findings([*rows, rows[2]])


def test_an_entry_of_another_tenant_is_found():
    rows = linked(3)
    strange = rewritten(rows[2], tenant={"id": "another", "slug": "globex"})

    assert findings([*rows[:2], strange]) == [(3, "belongs to another place or tenant")]


def test_an_unknown_version_is_found():
    rows = linked(2)

    for other in ({"type": "breakglass/audit-entry/v0"}, {"legacy": True}):
        found = findings([rows[0], rewritten(rows[1], **other)])
        assert found == [(2, "is not an entry of a known version")]


def test_a_clock_that_went_back_is_found():
    rows = linked(3)
    early = rewritten(rows[2], at=chain.timestamp(links.START - timedelta(seconds=1)))

    assert findings([*rows[:2], early]) == [(3, "is older than the entry before it")]


@pytest.mark.parametrize(
    "respell",
    [
        lambda raw: json.dumps(json.loads(raw)).encode(),
        lambda raw: raw.replace(b'"seq":1', b'"seq":1,"seq":1'),
        lambda raw: raw.replace(b"alice", b"\\u0061lice"),
        lambda raw: raw + b"\n",
    ],
    ids=["spaces", "duplicate key", "escaped letter", "newline behind"],
)
def test_bytes_that_say_the_same_in_another_spelling_are_found(respell):
    row = linked(1)[0]
    raw = respell(row.body)

    found = findings([row._replace(body=raw, entry_hash=chain.entry_hash(raw))])

    assert (1, "holds bytes that are not canonical") in found


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"1e400"])
def test_bytes_that_are_no_entry_never_crash_the_walk(raw):
    row = linked(1)[0]

    found = findings([row._replace(body=raw, entry_hash=chain.entry_hash(raw))])

    assert found
    assert found[0][0] == 1


@pytest.mark.parametrize(
    "field",
    [{"actor": "alice"}, {"tenant": "acme"}, {"at": 5}, {"seq": "1"}, {"prev": 7}],
    ids=str,
)
def test_fields_of_another_shape_are_a_finding_and_no_crash(field):
    row = linked(1)[0]
    raw = chain.canonical({**json.loads(row.body), **field})

    found = findings([row._replace(body=raw, entry_hash=chain.entry_hash(raw))])

    assert found


def test_a_history_hashed_again_needs_a_checkpoint_to_be_found():
    """Without keys a forger can rewrite a whole chain; an anchor still knows."""
    rows = linked(5)
    forged = [rewritten(rows[0], facts={"n": 99})]
    for row in rows[1:]:
        forged.append(rewritten(row, prev=forged[-1].entry_hash))
    report = Report()
    hashes = {
        c.seq: c.entry_hash
        for c in verify.walk(forged, tenant_id=links.TENANT, report=report)
    }
    assert report.ok

    verify.check_anchors(
        [Anchor(size=3, head=rows[2].entry_hash)], hashes=hashes, report=report
    )

    assert [(f.seq, f.message) for f in report.findings] == [
        (3, "is not the one that its checkpoint sealed")
    ]


def test_a_log_shorter_than_its_checkpoint_is_found():
    rows, report = linked(5), Report()
    hashes = {row.seq: row.entry_hash for row in rows[:3]}

    verify.check_anchors(
        [Anchor(size=5, head=rows[4].entry_hash)], hashes=hashes, report=report
    )

    assert report.anchors == 1
    assert [f.seq for f in report.findings] == [5]


def test_a_log_that_extends_its_checkpoints_has_no_finding():
    rows, report = linked(5), Report()
    hashes = {row.seq: row.entry_hash for row in rows}
    anchors = [Anchor(size=row.seq, head=row.entry_hash) for row in rows[1:4]]

    verify.check_anchors(anchors, hashes=hashes, report=report)

    assert report.ok
    assert report.anchors == 3
