"""A chain made of the pure parts, as rows would hold it, for walking and breaking."""

import json
from datetime import UTC, datetime, timedelta

from breakglass.audit import chain, verify
from breakglass.audit.verify import Report, StoredEntry

TENANT = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
START = datetime(2026, 11, 22, 2, 41, 7, 120000, tzinfo=UTC)
ALICE = {"kind": "user", "id": "u-1", "name": "alice@acme.example"}


def body(seq, prev, *, at=START, facts=None, **fields):
    """The parsed content of one entry."""
    return {
        "type": chain.TYPE,
        "tenant": {"id": TENANT, "slug": "acme"},
        "seq": seq,
        "prev": prev.hex(),
        "at": chain.timestamp(at),
        "event": "request.opened",
        "actor": ALICE,
        "bypass_id": "BG-7Q4MZK",
        "facts": facts or {"n": seq},
        **fields,
    }


def stored(content, prev):
    """The row of that content, with honest columns."""
    raw = chain.canonical(content)
    return StoredEntry(
        seq=content["seq"],
        body=raw,
        prev_hash=prev,
        entry_hash=chain.entry_hash(raw),
        at=content["at"],
        event=content["event"],
        actor=content["actor"]["name"],
        bypass_id=content["bypass_id"],
    )


def linked(length, *, facts=None, start=1, prev=chain.GENESIS):
    """An honest chain; `facts` gives each entry's, by index."""
    rows = []
    for offset in range(length):
        seq = start + offset
        content = body(
            seq,
            prev,
            at=START + timedelta(seconds=offset),
            facts=facts[offset] if facts else None,
        )
        rows.append(stored(content, prev))
        prev = rows[-1].entry_hash
    return rows


def rewritten(row, prev=None, **fields):
    """The row with other content, hashed again as a forger without keys would."""
    content = {**json.loads(row.body), **fields}
    before = row.prev_hash if prev is None else prev
    content["prev"] = before.hex()
    return stored(content, before)


def altered(rows, index, **columns):
    """The rows with some columns of one changed and nothing else."""
    return [*rows[:index], rows[index]._replace(**columns), *rows[index + 1 :]]


def findings(rows, tenant_id=TENANT):
    """What walking over the rows finds, as (number, message)."""
    report = Report()
    list(verify.walk(rows, tenant_id=tenant_id, report=report))
    return [(finding.seq, finding.message) for finding in report.findings]
