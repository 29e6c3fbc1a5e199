"""What a deploy's provenance proves: by real bundles, verified away from decisions."""

import json
from pathlib import Path

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, InvalidInput, NotFound, SigningFailed
from breakglass.models import Deploy, Provenance
from breakglass.queries import flight
from breakglass.queries.postmortems import drafting
from breakglass.services.provenance import checking, giving, trusting
from breakglass.signing import SignerIdentity, keyless
from breakglass.signing.provenance import PREDICATES
from breakglass.signing.statements import statement
from tests.flows.services import steps

BUILDER = "builder@ci.acme.example"
DIGEST = bytes.fromhex(steps.DIGEST.removeprefix("sha256:"))


def signed(*, who=BUILDER, sha256=DIGEST, kind=PREDICATES[0]):
    """A provenance bundle that the embedded authority certified and logged."""
    raw = statement(
        name="checkout",
        sha256=sha256,
        predicate_type=kind,
        predicate={"runDetails": {"builder": {"id": "https://ci.acme.example/7"}}},
    )
    signer = keyless.signer_from_settings()
    return signer.sign(
        statement=raw, identity=SignerIdentity(subject="ci-7", email=who)
    )


@pytest.fixture
def grant(acme, people, gate):
    """A grant, with one deploy in flight that named its digest."""
    made = steps.grant(acme, people, gate)
    steps.ask(gate, "gha-1", artifact=steps.DIGEST)
    return made


@pytest.fixture
def trusted(gate, settings):
    return trusting.trust(
        gate=gate,
        identity=BUILDER,
        issuer=settings.SIGNING_ISSUER,
        root="",
        actor=OPERATOR,
    )


def give(gate, bundle, deploy_id="gha-1"):
    return giving.give(gate=gate, deploy_id=deploy_id, bundle=bundle)


def judged(gate, bundle):
    give(gate, bundle)
    assert checking.check_due() == 1
    return Provenance.objects.get()


def test_a_good_bundle_is_verified_and_on_record_in_the_log_and_the_post_mortem(
    acme, gate, grant, trusted
):
    found = judged(gate, signed())

    assert (found.state, found.identity) == ("verified", BUILDER)
    assert found.builder == "https://ci.acme.example/7"
    facts = steps.facts(acme, "provenance.checked")
    assert (facts["state"], facts["deploy_id"]) == ("verified", "gha-1")
    assert facts["bundle_sha256"] == bytes(found.bundle_sha256).hex()
    draft = drafting.draft_body(postmortem=grant.postmortem)
    assert f"provenance verified (signed by {BUILDER})" in draft
    assert checking.check_due() == 0, "it is judged once"


def test_a_deploy_without_one_says_so(gate, grant):
    assert flight.provenance_of(deploy=Deploy.objects.get()) == "absent"
    draft = drafting.draft_body(postmortem=grant.postmortem)
    assert "no provenance" in draft


def spoiled(bundle):
    content = json.loads(bundle)
    content["dsseEnvelope"]["payload"] = "e30="
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: signed(who="mallory@ci.acme.example"), "does not verify"),
        (lambda: signed(sha256=b"\x01" * 32), "another artefact"),
        (lambda: signed(kind="https://example.com/other/v1"), "no SLSA provenance"),
        (lambda: spoiled(signed()), "does not verify"),
        (lambda: b"{}", "does not verify"),
        (lambda: b"\xff" * 40, "bundle"),
    ],
    ids=["another name", "another artefact", "another kind", "spoiled", "empty", "odd"],
)
def test_what_does_not_hold_is_failed_with_its_reason_and_changes_no_decision(
    acme, gate, grant, trusted, make, why
):
    before = steps.verdict(steps.ask(gate, "gha-1", artifact=steps.DIGEST))

    found = judged(gate, make())

    assert (found.state, found.identity) == ("failed", "")
    assert why in found.reason
    assert steps.facts(acme, "provenance.checked")["reason"] == found.reason
    after = steps.verdict(steps.ask(gate, "gha-1", artifact=steps.DIGEST))
    assert before == after == ("bypass", "grant_in_force")


def test_another_issuer_is_another_name(gate, grant, trusted):
    trusting.trust(
        gate=gate,
        identity=BUILDER,
        issuer="https://accounts.example.com",
        root="",
        actor=OPERATOR,
    )

    assert judged(gate, signed()).state == "failed"


def test_without_anybody_trusted_it_fails_and_says_why(gate, grant):
    found = judged(gate, signed())

    assert (found.state, found.reason) == ("failed", str(checking.NOBODY_TRUSTED))


def test_a_root_of_its_own_is_used_and_a_malformed_one_refused(
    acme, gate, grant, settings
):
    words = {"identity": BUILDER, "issuer": settings.SIGNING_ISSUER, "actor": OPERATOR}
    for root in ("{}", "no JSON", "[" * 5000, "x" * 70_000):
        with pytest.raises(InvalidInput) as refused:
            trusting.trust(gate=gate, root=root, **words)
        assert refused.value.field == "root"
    root = Path(settings.TRUST_CONFIG).read_text()
    trusting.trust(gate=gate, root=root, **words)
    assert len(steps.facts(acme, "gate.trust_changed")["root_sha256"]) == 64

    assert judged(gate, signed()).state == "verified"


def test_while_the_installation_has_no_trust_config_it_waits(
    gate, grant, trusted, settings, tmp_path
):
    give(gate, signed())
    good = settings.TRUST_CONFIG
    settings.TRUST_CONFIG = str(tmp_path / "none.json")
    assert checking.check_due() == 0
    assert Provenance.objects.get().state == "waiting"
    settings.TRUST_CONFIG = good

    assert checking.check_due() == 1


def test_the_same_bundle_is_one_and_another_is_refused(gate, grant):
    first = give(gate, b"{}")
    assert give(gate, b"{}").pk == first.pk

    with pytest.raises(Conflict):
        give(gate, b"[]")
    assert bytes(Provenance.objects.get().bundle) == b"{}"


def test_it_is_about_a_deploy_of_this_gate_that_named_a_digest(
    acme, gate, database_gate, grant
):
    steps.ask(gate, "no-digest")
    with pytest.raises(InvalidInput, match="by digest"):
        give(gate, b"{}", "no-digest")
    with pytest.raises(NotFound):
        give(database_gate, b"{}")
    with pytest.raises(InvalidInput, match="larger"):
        give(gate, b"a" * (giving.BUNDLE_MAX + 1))
    assert not Provenance.objects.exists()


def test_what_breaks_the_parser_is_failed_and_holds_up_no_other(
    gate, grant, trusted, monkeypatch
):
    def broken(**_how):
        raise TypeError("a parser's own fault")

    monkeypatch.setattr(
        "breakglass.signing.provenance.KeylessVerifier.payload_of",
        lambda self, **how: broken(**how),
    )

    found = judged(gate, b"{}")

    assert (found.state, found.reason) == (
        "failed",
        "the bundle cannot be read (TypeError)",
    )
    with pytest.raises(SigningFailed):
        keyless.require_usable("{}")
