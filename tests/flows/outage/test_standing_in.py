"""Who signs while the instance is down, with real outages: dead ports and silence."""

import time
from datetime import timedelta

import pytest

from breakglass import clock
from breakglass.errors import SigningFailed
from breakglass.models import Approval, Assertion, Bundle, Grant, Intent
from breakglass.services.approving import approvals, signatures, standing_in
from breakglass.services.logs import sealing
from breakglass.signing import fallback as room
from breakglass.signing.keyless import signer_from_settings
from breakglass.states import Assurance, IntentState, SignedBy
from tests import database, factories, fallback
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)


def waits(intent):
    """Nothing was signed, and the intent will be taken up again."""
    intent.refresh_from_db()
    return (
        intent.state == IntentState.COMMITTED
        and intent.next_try_at is not None
        and not Bundle.objects.filter(intent=intent).exists()
        and not Approval.objects.exists()
    )


def test_the_sealed_key_signs_at_once_and_one_approver_is_not_enough(
    tolerant, people, pending_request, sealed, no_signing_service
):
    intent = factories.intend(pending_request, people.peer)

    outcome = fallback.confirm(intent, people.peer)

    bundle = Bundle.objects.get()
    assert bundle.signed_by == SignedBy.SEALED_KEY
    assert bundle.log_index is None
    assert outcome.grant is None
    assert (outcome.quorum.filled, outcome.quorum.needed) == (1, 2)
    assert not Grant.objects.exists()


def test_the_instance_is_given_less_time_when_something_stands_in(
    tolerant, people, pending_request, sealed, silent_service, monkeypatch
):
    monkeypatch.setattr(room, "INSTANCE_DEADLINE", timedelta(seconds=1))
    intent = factories.intend(pending_request, people.peer)
    started = time.monotonic()

    fallback.confirm(intent, people.peer)

    assert time.monotonic() - started < 6
    assert Bundle.objects.get().signed_by == SignedBy.SEALED_KEY


def test_the_instance_and_what_stands_in_fit_into_one_deadline(settings):
    together = room.INSTANCE_DEADLINE + room.EMBEDDED_DEADLINE

    assert together < settings.SIGNING_DEADLINE


def test_a_tier_that_blocks_waits_whatever_passkeys_there_are(
    acme, people, pending_request, sealed, no_signing_service
):
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(SigningFailed):
        fallback.confirm(intent, people.peer)

    assert waits(intent)


def test_without_a_passkey_it_waits_and_a_passkey_later_lets_it_go_on(
    tolerant, people, pending_request, sealed, no_signing_service
):
    intent = factories.intend(pending_request, people.peer)
    with pytest.raises(SigningFailed):
        factories.confirm(intent, people.peer)
    assert waits(intent)

    approvals.add_passkey(
        intent_id=intent.public_id,
        approver=people.peer,
        passkey=fallback.proof(intent, people.peer).passkey,
    )
    database.advance(60)

    assert approvals.resume_due() == 1
    assert Bundle.objects.get().signed_by == SignedBy.SEALED_KEY


def test_somebody_elses_passkey_helps_nobody(
    tolerant, people, pending_request, sealed, no_signing_service
):
    """The requester's own passkey beside the peer's approval, for one."""
    intent = steps.commit(factories.intend(pending_request, people.peer), people.peer)
    key = fallback.passkey(people.oncall)
    Assertion.objects.create(
        intent=intent,
        credential=key.credential,
        authenticator_data=b"data",
        client_data=b"{}",
        signature=b"signature",
        made_at=clock.db_now(),
    )

    with pytest.raises(SigningFailed):
        signatures.fulfil(intent=intent)

    assert waits(intent)


def test_without_anything_configured_it_waits(
    tolerant, people, pending_request, no_signing_service
):
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(SigningFailed):
        fallback.confirm(intent, people.peer)

    assert waits(intent)


def test_a_refusal_is_no_outage(tolerant, people, pending_request, sealed, settings):
    settings.PORTAL_KEY = str(sealed.parent / "nothing-here.pem")
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(SigningFailed) as error:
        fallback.confirm(intent, people.peer)

    assert not error.value.retryable
    assert waits(intent)


