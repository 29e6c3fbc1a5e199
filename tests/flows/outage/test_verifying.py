"""Evidence of the fallback verifies, and nothing of it can pass for the instance's."""

import json
from dataclasses import replace

import pytest

from breakglass.audit import verify
from breakglass.audit.verify import Checked, Report
from breakglass.models import AuditEntry, Bundle, Countersignature
from breakglass.services.approving import countersigning, signatures
from breakglass.services.logs import sealing, verification
from breakglass.services.logs.verifying import bundles
from breakglass.signing import sealed as room
from breakglass.states import SignedBy
from tests import database, fallback

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sealed", "tolerant")]


@pytest.fixture
def story(acme, people, gate, signs_here, settings, tmp_path):
    """A grant of the fallback, countersigned late: every kind of evidence there is."""
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")
    grant = fallback.grant(acme, people, gate)
    signatures._record(
        intent=grant.statement, bundle=fallback.sign_down(grant.statement)
    )
    database.advance(24 * 3600 + 60)
    sealing.seal_due()
    signatures.sign_due()
    countersigning.countersign_due()
    signatures.sign_due()
    assert Countersignature.objects.get().signed_at is not None
    return acme


def bundles_of(tenant):
    return list(bundles.stored(bundles.all_of(tenant)))


def messages(tenant):
    report = verification.verify_tenant(tenant=tenant)
    return [finding.message for finding in report.findings]


def test_the_whole_story_verifies(story):
    assert messages(story) == []
    origins = set(Bundle.objects.values_list("signed_by", flat=True))
    assert origins == {SignedBy.SEALED_KEY, SignedBy.INSTANCE}


def test_without_the_key_in_the_trust_file_it_does_not(story, sealed):
    room.list_path(sealed).unlink()

    assert any("lists no such sealed key" in message for message in messages(story))


def test_a_spoiled_sealed_bundle_is_found(story):
    bundle = Bundle.objects.filter(signed_by=SignedBy.SEALED_KEY).first()
    raw = bytes(bundle.bundle).replace(b'"sig":"', b'"sig":"AAAA')
    stored = next(one for one in bundles_of(story) if one.raw == bytes(bundle.bundle))
    report = Report()

    with bundles.checks(processes=1, expected=1) as checks:
        held = verify.check_bundles(
            [replace(stored, raw=raw)], verify=checks, report=report
        )

    assert held == {}
    assert len(report.findings) == 1


def test_a_checkpoint_signed_by_the_fallback_is_a_finding(story):
    stored = next(one for one in bundles_of(story) if one.kind == "checkpoint")
    report = Report()

    held = verify.check_bundles(
        [replace(stored, signed_by="sealed_key")],
        verify=verify.in_turn(lambda *_signed: None),
        report=report,
    )

    assert held == {}
    assert "is signed by sealed_key" in report.findings[0].message


def grant_entry(story, **changed):
    row = AuditEntry.objects.get(tenant=story, event="grant.issued")
    content = json.loads(bytes(row.body))
    content["facts"] |= changed
    return Checked(seq=row.seq, entry_hash=bytes(row.entry_hash), content=content)


def test_a_grant_that_hides_its_fallback_is_a_finding(story):
    report = Report()
    with bundles.checks(processes=1, expected=1) as checks:
        held = verify.check_bundles(bundles_of(story), verify=checks, report=report)

    verify.check_evidence(grant_entry(story), held=held, report=report)
    assert report.findings == []
    verify.check_evidence(
        grant_entry(story, assurance="sigstore"), held=held, report=report
    )

    assert "hides that its approvals are of the fallback" in (
        report.findings[0].message
    )
