"""
A thief of the portal's and the authority's keys rewrites a log, and signs it anew.

Chain, trees, checkpoints and signatures are all valid then, and nothing was kept
outside. What is left to find the forgery is the evidence: a grant needs its approvals.
"""

import json
from hashlib import sha256

import pytest

from breakglass.audit import chain
from breakglass.signing import statements
from tests.property.tamper.forger import PORTAL, Forger
from tests.standalone import verifier


def verdict(forger, world):
    """Returns the report of a reader to whom no checkpoint was given."""
    return verifier.verify(forger.files(), trust=world.trust)


def said(report):
    return " / ".join(message for _, message in report.findings)


@pytest.fixture
def world(worlds):
    return worlds[0]


@pytest.fixture
def forger(world):
    return Forger(world)


def test_a_forger_who_changes_nothing_is_not_found(forger, world):
    """The forger's own work is flawless: what the tests below find is their change."""
    report = verdict(forger, world)

    assert report.findings == []
    assert any("No checkpoint from outside" in text for text in report.unproven)


def actor_of(forger, event, bypass_id):
    return forger.entry(event, bypass_id)["actor"]


def forge_grant(forger, name, *, approvals=()):
    """Appends a grant of a pending request, as the portal would write it."""
    opened = forger.entry("request.opened", name)
    facts = {**forger.entry("grant.issued")["facts"]}
    for key in ("digest", "gate", "service", "branch", "artifact", "justification"):
        facts[key] = opened["facts"][key]
    facts["starts_at"] = forger.entries[-1]["at"]
    facts["ttl_seconds"] = 900
    facts["expires_at"] = verifier.later(facts["starts_at"], 900)
    facts["approvers"] = [who for who, _ in approvals]
    facts["approval_bundles"] = [bundle for _, bundle in approvals]
    facts["quorum"] = 1
    actor = forger.entry("request.approved")["actor"]
    forger.append("grant.issued", actor=actor, facts=facts, bypass_id=name)
    fit_rows(forger, name, facts)
    return facts


def fit_rows(forger, name, facts):
    """Makes the rows agree with the forged grant."""
    for row in forger.rows["requests"]:
        if row["bypass_id"] == name:
            row["state"] = "approved"
    like = next(row for row in forger.rows["grants"] if row["state"] == "active")
    shared = {key: facts[key] for key in like if key in facts}
    forger.rows["grants"].append(
        {**like, **shared, "bypass_id": name, "closed_at": None, "close_reason": ""}
    )
    forger.rows["postmortems"].append(
        {
            "bypass_id": name,
            "state": "scheduled",
            "due_at": facts["postmortem_due_at"],
            "revision": 0,
        }
    )


def forge_approval(forger, name, actor, *, signer):
    """Appends an approval that the person never gave, under a real certificate."""
    opened = forger.entry("request.opened", name)
    policy = json.loads(forger.base[f"requests/{name}.json"])["policy"]
    statement = statements.statement(
        name=name,
        sha256=bytes.fromhex(opened["facts"]["digest"]),
        predicate_type=statements.APPROVAL_TYPE,
        predicate={
            "verdict": "approve",
            "nonce": "forged",
            "bypass_id": name,
            "tenant": opened["tenant"]["id"],
            "approver": {"subject": actor["id"], "email": actor["name"]},
            "ttl_seconds": 900,
            "tier": opened["facts"]["tier"],
            "policy_version": policy["version"],
            "policy_digest": policy["digest"],
            "max_deploys": None,
            "digest_required": False,
            "comment_sha256": sha256(b"").hexdigest(),
            "decided_at": forger.entries[-1]["at"],
        },
    )
    bundle = forger.signed(statement, signer, actor["id"])
    facts = {
        **forger.entry("request.approved")["facts"],
        "digest": opened["facts"]["digest"],
        "ttl_seconds": 900,
        "comment": "",
        "statement_sha256": sha256(statement).hexdigest(),
        "bundle_sha256": bundle,
        "identity": signer,
        "passkey": None,
    }
    forger.append("request.approved", actor=actor, facts=facts, bypass_id=name)
    forger.rows["approvals"].append(
        {
            "bypass_id": name,
            "approver": actor["name"],
            "digest": facts["digest"],
            "ttl_seconds": 900,
            "bundle_sha256": bundle,
            "identity": signer,
            "issuer": facts["issuer"],
            "signed_by": "instance",
        }
    )
    return bundle


def test_a_grant_that_nobody_approved_is_found_though_the_portal_signed_it(
    forger, world
):
    """The negative control: real workload identity, no approver's evidence."""
    forge_grant(forger, world.names.pending)

    report = verdict(forger, world)

    assert "is a grant without the approvals that tier low needs" in said(report)
    assert report.first_bad == len(forger.entries)


