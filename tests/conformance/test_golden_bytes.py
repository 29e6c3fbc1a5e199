"""
The bytes that are hashed and signed, for ever: checked-in vectors, made by make_golden.

A log of today has to verify in ten years. A failure here means that it would not.
"""

import hashlib
import json

import pytest

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.audit import chain, events, verify
from breakglass.audit.verify import Report, StoredEntry
from breakglass.models import AuditEntry, Intent
from breakglass.queries.postmortems import history
from breakglass.rules.gate_health import DEFAULTS
from breakglass.rules.sources import Sources
from breakglass.services import comments, deploys, reminders, requests, sweeps
from breakglass.services import grants as grant_services
from breakglass.services.approving import approvals, signatures
from breakglass.services.gates import (
    asking,
    findings,
    health,
    machines,
    registry,
    terms,
    tokens,
)
from breakglass.services.hooks import addresses
from breakglass.services.logs import reanchoring, sealing, standings
from breakglass.services.logs.outside import Published, Tail
from breakglass.services.people import accounts as people
from breakglass.services.people import identities, roles, sign_ins
from breakglass.services.postmortems import handing as postmortem_handing
from breakglass.services.postmortems import reviews as postmortem_reviews
from breakglass.services.postmortems import writing
from breakglass.services.provenance import giving, trusting
from breakglass.services.tenancy import channels, policies, proposals, tenants
from breakglass.states import DeployState, FindingKind, ReviewOutcome
from tests import authenticator, database, factories, fallback
from tests.conformance import make_golden
from tests.flows.services import steps

GOLDEN = {
    name: json.loads((make_golden.FOLDER / f"{name}.json").read_text())
    for name in ("request", "statements", "entries")
}
ENTRIES = GOLDEN["entries"]
VECTORS = [GOLDEN["request"], *GOLDEN["statements"].values(), *ENTRIES]


def spelled(value):
    """RFC 8785 for our subset (no floats), written down without the library."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{spelled(k)}:{spelled(value[k])}" for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelled, value)) + "]"
    assert value is None or type(value) in (str, int, bool), "no floats in the log"
    return json.dumps(value, ensure_ascii=False)


def test_the_code_still_makes_every_vector():
    made = {
        "request": make_golden.request(),
        "statements": make_golden.all_statements(),
        "entries": make_golden.entries(),
    }

    assert made == GOLDEN


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["bytes"][:40])
def test_the_bytes_of_a_vector_are_canonical_by_an_independent_writer(vector):
    assert spelled(vector["content"]) == vector["bytes"]
    assert chain.canonical(vector["content"]) == vector["bytes"].encode()


@pytest.mark.parametrize(
    "vector", ENTRIES, ids=lambda vector: vector["content"]["event"]
)
def test_the_hash_of_an_entry_is_that_of_an_independent_computation(vector):
    raw = vector["bytes"].encode()

    independent = hashlib.sha256(b"breakglass/audit-entry/v1\x0a" + raw).hexdigest()

    assert chain.entry_hash(raw).hex() == vector["hash"] == independent


def test_the_digest_of_a_request_is_the_plain_sha256_of_its_bytes():
    vector = GOLDEN["request"]
    digest = hashlib.sha256(vector["bytes"].encode()).hexdigest()

    assert vector["sha256"] == digest
    for kind in ("approval", "grant"):
        subject = GOLDEN["statements"][kind]["content"]["subject"][0]
        assert subject["digest"]["sha256"] == digest


def test_the_vectors_hold_every_event_once_and_no_other():
    assert sorted(v["content"]["event"] for v in ENTRIES) == sorted(events.ALL)


def rows():
    for vector in ENTRIES:
        content = vector["content"]
        yield StoredEntry(
            seq=content["seq"],
            body=vector["bytes"].encode(),
            prev_hash=bytes.fromhex(content["prev"]),
            entry_hash=bytes.fromhex(vector["hash"]),
            at=content["at"],
            event=content["event"],
            actor=content["actor"]["name"],
            bypass_id=content["bypass_id"],
        )


def test_the_vectors_are_one_chain_that_verifies():
    report = Report()

    seen = list(verify.walk(rows(), tenant_id=make_golden.TENANT["id"], report=report))

    assert report.findings == []
    assert seen[-1].seq == len(events.ALL)


@pytest.fixture
def signs_here(monkeypatch):
    """Real signatures inside the test's transaction, see steps.sign_here."""
    monkeypatch.setattr(
        signatures, "fulfil", lambda *, intent, **_: steps.sign_here(intent)
    )


