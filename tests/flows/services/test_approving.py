"""Approving, end to end with real signatures: intend, confirm, what is recorded."""

import json
from hashlib import sha256

import pytest
from django.db import transaction

from breakglass.errors import (
    Conflict,
    NotPermitted,
    SigningFailed,
)
from breakglass.models import Approval, Bundle, Grant, Intent, PostMortem
from breakglass.services import requests
from breakglass.services.approving import approvals, signatures
from breakglass.signing import SignerIdentity
from breakglass.signing.keyless import signer_from_settings, verifier_from_settings
from breakglass.states import IntentState
from tests import factories
from tests.flows.services import steps

signs = pytest.mark.django_db(transaction=True)


# ------------------------------------------------------------ the whole way, signed


@signs
def test_one_peer_grants_a_low_request_with_a_bundle_that_verifies(
    acme, people, pending_request
):
    outcome = factories.approve(pending_request, people.peer, comment="Go.")

    bundle = steps.bundle_of(outcome)
    intent = Intent.objects.get(bundle=bundle)
    statement = bytes(intent.statement)
    proven = verifier_from_settings().verify(
        bundle=bytes(bundle.bundle), statement=statement, email=people.peer.email
    )
    said = json.loads(proven.payload)
    assert proven.payload == statement
    assert proven.identity == bundle.identity == people.peer.email
    assert proven.issuer == bundle.issuer != ""
    assert bytes(bundle.sha256) == sha256(bytes(bundle.bundle)).digest()
    assert said["subject"] == [
        {
            "name": pending_request.bypass_id,
            "digest": {"sha256": pending_request.digest_hex},
        }
    ]
    assert said["predicate"]["verdict"] == "approve"
    assert said["predicate"]["approver"] == {
        "email": people.peer.email,
        "subject": str(people.peer.public_id),
    }
    assert said["predicate"]["comment_sha256"] == sha256(b"Go.").hexdigest()
    assert intent.state == IntentState.RECORDED
    assert outcome.grant is not None
    assert outcome.quorum.met


@signs
def test_the_second_approver_completes_the_quorum(acme, people, high_request):
    first = factories.approve(high_request, people.approver1)
    assert first.grant is None
    assert not Grant.objects.exists()
    assert not PostMortem.objects.exists()
    assert [need.count for need in first.quorum.missing] == [1]

    second = factories.approve(high_request, people.approver2)

    assert second.grant == Grant.objects.get()
    assert second.grant.quorum == 2
    assert PostMortem.objects.get() == second.grant.postmortem


@signs
def test_signing_inside_a_transaction_is_refused(people, pending_request):
    intent = factories.intend(pending_request, people.peer)

    with (
        pytest.raises(RuntimeError, match="inside a transaction"),
        transaction.atomic(),
    ):
        factories.confirm(intent, people.peer)

    assert Intent.objects.get().state == IntentState.DRAFT


@signs
def test_while_the_signing_service_is_down_nothing_counts_and_later_it_does(
    acme, people, pending_request, settings, advance
):
    before = steps.events(acme)
    url = settings.AUTHORITY_URL
    settings.AUTHORITY_URL = "http://127.0.0.1:9"
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(SigningFailed) as error:
        factories.confirm(intent, people.peer)
    intent.refresh_from_db()
    assert error.value.retryable
    assert (intent.state, intent.attempts) == (IntentState.COMMITTED, 1)
    assert not Bundle.objects.exists()
    assert not Approval.objects.exists()
    assert not Grant.objects.exists()
    assert steps.events(acme) == before
    assert approvals.resume_due() == 0, "not before the next try is due"

    advance(60)
    assert approvals.resume_due() == 0, "still down"
    assert Intent.objects.get().attempts == 2

    settings.AUTHORITY_URL = url
    advance(60)
    assert approvals.resume_due() == 1
    assert Grant.objects.get().request == pending_request
    assert steps.events(acme)[-2:] == ["request.approved", "grant.issued"]
    assert approvals.resume_due() == 0


