"""The invariants of security.md 3.1, asked of the rows after every step."""

import json
from datetime import timedelta

from breakglass import clock
from breakglass.audit import chain, verify
from breakglass.audit.verify import Report, StoredEntry
from breakglass.models import (
    Approval,
    AuditEntry,
    BypassRequest,
    Deploy,
    Grant,
    PostMortem,
)
from breakglass.queries.postmortems import drafting
from breakglass.services import grants, requests
from breakglass.services.postmortems import opening
from tests import database
from tests.flows.services import steps

CLOSING = {"grant.expired": "expired", "grant.revoked": "revoked"}


def request_row(bypass_id):
    """The request as the pages would load it."""
    rows = BypassRequest.objects.select_related("tenant", "gate", "requester")
    return rows.get(bypass_id=bypass_id)


def after_every_step(machine):
    """Everything that must hold at any moment, whatever has happened."""
    content = chain_is_whole(machine)
    requests_agree(machine)
    approvals_are_by_others(machine)
    grants_agree(machine, content)
    deploys_agree(machine)
    gates_agree(machine)


def chain_is_whole(machine):
    """I-12, I-13: contiguous, linked, and every byte as it was hashed."""
    rows = AuditEntry.objects.filter(tenant=machine.acme).order_by("seq")
    report = Report()
    stored = (
        StoredEntry(
            seq=row.seq,
            body=bytes(row.body),
            prev_hash=bytes(row.prev_hash),
            entry_hash=bytes(row.entry_hash),
            at=chain.timestamp(row.at),
            event=row.event,
            actor=row.actor,
            bypass_id=row.bypass_id,
        )
        for row in rows
    )
    seen = list(
        verify.walk(stored, tenant_id=str(machine.acme.public_id), report=report)
    )
    assert report.findings == []
    assert [c.seq for c in seen] == list(range(1, len(seen) + 1))
    return [c.content for c in seen]


def requests_agree(machine):
    """I-07, I-08: one end, and no way out of it."""
    now = clock.db_now()
    rows = BypassRequest.objects.filter(tenant=machine.acme)
    states = dict(rows.values_list("bypass_id", "state"))
    assert set(states) == set(machine.world.asked)
    for bypass_id, state in states.items():
        asked = machine.world.asked[bypass_id]
        if asked.state == "pending" and state == "lapsed":
            assert asked.lapses_at <= now
            asked.state = "lapsed"
        assert state == asked.state, bypass_id


def approvals_are_by_others(machine):
    """I-02 to I-05: other people, once each, human, on exactly this digest."""
    seen = set()
    given = Approval.objects.filter(request__tenant=machine.acme)
    for row in given.select_related("request", "approver", "bundle__intent"):
        assert row.approver_id != row.request.requester_id
        assert row.approver.is_human
        assert bytes(row.digest) == bytes(row.request.digest)
        assert row.bundle.intent.signer_id == row.approver_id
        assert row.bundle.identity == row.approver.email
        key = (row.request.bypass_id, row.approver.email.partition("@")[0])
        assert key not in seen
        seen.add(key)
    told = {(a.bypass_id, who) for a in machine.world.asked.values() for who in a.yes}
    assert seen == told


def grants_agree(machine, content):
    """I-01, I-10, I-21, I-24: only by quorum, one entry, one end, one post-mortem."""
    issued = [c["bypass_id"] for c in content if c["event"] == "grant.issued"]
    closed = [
        (c["bypass_id"], CLOSING[c["event"]]) for c in content if c["event"] in CLOSING
    ]
    rows = Grant.objects.filter(tenant=machine.acme).select_related(
        "request", "postmortem"
    )
    now = clock.db_now()
    assert sorted(issued) == sorted(machine.world.granted)
    assert sorted(row.request.bypass_id for row in rows) == sorted(issued)
    assert len({row.postmortem_id for row in rows}) == len(issued)
    assert PostMortem.objects.filter(tenant=machine.acme).count() == len(issued)
    for row in rows:
        known = machine.world.granted[row.request.bypass_id]
        assert (row.starts_at, row.expires_at) == (known.starts_at, known.expires_at)
        if known.state == "active" and row.state == "expired":
            assert known.expires_at <= now
            known.state = "expired"
        assert row.state == known.state
        ends = [state for name, state in closed if name == row.request.bypass_id]
        assert ends == ([] if known.state == "active" else [known.state])
        is_over = not known.in_force(now)
        assert not is_over or drafting.is_open(postmortem=row.postmortem, now=now)


def deploys_agree(machine):
    """I-16, I-17: nothing was let through outside a window, or after the close."""
    rows = Deploy.objects.filter(tenant=machine.acme).select_related(
        "grant__request", "gate"
    )
    for row in rows:
        grant = machine.world.granted[row.grant.request.bypass_id]
        assert grant.starts_at <= row.admitted_at < grant.expires_at
        assert (row.gate.slug, row.service) == (grant.asked.gate, grant.asked.service)
        if row.grant.closed_at is not None:
            assert row.admitted_at <= row.grant.closed_at
            assert row.state != "admitted", "a deploy outlived its grant"
    admitted = {(row.gate.slug, row.deploy_id) for row in rows}
    assert admitted == set(machine.deploys)
    for grant in machine.world.granted.values():
        limit = grant.max_deploys
        assert limit is None or len(grant.deploys) <= limit


def gates_agree(machine):
    """I-16, I-17, I-22: each gate, asked about each scope right now, knows it all."""
    if not machine.world.granted:
        return
    for slug, gate in machine.gates.items():
        for service in ("checkout", "payments"):
            # Time passes while it is asked; a grant may end meanwhile.
            could = machine.world.covering(slug, service, clock.db_now())
            answer = steps.ask(gate, "probe", service=service, dry_run=True)
            still = machine.world.covering(slug, service, clock.db_now())
            bypassed = steps.verdict(answer)[0] == "bypass"
            assert could or not bypassed, f"{service} passed {slug} without a grant"
            assert bypassed or not still, f"{service} was held at {slug}"


def at_the_end(machine):
    """Whatever was left open: time and the sweeps end it, and nothing is forgotten."""
    if not hasattr(machine, "world"):
        return
    database.advance(timedelta(days=1).total_seconds())
    for sweep in (grants.expire_due, requests.lapse_due, opening.open_due):
        sweep()
        assert sweep() == 0, "a sweep that ran has nothing left"
    after_every_step(machine)
    rows = Grant.objects.filter(tenant=machine.acme).select_related("postmortem")
    for row in rows:
        assert row.state in ("expired", "revoked")
        assert row.postmortem.state == "open"
    entries = AuditEntry.objects.filter(tenant=machine.acme)
    opened = entries.filter(event="postmortem.opened")
    assert opened.count() == rows.count()
    for entry in entries.filter(event="grant.issued"):
        facts = json.loads(bytes(entry.body))["facts"]
        assert len(set(facts["approvers"])) >= facts["quorum"] >= 1