def test_whose_approvals_a_thief_of_all_keys_can_make_the_report_says(forger, world):
    """
    The honest other half: against a tier without passkeys the embedded authority's
    keys make any approver's signature. No verifier can tell; this one says so.
    """
    peer = actor_of(forger, "request.approved", world.names.revoked)
    bundle = forge_approval(forger, world.names.pending, peer, signer=peer["name"])
    forge_grant(forger, world.names.pending, approvals=[(peer["name"], bundle)])

    report = verdict(forger, world)

    assert report.findings == []
    assert report.counts["approvals without a passkey"] == 3
    told = " ".join(report.unproven)
    assert "3 of 7 approvals carry no passkey" in told
    assert "not proven beyond the portal" in told


def test_the_portals_own_name_does_not_stand_for_an_approvers(forger, world):
    peer = actor_of(forger, "request.approved", world.names.revoked)
    bundle = forge_approval(forger, world.names.pending, peer, signer=PORTAL)
    forge_grant(forger, world.names.pending, approvals=[(PORTAL, bundle)])

    assert "signed by the portal, and has no passkey" in said(verdict(forger, world))


def test_nobody_approves_their_own_request(forger, world):
    oncall = actor_of(forger, "request.opened", world.names.pending)
    bundle = forge_approval(forger, world.names.pending, oncall, signer=oncall["name"])
    forge_grant(forger, world.names.pending, approvals=[(oncall["name"], bundle)])

    found = said(verdict(forger, world))

    assert "approves its own request" in found
    assert "is a grant without the approvals" in found


def test_two_accounts_of_one_person_are_not_two_people(forger, world):
    approver = actor_of(forger, "request.approved", world.names.two)
    requester = actor_of(forger, "request.opened", world.names.two)
    at = forger.index("request.opened", world.names.two)
    facts = {
        "kept": requester["name"],
        "kept_id": requester["id"],
        "merged": approver["name"],
        "merged_id": approver["id"],
        "reason": "The same person.",
    }
    forger.insert(at, "person.merged", actor=requester, facts=facts)

    assert "approves its own request" in said(verdict(forger, world))


def edit_grant(forger, world, **changes):
    forger.entry("grant.issued", world.names.two)["facts"].update(changes)


def passkey_of(forger, world):
    return forger.entry("request.approved", world.names.after)["facts"]["passkey"]


def drop(forger, event, bypass_id=""):
    del forger.entries[forger.index(event, bypass_id)]


def move(forger, event, behind, bypass_id):
    """Moves the first entry of an event behind another one."""
    moved = forger.entries.pop(forger.index(event))
    at = forger.index(behind, bypass_id) + 1
    moved["at"] = forger.entries[at - 1]["at"]
    forger.entries.insert(at, moved)


def take_passkeys_away(forger, world):
    for entry in forger.entries:
        if entry["event"] == "request.approved":
            entry["facts"]["passkey"] = None


def take_other_passkey(forger, world):
    other = forger.entry("request.approved", world.names.two)["facts"]["passkey"]
    forger.entry("request.approved", world.names.after)["facts"]["passkey"] = other


def spoil_signature(forger, world):
    given = passkey_of(forger, world)
    given["signature"] = given["signature"][:-4] + "AAAA"


def other_site(forger, world):
    given = passkey_of(forger, world)
    client = json.loads(verifier.unb64url(given["client_data"]))
    client["origin"] = "https://evil.example"
    given["client_data"] = chain.base64url(json.dumps(client).encode())


def nobody_there(forger, world):
    given = passkey_of(forger, world)
    data = bytearray(verifier.unb64url(given["authenticator_data"]))
    data[32] = 1
    given["authenticator_data"] = chain.base64url(bytes(data))


def revoke_before(forger, world):
    at = forger.index("request.approved", world.names.after)
    given = passkey_of(forger, world)
    actor = forger.entries[at]["actor"]
    facts = {"person": actor["name"], "id": actor["id"], "reason": "Lost."}
    facts["credential"] = given["credential"]
    forger.insert(at, "credential.revoked", actor=actor, facts=facts)


def shorten_cool_down(forger, world):
    facts = forger.entry("credential.enrolled")["facts"]
    facts["usable_from"] = forger.entry("credential.enrolled")["at"]


def role_taken_before(forger, world):
    at = forger.index("grant.issued", world.names.two)
    actor = forger.entry("request.approved", world.names.two)["actor"]
    facts = {"role": "designated-approvers", "person": actor["name"]}
    forger.insert(
        at, "role.member_removed", actor=actor, facts={**facts, "id": actor["id"]}
    )


