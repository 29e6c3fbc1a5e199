"""Approving, end to end with real signatures: intend, confirm, what is recorded."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import transaction

from breakglass import clock
from breakglass.errors import (
    Conflict,
    DigestMismatch,
    InvalidInput,
    NotFound,
    NotPermitted,
    ReauthenticationRequired,
    SelfApproval,
    SigningFailed,
)
from breakglass.models import Approval, Bundle, Grant, Intent, PostMortem
from breakglass.services import approvals, counting, requests, signatures
from breakglass.signing import SignerIdentity
from breakglass.signing.keyless import signer_from_settings, verifier_from_settings
from breakglass.states import IntentState
from tests import factories
from tests.flows.services import steps

signs = pytest.mark.django_db(transaction=True)
STALE = timedelta(minutes=5)


def confirm(intent, person, *, authenticated_at):
    return approvals.confirm(
        intent_id=intent.public_id, approver=person, authenticated_at=authenticated_at
    )


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
        def sign(self, *, statement, identity):
            if fault == "other statement":
                other = json.loads(statement)
                other["predicate"]["ttl_seconds"] = 14400
                statement = json.dumps(other).encode()
            bundle = json.loads(honest.sign(statement=statement, identity=identity))
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


# ------------------------------------------------------------ the step-up


@pytest.mark.parametrize(
    "ago",
    [
        timedelta(hours=1),
        STALE,
        timedelta(microseconds=-1),
        timedelta(minutes=-10),
    ],
    ids=["an hour", "exactly five minutes", "from the future", "far in the future"],
)
def test_a_sign_in_that_is_not_fresh_records_nothing(
    acme, people, pending_request, stop_clock, ago
):
    intent = factories.intend(pending_request, people.peer)
    before = steps.size(acme)
    now = clock.db_now()
    stop_clock(now)

    with pytest.raises(ReauthenticationRequired):
        confirm(intent, people.peer, authenticated_at=now - ago)

    intent.refresh_from_db()
    assert (intent.state, intent.authenticated_at) == (IntentState.DRAFT, None)
    assert not Approval.objects.exists()
    assert steps.size(acme) == before
    # The same decision goes on from the draft once the person has signed in again.
    assert approvals.draft(intent_id=intent.public_id, approver=people.peer) == intent


@pytest.mark.parametrize("ago", [STALE - timedelta(microseconds=1), timedelta(0)])
def test_a_sign_in_of_just_under_five_minutes_is_fresh(
    people, pending_request, stop_clock, ago
):
    intent = factories.intend(pending_request, people.peer)
    now = clock.db_now()
    stop_clock(now)

    committed = approvals._commit(
        intent_id=intent.public_id, approver=people.peer, authenticated_at=now - ago
    )

    assert committed.state == IntentState.COMMITTED


def test_a_draft_that_waited_ten_minutes_is_over(people, pending_request, stop_clock):
    intent = factories.intend(pending_request, people.peer)
    stop_clock(intent.expires_at)

    with pytest.raises(Conflict, match="waited too long"):
        factories.confirm(intent, people.peer)

    assert approvals.resume_due() == 0
    intent.refresh_from_db()
    assert intent.state == IntentState.LAPSED
    with pytest.raises(NotFound):
        approvals.draft(intent_id=intent.public_id, approver=people.peer)
    with pytest.raises(Conflict, match="already lapsed"):
        factories.confirm(intent, people.peer)


def test_a_decision_is_confirmed_by_its_own_person_only(people, pending_request):
    intent = factories.intend(pending_request, people.peer)

    with pytest.raises(NotFound):
        factories.confirm(intent, people.admin)
    with pytest.raises(NotFound):
        approvals.draft(intent_id=intent.public_id, approver=people.oncall)


def test_a_newer_decision_replaces_the_persons_older_draft(people, high_request):
    old = factories.intend(high_request, people.approver1)
    other = factories.intend(high_request, people.approver2)
    new = factories.intend(high_request, people.approver1, ttl=steps.QUARTER)

    states = dict(Intent.objects.values_list("pk", "state"))
    assert states == {old.pk: "lapsed", other.pk: "draft", new.pk: "draft"}


def test_nobody_decides_again_while_their_signature_is_being_made(
    people, pending_request
):
    steps.commit(factories.intend(pending_request, people.peer), people.peer)

    with pytest.raises(Conflict, match="being signed"):
        factories.intend(pending_request, people.peer)


# ------------------------------------------------------------ what is decided upon


def test_a_decision_on_other_terms_than_those_on_record_is_refused(
    people, pending_request, high_request
):
    for digest in ("", "00" * 32, high_request.digest_hex):
        with pytest.raises(DigestMismatch):
            approvals.intend(
                tenant=pending_request.tenant,
                bypass_id=pending_request.bypass_id,
                approver=people.peer,
                digest=digest,
                ttl=None,
                comment="",
            )
        with pytest.raises(DigestMismatch):
            approvals.reject(
                tenant=pending_request.tenant,
                bypass_id=pending_request.bypass_id,
                approver=people.peer,
                digest=digest,
                comment="No.",
            )

    assert not Intent.objects.exists()


@pytest.mark.parametrize(
    "ttl",
    [
        timedelta(minutes=16),
        timedelta(hours=4),
        timedelta(seconds=59),
        timedelta(minutes=1, seconds=1),
        timedelta(minutes=-1),
    ],
    ids=str,
)
def test_an_approver_may_shorten_the_time_by_whole_minutes_and_never_extend_it(
    people, pending_request, ttl
):
    with pytest.raises(InvalidInput) as error:
        factories.intend(pending_request, people.peer, ttl=ttl)

    assert error.value.field == "ttl"


def test_a_comment_has_its_limits(people, pending_request):
    for comment in ("x" * 2001, "fine\x00", "fine \u202e"):
        with pytest.raises(InvalidInput) as error:
            factories.intend(pending_request, people.peer, comment=comment)
        assert error.value.field == "comment"


def test_the_shortest_time_of_all_approvers_is_granted(acme, people, gate):
    bypass = factories.request(
        acme, people.oncall, gate, impact="high", ttl=timedelta(hours=1)
    )
    steps.approve(bypass, people.approver1, ttl=timedelta(minutes=7))
    outcome = steps.approve(bypass, people.approver2)

    assert outcome.grant.ttl_seconds == 7 * steps.MINUTE
    assert outcome.grant.expires_at - outcome.grant.starts_at == timedelta(minutes=7)


# ------------------------------------------------------------ who may not approve


def test_the_person_who_asked_never_approves_through_any_role(
    acme, people, pending_request, high_request
):
    for group in ("designated-approvers", "named-seniors", "admins"):
        factories.join(acme, people.oncall, group)  # a peer already

    for bypass in (pending_request, high_request):
        with pytest.raises(SelfApproval):
            factories.intend(bypass, people.oncall)
        with pytest.raises(SelfApproval):
            approvals.reject(
                tenant=acme,
                bypass_id=bypass.bypass_id,
                approver=people.oncall,
                digest=bypass.digest_hex,
                comment="No.",
            )
    assert not Intent.objects.exists()


def test_only_members_of_the_tiers_groups_decide(acme, people, high_request, charlie):
    for other in (people.peer, people.senior, people.admin, people.security, charlie):
        with pytest.raises(NotPermitted, match="not in one of the groups"):
            factories.intend(high_request, other)

    with pytest.raises(NotFound):
        approvals.intend(
            tenant=factories.tenant_of(charlie),
            bypass_id=high_request.bypass_id,
            approver=charlie,
            digest=high_request.digest_hex,
            ttl=None,
            comment="",
        )


def test_a_machine_in_the_approving_group_decides_nothing(acme, pending_request):
    robot = factories.person("bot@acme.example", "Bot", kind="machine")
    factories.join(acme, robot, "peers")

    with pytest.raises(NotPermitted, match="Machines"):
        factories.intend(pending_request, robot)


def test_a_superuser_outside_the_groups_decides_nothing(acme, pending_request):
    root = factories.person("root@acme.example", "Root", is_staff=True)
    root.is_superuser = True
    root.save(update_fields=["is_superuser"])

    with pytest.raises(NotPermitted):
        factories.intend(pending_request, root)


# ------------------------------------------------------------ rejecting


def reject(bypass, person, comment="The risk is too high.", digest=None):
    return approvals.reject(
        tenant=bypass.tenant,
        bypass_id=bypass.bypass_id,
        approver=person,
        digest=digest or bypass.digest_hex,
        comment=comment,
    )


def test_a_rejection_ends_the_request_for_good(acme, people, high_request):
    steps.approve(high_request, people.approver1)

    ended = reject(high_request, people.approver2)

    assert (ended.state, ended.ended_by) == ("rejected", people.approver2)
    assert steps.events(acme)[-1] == "request.rejected"
    with pytest.raises(Conflict, match="already rejected"):
        factories.intend(high_request, people.approver2)
    with pytest.raises(Conflict, match="already rejected"):
        reject(high_request, people.approver2)
    assert not Grant.objects.exists()


def test_a_rejection_needs_a_reason(people, pending_request):
    for comment in ("", " \n ", "x" * 2001, "no\x00"):
        with pytest.raises(InvalidInput) as error:
            reject(pending_request, people.peer, comment)
        assert error.value.field == "comment"


def test_only_somebody_who_could_approve_can_reject(people, high_request, charlie):
    for other in (people.peer, people.admin, people.security, charlie):
        with pytest.raises(NotPermitted):
            reject(high_request, other)

    high_request.refresh_from_db()
    assert high_request.state == "pending"


def test_a_signature_that_arrives_after_a_rejection_is_refused(people, high_request):
    draft = factories.intend(high_request, people.approver1)
    intent = steps.commit(draft, people.approver1)
    bundle = steps.sign_here(intent)
    reject(high_request, people.approver2)

    with pytest.raises(Conflict, match="already rejected"):
        counting.record(intent=intent, bundle=bundle)

    intent.refresh_from_db()
    assert intent.state == IntentState.REFUSED
    assert not Approval.objects.exists()