@signs
def test_an_authority_whose_key_does_not_fit_signs_nothing(
    people, pending_request, settings, tmp_path
):
    settings.PORTAL_KEY = str(tmp_path / "no-such-key.pem")
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(SigningFailed) as error:
        factories.confirm(intent, people.peer)

    assert not error.value.retryable
    assert not Bundle.objects.exists()


@signs
def test_a_request_that_ended_during_the_outage_refuses_the_signature(
    people, pending_request, no_signing_service, advance
):
    intent = factories.intend(pending_request, people.peer)
    with pytest.raises(SigningFailed):
        factories.confirm(intent, people.peer)
    requests.withdraw(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        requester=people.oncall,
    )

    advance(60)
    assert approvals.resume_due() == 0

    intent.refresh_from_db()
    assert intent.state == IntentState.REFUSED
    assert intent.last_error == "the request has ended"
    assert not Approval.objects.exists()


@signs
def test_a_crash_after_signing_is_taken_up_from_the_stored_bundle(
    people, pending_request, no_signing_service, settings, authority_url, advance
):
    draft = factories.intend(pending_request, people.peer)
    intent = steps.commit(draft, people.peer)
    down, settings.AUTHORITY_URL = settings.AUTHORITY_URL, authority_url
    bundle = signatures.fulfil(intent=intent)
    settings.AUTHORITY_URL = down  # a second signature could not be made now

    advance(60)
    assert approvals.resume_due() == 1
    assert Approval.objects.get().bundle == bundle


@signs
def test_an_intent_in_the_hands_of_its_request_is_left_alone(people, pending_request):
    steps.commit(factories.intend(pending_request, people.peer), people.peer)

    assert approvals.resume_due() == 0
    assert Intent.objects.get().state == IntentState.COMMITTED


@signs
def test_confirming_twice_counts_once(acme, people, high_request):
    intent = factories.intend(high_request, people.approver1)
    factories.confirm(intent, people.approver1)

    with pytest.raises(Conflict, match="already recorded"):
        factories.confirm(intent, people.approver1)
    with pytest.raises(NotPermitted, match="already approved"):
        factories.intend(high_request, people.approver1)

    assert Approval.objects.count() == 1
    assert steps.events(acme).count("request.approved") == 1
    assert not Grant.objects.exists()


@signs
def test_a_signature_of_somebody_else_is_never_stored(people, pending_request):
    intent = steps.commit(factories.intend(pending_request, people.peer), people.peer)
    statement = bytes(intent.statement)
    stolen = signer_from_settings().sign(
        statement=statement,
        identity=SignerIdentity(
            subject=str(people.admin.public_id), email=people.admin.email
        ),
    )

    with pytest.raises(SigningFailed) as error:
        verifier_from_settings().verify(
            bundle=stolen, statement=statement, email=people.peer.email
        )

    assert error.value.stage == "verify"
    assert not Bundle.objects.exists()


@pytest.mark.parametrize("fault", ["other statement", "flipped byte", "no signature"])
@signs
def test_a_bundle_that_does_not_verify_is_never_stored(
    people, pending_request, monkeypatch, fault
):
    """The authority itself is untrusted here: what it sends back is spoiled."""
    honest = signer_from_settings()

    class Spoiler:
        def sign(self, *, statement, identity, id_token=None):
            if fault == "other statement":
                other = json.loads(statement)
                other["predicate"]["ttl_seconds"] = 14400
                statement = json.dumps(other).encode()
            bundle = json.loads(
                honest.sign(statement=statement, identity=identity, id_token=id_token)
            )
            envelope = bundle["dsseEnvelope"]
            if fault == "flipped byte":
                payload = envelope["payload"]
                envelope["payload"] = payload[:40] + "AAAA" + payload[44:]
            if fault == "no signature":
                envelope["signatures"] = []
            return json.dumps(bundle).encode()

    monkeypatch.setattr(signatures, "signer_from_settings", Spoiler)
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(SigningFailed) as error:
        factories.confirm(intent, people.peer)

    assert error.value.stage == "verify"
    assert not Bundle.objects.exists()
    assert not Approval.objects.exists()
    assert Intent.objects.get().state == IntentState.COMMITTED