def switched_off_before(forger, world):
    at = forger.index("grant.issued", world.names.two)
    actor = forger.entry("request.approved", world.names.two)["actor"]
    facts = {"person": actor["name"], "id": actor["id"], "is_active": False}
    forger.insert(at, "person.changed", actor=actor, facts=facts)


def other_request(forger, world):
    """The approval of one request, moved whole to another one."""
    taken = forger.entry("request.approved", world.names.revoked)
    entry = forger.entry("request.approved", world.names.pinned)
    entry["facts"], entry["actor"] = dict(taken["facts"]), taken["actor"]


def longer_approval(forger, world):
    forger.entry("request.approved", world.names.two)["facts"]["ttl_seconds"] = 900


def other_words(forger, world):
    forger.entry("request.opened", world.names.two)["facts"]["justification"] = "Other"


def looser_policy(forger, world):
    facts = forger.entry("policy.published")["facts"]
    for tier in facts["policy"]["tiers"]:
        tier["requirements"] = [{"group": "peers", "count": 1}]


def late_deploy(forger, world):
    facts = forger.entry("deploy.admitted", world.names.two)["facts"]
    facts["admitted_at"] = facts["expires_at"]


def deploy_after_close(forger, world):
    entry = forger.entries.pop(forger.index("deploy.finished", world.names.revoked))
    at = forger.index("grant.revoked", world.names.revoked)
    forger.entries.insert(at, {**entry, "at": forger.entries[at]["at"]})
    move(forger, "deploy.admitted", "grant.revoked", world.names.revoked)


def bigger_terms(forger, world):
    edit_grant(forger, world, max_deploys=None, digest_required=False, ttl_seconds=3600)


def hidden_fallback(forger, world):
    facts = forger.entry("request.approved", world.names.two)["facts"]
    facts["signed_by"] = "embedded"


def claimed_fallback(forger, world):
    edit_grant(forger, world, assurance="offline_quorum")


def reviewed_by_its_writer(forger, world):
    at = forger.index("postmortem.published", world.names.revoked)
    saved = forger.entry("postmortem.saved", world.names.revoked)
    facts = {**saved["facts"], "outcome": "done", "comment": ""}
    words = {"actor": saved["actor"], "bypass_id": world.names.revoked}
    forger.insert(at, "postmortem.review_ended", facts=facts, **words)


FORGERIES = {
    reviewed_by_its_writer: "found done by whoever wrote it",
    take_passkeys_away: "is a grant without the approvals that tier high needs",
    take_other_passkey: "a passkey's assertion that answers another challenge",
    spoil_signature: "a passkey's assertion that",
    other_site: "was made at https://evil.example",
    nobody_there: "without the person's presence and verification",
    revoke_before: "with a passkey that did not count at that time",
    shorten_cool_down: "counts before its cool-down",
    role_taken_before: "is a grant without the approvals that tier high needs",
    switched_off_before: "is a grant without the approvals that tier high needs",
    other_request: "was signed with other words",
    longer_approval: "was signed with other words: ttl_seconds",
    other_words: "says otherwise than its frozen request: justification",
    looser_policy: "publishes a policy that does not have its digest",
    late_deploy: "admits a deploy outside the grant's window",
    deploy_after_close: "admits a deploy after the grant was closed",
    bigger_terms: "is longer than was allowed",
    hidden_fallback: "hides that it rests on the outage fallback",
    claimed_fallback: "rests on an outage fallback that its policy forbids",
    lambda f, w: edit_grant(f, w, quorum=1): "claims a smaller quorum",
    lambda f, w: edit_grant(f, w, assurance="gold"): "an assurance that is not known",
    lambda f, w: edit_grant(f, w, approvers=[]): "names other approvers",
    lambda f, w: edit_grant(
        f, w, service="all"
    ): "something else than was asked: service",
    lambda f, w: drop(f, "credential.enrolled"): "was not enrolled before",
    lambda f, w: drop(f, "request.approved", w.names.two): "names other approvals",
    lambda f, w: drop(f, "postmortem.opened", w.names.two): "no post-mortem was opened",
    lambda f, w: drop(f, "grant.issued", w.names.two): "was never granted",
    lambda f, w: drop(f, "request.opened", w.names.two): "was never opened",
    lambda f, w: drop(f, "evidence.exported"): "was taken is not in the log",
    lambda f, w: drop(f, "grant.expired", w.names.two): "otherwise: closed_at",
}


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda f: FORGERIES[f][:60])
def test_the_evidence_finds_what_valid_signatures_cover_up(forger, world, forgery):
    forgery(forger, world)

    assert FORGERIES[forgery] in said(verdict(forger, world))