def test_a_bundle_that_does_not_verify_is_no_outage(
    tolerant, people, pending_request, sealed, monkeypatch
):
    honest = signer_from_settings()

    class Spoiler(type(honest)):
        def sign(self, *, statement, **who):
            spoiled = statement.replace(b'"approve"', b'"APPROVE"')
            return honest.sign(statement=spoiled, **who)

    spoiler = Spoiler(**{name: getattr(honest, name) for name in honest.__slots__})
    monkeypatch.setattr(signatures, "signer_from_settings", lambda: spoiler)
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(SigningFailed) as error:
        fallback.confirm(intent, people.peer)

    assert error.value.stage == "verify"
    assert waits(intent)


def test_the_embedded_authority_stands_in_for_another_instance_first(
    tolerant, people, pending_request, sealed, other_instance
):
    fallback.confirm(factories.intend(pending_request, people.peer), people.peer)

    bundle = Bundle.objects.get()
    assert bundle.signed_by == SignedBy.EMBEDDED
    assert bundle.log_index is not None


def test_with_the_embedded_authority_down_too_the_sealed_key_signs(
    tolerant, people, pending_request, sealed, other_instance, settings
):
    settings.AUTHORITY_URL = "http://127.0.0.1:9"

    fallback.confirm(factories.intend(pending_request, people.peer), people.peer)

    assert Bundle.objects.get().signed_by == SignedBy.SEALED_KEY


def test_when_the_instance_is_back_halfway_the_stricter_terms_stay(
    tolerant, people, peer2, pending_request, sealed, settings
):
    back = settings.AUTHORITY_URL
    settings.AUTHORITY_URL = "http://127.0.0.1:9"
    fallback.confirm(factories.intend(pending_request, people.peer), people.peer)
    settings.AUTHORITY_URL = back

    outcome = fallback.confirm(factories.intend(pending_request, peer2), peer2)

    origins = Bundle.objects.filter(approval__isnull=False).order_by("pk")
    assert list(origins.values_list("signed_by", flat=True)) == [
        SignedBy.SEALED_KEY,
        SignedBy.INSTANCE,
    ]
    assert outcome.grant.assurance == Assurance.OFFLINE_QUORUM
    assert outcome.grant.quorum == 2


def test_when_the_instance_fails_halfway_every_earlier_yes_needed_its_passkey(
    tolerant, people, high_request, sealed, settings
):
    """The first approved with a passkey while all was well: it goes on."""
    fallback.confirm(factories.intend(high_request, people.approver1), people.approver1)
    settings.AUTHORITY_URL = "http://127.0.0.1:9"

    outcome = fallback.confirm(
        factories.intend(high_request, people.approver2), people.approver2
    )

    assert outcome.grant is None
    assert (outcome.quorum.filled, outcome.quorum.needed) == (2, 3)


def test_an_earlier_yes_without_passkey_makes_it_wait_for_the_instance(
    tolerant, people, high_request, sealed, settings
):
    factories.approve(high_request, people.approver1)
    settings.AUTHORITY_URL = "http://127.0.0.1:9"
    intent = factories.intend(high_request, people.approver2)

    with pytest.raises(SigningFailed):
        fallback.confirm(intent, people.approver2)

    assert not Bundle.objects.filter(intent=intent).exists()
    assert Approval.objects.count() == 1


def test_a_grant_of_the_fallback_is_signed_at_once_and_a_checkpoint_waits(
    tolerant, people, peer2, pending_request, sealed, no_signing_service, tmp_path
):
    sealing.seal_due()
    for person in (people.peer, peer2):
        outcome = fallback.confirm(factories.intend(pending_request, person), person)
    assert Intent.objects.filter(kind="checkpoint", state="committed").exists()

    # More checkpoints wait than a sweep takes: the grant comes first all the same.
    assert signatures.sign_due(limit=1) == 1

    bundle = Bundle.objects.get(intent=outcome.grant.statement)
    assert bundle.signed_by == SignedBy.SEALED_KEY
    checkpoint = Intent.objects.filter(kind="checkpoint", tenant=tolerant).first()
    assert checkpoint.state == IntentState.COMMITTED
    assert not standing_in.allowed(intent=checkpoint)


def test_a_passkey_that_was_revoked_meanwhile_vouches_for_nobody(
    tolerant, people, pending_request, sealed, no_signing_service
):
    intent = fallback.commit(pending_request, people.peer)
    people.peer.credentials.update(revoked_at=clock.db_now())

    with pytest.raises(SigningFailed):
        signatures.fulfil(intent=intent)

    assert waits(intent)
