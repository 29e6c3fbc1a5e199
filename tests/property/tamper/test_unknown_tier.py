"""A request that names a tier which its policy lacks: damage like any other."""

import json
from hashlib import sha256

from breakglass.audit import chain
from tests.property.tamper.forger import Forger
from tests.standalone import verifier


def test_a_request_of_a_tier_that_its_policy_does_not_have_is_a_finding(worlds):
    world, unknown = worlds[0], "no-such-tier"
    forger, name = Forger(world), world.names.two
    frozen = json.loads(forger.base[f"requests/{name}.json"])
    raw = chain.canonical({**frozen, "tier": unknown})
    forger.base[f"requests/{name}.json"] = raw
    opened = forger.entry("request.opened", name)["facts"]
    opened["tier"], opened["digest"] = unknown, sha256(raw).hexdigest()
    granted = forger.index("grant.issued", name) + 1

    report = verifier.verify(forger.files(), trust=world.trust)

    said = {
        seq: message for seq, message in report.findings if "make no sense" in message
    }
    assert unknown in said[granted]


def test_one_of_a_kind_is_counted_in_the_singular():
    counted = verifier.counted

    assert counted(1, "approvals with a passkey") == "1 approval with a passkey"
    assert counted(1, "entries") == "1 entry"
    assert counted(1, "inclusion proofs") == "1 inclusion proof"
    assert counted(2, "approvals with a passkey") == "2 approvals with a passkey"
    assert counted(0, "entries") == "0 entries"
