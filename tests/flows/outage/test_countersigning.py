"""What a grant of the fallback owes: the instance's signature within a day."""

import json
from hashlib import sha256

import pytest

from breakglass.models import AuditEntry, Bundle, Countersignature, Intent, Notification
from breakglass.services.approving import countersigning, signatures, standing_in
from breakglass.services.logs import sealing
from breakglass.services.telling import expansion
from breakglass.states import IntentState, SignedBy
from tests import fallback
from tests.flows.services import steps

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("sealed", "tolerant"),
]
DAY = 24 * 3600


@pytest.fixture
def granted(acme, people, gate, settings, tmp_path):
    """A grant of the fallback whose own statement the sealed key signed."""
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")
    grant = fallback.grant(acme, people, gate)
    intent = grant.statement
    signatures._record(intent=intent, bundle=fallback.sign_down(intent))
    return grant


@pytest.fixture
def instance_back(granted, signs_here):
    """The instance signed something of the portal's again: a checkpoint."""

    def _back():
        sealing.seal_due()
        signatures.sign_due()

    return _back


def countersign():
    """Two sweeps, as beat runs them: commit what can be signed, then sign it."""
    countersigning.countersign_due()
    signatures.sign_due()


def facts(tenant, event):
    rows = AuditEntry.objects.filter(tenant=tenant, event=event).order_by("seq")
    return [json.loads(bytes(row.body))["facts"] for row in rows]


def test_nothing_is_committed_before_the_instance_is_back(granted):
    assert countersigning.countersign_due() == 0
    assert Countersignature.objects.get().statement is None


def test_the_instance_signs_over_the_grants_own_bundle(acme, granted, instance_back):
    instance_back()
    countersign()

    owed = Countersignature.objects.get()
    bundle = Bundle.objects.get(intent=owed.statement)
    said = json.loads(bytes(owed.statement.statement))
    first = sha256(bytes(granted.statement.bundle.bundle)).hexdigest()
    assert bundle.signed_by == SignedBy.INSTANCE
    assert said["subject"] == [
        {"name": granted.request.bypass_id, "digest": {"sha256": first}}
    ]
    assert said["predicate"]["grant_bundle_sha256"] == first
    assert len(said["predicate"]["approval_bundles"]) == 2
    assert owed.signed_at is not None
    assert owed.flagged_at is None
    (entry,) = facts(acme, "grant.countersigned")
    assert entry["late"] is False
    assert entry["bundle_sha256"] == bytes(bundle.sha256).hex()
    assert facts(acme, "grant.unverified") == []


def test_running_everything_twice_countersigns_once(acme, granted, instance_back):
    instance_back()
    countersign()
    countersign()

    assert len(facts(acme, "grant.countersigned")) == 1
    assert Intent.objects.filter(kind="counter").count() == 1


def test_after_a_day_it_is_flagged_and_the_guardians_are_told(
    acme, people, granted, advance
):
    advance(DAY - 60)
    assert countersigning.countersign_due() == 0
    advance(120)

    assert countersigning.countersign_due() == 1
    assert countersigning.countersign_due() == 0

    assert len(facts(acme, "grant.unverified")) == 1
    expansion.expand_due()
    told = Notification.objects.filter(message__topic="grant.unverified")
    assert set(told.values_list("address", flat=True)) == {
        people.auditor.email,
        people.security.email,
    }
    assert "unverified" in told.first().subject


def test_a_late_signature_is_one_more_entry_and_the_flag_stays(
    acme, granted, instance_back, advance
):
    advance(DAY + 60)
    countersigning.countersign_due()
    flagged = Countersignature.objects.get().flagged_at

    instance_back()
    countersign()

    owed = Countersignature.objects.get()
    assert owed.signed_at is not None
    assert owed.flagged_at == flagged
    (entry,) = facts(acme, "grant.countersigned")
    assert entry["late"] is True
    assert len(facts(acme, "grant.unverified")) == 1


def test_a_deadline_that_no_sweep_saw_flags_all_the_same(
    acme, granted, instance_back, advance
):
    instance_back()
    countersigning.countersign_due()
    advance(DAY + 60)

    signatures.sign_due()

    assert Countersignature.objects.get().flagged_at is not None
    assert steps.events(acme).count("grant.unverified") == 1
    assert facts(acme, "grant.countersigned")[0]["late"] is True


def test_the_fallback_never_countersigns_itself(granted, instance_back):
    instance_back()
    countersigning.countersign_due()
    intent = Intent.objects.get(kind="counter")

    assert intent.state == IntentState.COMMITTED
    assert not standing_in.allowed(intent=intent)


def test_an_ordinary_grant_owes_nothing(acme, people, gate):
    steps.grant(acme, people, gate)

    assert not Countersignature.objects.exists()