@pytest.fixture
def checkpoints(settings, tmp_path):
    settings.CHECKPOINT_DIR = str(tmp_path)
    fallback.seal(settings, tmp_path)


def shape(value):
    """
    The keys of a body at every depth; what stands in a list counts once.

    A finding's details are those of its kind, so their keys are none of the event's.
    """
    if isinstance(value, dict):
        named = {**value, "details": ""} if "details" in value else value
        return {key: shape(inner) for key, inner in named.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return ""


def live_through(acme, who, gate):
    """One life of everything: administration, three requests, two grants."""
    administer(acme, who, gate)
    requests.withdraw(
        tenant=acme,
        bypass_id=factories.request(acme, who.oncall, gate).bypass_id,
        requester=who.oncall,
    )
    refused = factories.request(acme, who.oncall, gate)
    named = {"tenant": acme, "bypass_id": refused.bypass_id}
    reminders.remind(**named, requester=who.oncall, group="peers")
    comments.comment(**named, person=who.peer, text="Half of the users recovered.")
    sweep()
    database.advance(601)
    sweep()  # nobody answered: escalated
    steps.commit(factories.intend(refused, who.peer), who.peer)  # too late: dropped
    approvals.reject(
        tenant=acme,
        bypass_id=refused.bypass_id,
        approver=who.peer,
        digest=refused.digest_hex,
        comment="Not now.",
    )
    factories.request(acme, who.oncall, gate)
    short = steps.grant(acme, who, gate)
    for name in ("one", "two"):
        assert steps.verdict(steps.ask(gate, name))[0] == "bypass"
    deploys.finish(gate=gate, deploy_id="one", state=DeployState.SUCCEEDED)
    grant_services.revoke(
        tenant=acme,
        bypass_id=short.request.bypass_id,
        person=who.oncall,
        reason="It works again.",
    )
    fallback.allow(acme, "low")
    fallback.grant(acme, who, gate, service="ledger")
    steps.grant(acme, who, gate, ttl=steps.QUARTER * 16)
    steps.ask(gate, "three", artifact=steps.DIGEST)
    giving.give(gate=gate, deploy_id="three", bundle=b"{}")
    answer_a_finding(acme, who, gate)
    database.advance(4 * 3600 - 60)
    write_up(acme, who.oncall, short.request.bypass_id)
    database.advance(120)
    sweep()
    database.advance(30 * 24 * 3600)
    sweep()  # what the fallback's grant owed is flagged
    sweep()  # and countersigned all the same


def administer(acme, who, gate):
    admin = who.admin.as_actor()
    words = {"tenant": acme, "actor": OPERATOR, "name": "Acme", "is_active": True}
    tenants.change(**words, policy_needs_second_admin=True)
    draft = policies.new_draft(tenant=acme, author=None)
    proposals.propose(policy_id=draft.pk, person=who.admin)
    policies.discard_draft(policy_id=draft.pk, actor=admin)
    tenants.change(**words, policy_needs_second_admin=False)
    tenants.change(tenant=acme, actor=admin, name="Acme Ltd", is_active=True)
    role = roles.create(
        tenant=acme,
        slug="extra",
        name="Extra",
        tenant_permissions=["view_tenant"],
        gate_permissions=["view_gate"],
        actor=admin,
    )
    roles.change(
        role=role,
        name="More",
        tenant_permissions=["view_tenant"],
        gate_permissions=["view_gate"],
        actor=admin,
    )
    roles.add_member(role=role, user=who.auditor, actor=admin)
    roles.remove_member(role=role, user=who.auditor, actor=admin)
    people.deactivate(user=who.auditor, actor=OPERATOR)
    sign_ins.record_password(user=who.senior)
    authenticator.remove(who.senior, authenticator.enrol(who.senior))
    link = {"issuer": "https://idp.example", "actor": OPERATOR}
    identities.link(user=who.senior, subject="s-1", **link)
    gone = identities.link(user=who.senior, subject="s-2", **link)
    identities.unlink(identity_id=gone.pk, reason="Old", actor=OPERATOR)
    words = {"reason": "Both are hers", "actor": OPERATOR}
    identities.merge(keep=who.senior, merged=who.auditor, **words)
    registry.change(
        gate=gate,
        actor=admin,
        name="Deploys",
        environment="",
        data_class="",
        is_active=True,
    )
    tokens.issue(gate=gate, actor=admin)
    old = gate.tokens.get().pk
    tokens.rotate(gate=gate, token_id=old, actor=admin)
    tokens.revoke(gate=gate, token_id=old, actor=admin)
    machine = factories.machine(gate)
    machines.remove(gate=gate, public_id=machine.public_id, actor=admin)
    spare = factories.gate(acme, "spare")
    words = {"kind": "gitlab_ci", "owner": None, "service": "checkout"}
    registry.describe(gate=spare, actor=admin, **words)
    terms.set_terms(gate=spare, at_close="finish", silent_minutes=5, actor=admin)
    asking.set_asking(gate=spare, cache_seconds=9, sources=Sources(), actor=admin)
    trusting.trust(
        gate=spare,
        identity="builder@ci.acme.example",
        issuer="https://ci.acme.example",
        root="",
        actor=admin,
    )
    registry.retire(gate=spare, reason="The pipeline moved.", actor=admin)
    for digest in ("sha256:aa", "sha256:bb"):
        registry.heartbeat(gate=gate, config_digest=digest)
    words = {"gate": gate, "url": "https://hooks.acme.example/in", "is_active": True}
    made = addresses.store(tenant=acme, name="pipelines", actor=admin, **words)
    addresses.rotate(tenant=acme, webhook_id=made.webhook.pk, actor=admin)
    addresses.stop(webhook=made.webhook, why="it answered 410")
    channels.save(
        tenant=acme,
        kind="slack",
        name="#ops",
        url="slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        is_active=False,
        actor=admin,
    )


def answer_a_finding(acme, who, gate):
    admin = {"tenant": acme, "person": who.admin}
    health.set_terms(tenant=acme, thresholds=DEFAULTS, actor=who.admin.as_actor())
    unused = {"unused": 3, "closed": 5, "threshold": 3, "days": 30}
    found = findings.open_finding(
        gate=gate, kind=FindingKind.BYPASS_UNUSED, details=unused
    )
    findings.hand_over(**admin, public_id=found.public_id, to=who.peer)
    findings.close(**admin, public_id=found.public_id, reason="It asks for less now.")


def write_up(acme, person, bypass_id):
    body = (
        "## Summary\nIt broke.\n## Why a bypass was needed\nSo.\n## What changes\nAll."
    )
    writing.save_draft(
        tenant=acme,
        bypass_id=bypass_id,
        person=person,
        body=body,
        action_items=[writing.ActionItemInput("Add an alarm", "", is_done=False)],
        no_action_reason="",
        gate_blamed="partly",
        revision=0,
    )
    about = {"tenant": acme, "bypass_id": bypass_id}
    members = {one.email: one for one in history.members_of(tenant=acme)}
    other = members["senior@acme.example"]
    handing, reviews = postmortem_handing, postmortem_reviews
    handing.hand_over(**about, person=person, to=other.public_id, note="")
    handing.hand_over(**about, person=other, to=person.public_id, note="")
    reviews.ask(**about, person=person, reviewers=[other.public_id])
    words = {"outcome": ReviewOutcome.CHANGES_ASKED, "comment": "Why?", "revision": 1}
    reviews.end(**about, person=other, **words)
    writing.publish(**about, person=person)
    handing.tick(**about, person=person, position=1, is_done=True)
    handing.add_note(**about, person=other, text="Later.")


def sweep():
    """All of them, one by one: `run_all` would close the test's connection."""
    for run in sweeps.SWEEPS.values():
        run()


def test_what_the_services_write_has_the_shape_of_its_vector(
    acme, people, gate, signs_here, checkpoints
):
    live_through(acme, people, gate)
    wanted = {v["content"]["event"]: shape(v["content"]) for v in ENTRIES}
    written = {
        row.event: shape(json.loads(bytes(row.body)))
        for row in AuditEntry.objects.filter(tenant=acme).order_by("seq")
    }

    # The first lost deploy needs a grant longer than any: see test_a_lost_deploy.
    # A log is re-anchored after a break: see test_a_reanchored_log.
    elsewhere = {"evidence.exported", "deploy.lost", "log.reanchored"}
    assert set(wanted) - set(written) == elsewhere
    odd = {
        event: (found, wanted[event])
        for event, found in written.items()
        if drop_lists(found) != drop_lists(wanted[event])
    }
    assert odd == {}


def drop_lists(value):
    """A list may be empty in one of the two; what it holds is compared elsewhere."""
    if isinstance(value, dict):
        return {key: drop_lists(inner) for key, inner in value.items()}
    return "" if isinstance(value, list) else value


def test_a_lost_deploy_has_the_shape_of_its_vector(acme, people, gate, settings):
    settings.DEPLOY_REPORT_DEADLINE = steps.QUARTER / 3
    steps.grant(acme, people, gate)
    steps.ask(gate, "lost")
    database.advance(301)
    sweeps.SWEEPS["revert_deploys"]()

    row = AuditEntry.objects.get(tenant=acme, event="deploy.lost")
    vector = next(v for v in ENTRIES if v["content"]["event"] == "deploy.lost")
    assert shape(json.loads(bytes(row.body))) == shape(vector["content"])


def test_a_reanchored_log_has_the_shape_of_its_vector(acme, people, monkeypatch):
    factories.join(acme, people.senior, "admins")
    newest = Published(999, b"\xab" * 32, b"", None)
    monkeypatch.setattr(
        reanchoring.outside, "tail_of", lambda _tenant: Tail(newest, damaged=False)
    )
    standings.make_read_only(tenant=acme, reason="A backup was restored.")
    words = {"tenant": acme, "authenticated_at": clock.db_now()}
    made = reanchoring.propose(**words, person=people.admin, reason="The disk failed.")
    reanchoring.confirm(**words, person=people.senior, proposal_id=made.pk)

    row = AuditEntry.objects.get(tenant=acme, event="log.reanchored")
    vector = next(v for v in ENTRIES if v["content"]["event"] == "log.reanchored")
    assert shape(json.loads(bytes(row.body))) == shape(vector["content"])


def test_a_real_request_and_real_statements_have_the_shape_of_their_vectors(
    acme, people, gate, checkpoints
):
    granted = steps.grant(acme, people, gate)
    sealing.seal_due()

    body = json.loads(bytes(granted.request.body))
    assert shape(body) == shape(GOLDEN["request"]["content"])
    for kind in ("approval", "grant", "checkpoint"):
        intent = Intent.objects.filter(tenant=acme, kind=kind).latest("pk")
        made = json.loads(bytes(intent.statement))
        assert shape(made) == shape(GOLDEN["statements"][kind]["content"]), kind
    assert granted.starts_at <= clock.db_now()
