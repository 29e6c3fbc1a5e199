"""Evidence of the fallback verifies away from home, and a forger of it is found."""

import json
from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from breakglass.models import Bundle, Countersignature
from breakglass.services.approving import countersigning, signatures
from breakglass.services.logs import exports, sealing
from breakglass.states import SignedBy
from tests import database, fallback
from tests.standalone import verifier
from tests.worlds import unpack

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sealed", "tolerant")]

DAY = 24 * 3600


@pytest.fixture
def homes(settings, tmp_path):
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")
    settings.EXPORT_DIR = str(tmp_path / "exports")


@pytest.fixture
def granted(acme, people, gate, homes, signs_here):
    """A grant of the fallback, with the sealed key's statement over it."""
    grant = fallback.grant(acme, people, gate)
    bundle = fallback.sign_down(grant.statement)
    signatures._record(intent=grant.statement, bundle=bundle)
    return grant


def countersign():
    for step in (sealing.seal_due, signatures.sign_due):
        step()
    countersigning.countersign_due()
    signatures.sign_due()


def taken(acme, people):
    """The files of an archive of the whole log."""
    made = exports.ask(
        tenant=acme, person=people.auditor, scope=exports.WHOLE_LOG, reason="Audit."
    )
    for step in (sealing.seal_due, signatures.sign_due, sealing.seal_due):
        step()
    exports.make_due()
    made.refresh_from_db()
    assert made.state == "ready", made.error
    return unpack(exports.path_of(made).read_bytes())


def checked(files, **how):
    return verifier.verify(files, trust=files["trust.json"], **how)


def test_countersigned_in_time_it_verifies_and_is_counted(acme, people, granted):
    countersign()
    assert Countersignature.objects.get().signed_at is not None

    report = checked(taken(acme, people))

    assert report.findings == []
    assert report.counts["grants under the outage fallback"] == 1
    assert report.counts["approvals with a passkey"] == 2


def test_flagged_and_countersigned_late_it_verifies_and_says_so(acme, people, granted):
    database.advance(DAY + 60)
    countersigning.countersign_due()
    countersign()
    debt = Countersignature.objects.get()
    assert debt.flagged_at is not None
    assert debt.signed_at is not None

    assert checked(taken(acme, people)).findings == []


def test_without_the_key_in_the_readers_trust_nothing_sealed_counts(
    acme, people, granted
):
    countersign()
    files = taken(acme, people)
    trust = {**json.loads(files["trust.json"]), "sealed_keys": []}

    report = verifier.verify(files, trust=json.dumps(trust).encode())

    assert any("does not know its key" in what for _, what in report.findings)
    assert any("without the approvals" in what for _, what in report.findings)


def test_a_spoiled_sealed_signature_is_found(acme, people, granted):
    countersign()
    files = taken(acme, people)
    sealed = Bundle.objects.filter(signed_by=SignedBy.SEALED_KEY).first()
    name = f"bundles/{bytes(sealed.sha256).hex()}.sigstore.json"
    bundle = json.loads(files[name])
    (signature,) = bundle["dsseEnvelope"]["signatures"]
    raw = bytearray(b64decode(signature["sig"]))
    raw[-1] ^= 1
    signature["sig"] = b64encode(bytes(raw)).decode()
    files[name] = json.dumps(bundle).encode()
    manifest = json.loads(files["manifest.json"])
    manifest["files"][name] = sha256(files[name]).hexdigest()
    files["manifest.json"] = json.dumps(manifest).encode()

    assert checked(files).findings
