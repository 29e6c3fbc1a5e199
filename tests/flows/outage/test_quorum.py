"""A cut network never makes approval easier: one more, all with passkeys, an hour."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from breakglass.errors import Conflict, NotPermitted, PasskeyRequired, SelfApproval
from breakglass.models import Approval, AuditEntry, Countersignature, Grant, Intent
from breakglass.services import grants
from breakglass.services.approving import approvals, counting
from breakglass.states import Assurance, IntentState, SigningOutage
from tests import factories, fallback
from tests.flows.services import steps

pytestmark = pytest.mark.usefixtures("sealed", "tolerant")
FOUR_HOURS = timedelta(hours=4)


@pytest.fixture
def approver3(acme):
    found = factories.person("approver3@acme.example", "Third Approver")
    factories.join(acme, found, "designated-approvers")
    return found


def last_entry(tenant, event):
    row = AuditEntry.objects.filter(tenant=tenant, event=event).latest("seq")
    return json.loads(bytes(row.body))["facts"]


def test_a_single_approver_cannot_pass(people, pending_request):
    assert fallback.approve(pending_request, people.peer).grant is None


def test_as_many_as_on_a_good_day_cannot_pass_and_one_more_can(
    people, high_request, approver3
):
    for person in (people.approver1, people.approver2):
        outcome = fallback.approve(high_request, person)
    assert outcome.grant is None
    assert (outcome.quorum.filled, outcome.quorum.needed) == (2, 3)
    assert outcome.quorum.further == 1

    grant = fallback.approve(high_request, approver3).grant

    assert (grant.quorum, grant.assurance) == (3, Assurance.OFFLINE_QUORUM)
    assert Countersignature.objects.get().due_at == grant.starts_at + timedelta(days=1)
    facts = last_entry(high_request.tenant, "grant.issued")
    assert (facts["assurance"], facts["quorum"]) == ("offline_quorum", 3)
    said = json.loads(bytes(grant.statement.statement))["predicate"]
    assert said["assurance"] == "offline_quorum"


def test_whoever_asked_cannot_be_the_further_one(acme, people, pending_request):
    fallback.approve(pending_request, people.peer)

    with pytest.raises(SelfApproval):
        fallback.approve(pending_request, people.oncall)


def test_whoever_is_in_no_required_group_cannot_be_the_further_one(
    people, pending_request
):
    fallback.approve(pending_request, people.peer)

    with pytest.raises(NotPermitted):
        fallback.approve(pending_request, people.auditor)


def test_whoever_lost_the_role_does_not_count_any_more(
    acme, people, peer2, pending_request
):
    fallback.approve(pending_request, people.peer)
    factories.leave(acme, people.peer, "peers")

    assert fallback.approve(pending_request, peer2).grant is None


def test_on_a_request_of_the_fallback_a_yes_without_passkey_is_dropped_on_record(
    acme, people, peer2, pending_request
):
    """They decided before signing failed: a password was enough for them then."""
    intent = steps.commit(factories.intend(pending_request, peer2), peer2)
    fallback.approve(pending_request, people.peer)

    with pytest.raises(NotPermitted, match="needs a passkey"):
        counting.record(intent=intent, bundle=steps.sign_here(intent))

    intent.refresh_from_db()
    assert intent.state == IntentState.REFUSED
    assert not Grant.objects.exists()
    facts = last_entry(acme, "request.approval_dropped")
    assert facts["person"] == peer2.email
    assert facts["statement_sha256"] == intent.digest.hex()


def test_once_the_fallback_is_in_use_a_password_is_refused_at_once(
    people, peer2, pending_request
):
    """The instance is back: without this, a password would do for the second one."""
    fallback.approve(pending_request, people.peer)
    intent = factories.intend(pending_request, peer2)

    with pytest.raises(PasskeyRequired):
        factories.confirm(intent, peer2)

    intent.refresh_from_db()
    assert intent.state == IntentState.DRAFT


def test_after_a_drop_the_person_can_approve_again_with_a_passkey(
    people, peer2, pending_request
):
    intent = steps.commit(factories.intend(pending_request, peer2), peer2)
    fallback.approve(pending_request, people.peer)
    with pytest.raises(NotPermitted):
        counting.record(intent=intent, bundle=steps.sign_here(intent))

    assert fallback.approve(pending_request, peer2).grant is not None


def test_beside_a_yes_without_passkey_the_fallback_does_not_count(people, high_request):
    steps.approve(high_request, people.approver1)

    with pytest.raises(NotPermitted, match="without a passkey"):
        fallback.approve(high_request, people.approver2)

    assert Approval.objects.count() == 1


def test_a_tier_that_blocks_by_now_counts_no_signature_of_the_fallback(
    acme, people, peer2, pending_request
):
    intent = fallback.commit(pending_request, people.peer)
    bundle = fallback.sign_down(intent)
    steps.publish(acme, signing_outage=SigningOutage.BLOCK)

    with pytest.raises(NotPermitted, match="does not allow"):
        counting.record(intent=intent, bundle=bundle)


def test_a_tier_that_blocks_by_now_grants_nothing_on_the_fallback(
    acme, people, peer2, pending_request
):
    fallback.approve(pending_request, people.peer)
    intent = fallback.commit(pending_request, peer2)
    steps.publish(acme, signing_outage=SigningOutage.BLOCK)

    outcome = counting.record(intent=intent, bundle=steps.sign_here(intent))

    assert outcome.grant is None


def test_four_hours_become_one(acme, people, gate):
    grant = fallback.grant(acme, people, gate, ttl=FOUR_HOURS)

    assert grant.ttl_seconds == 3600
    assert grant.expires_at == grant.starts_at + timedelta(hours=1)


def test_a_second_one_for_the_service_waits_until_the_first_is_closed(
    acme, people, peer2, gate
):
    fallback.grant(acme, people, gate, further=peer2)
    second = factories.request(acme, people.oncall, gate)
    fallback.approve(second, people.peer)

    with pytest.raises(Conflict, match="tier allows 1"):
        fallback.approve(second, peer2)

    assert Grant.objects.count() == 1


def test_another_service_is_not_held_up(acme, people, peer2, gate):
    fallback.grant(acme, people, gate, further=peer2)

    assert fallback.grant(acme, people, gate, further=peer2, service="payments")


def test_the_database_refuses_a_grant_that_hides_its_fallback(
    people, peer2, pending_request, monkeypatch
):
    monkeypatch.setattr(grants, "_assurance", lambda _given: Assurance.SIGSTORE)
    fallback.approve(pending_request, people.peer)

    with pytest.raises(IntegrityError, match="says so"), transaction.atomic():
        fallback.approve(pending_request, peer2)


def test_a_committed_decision_of_a_request_that_ended_is_dropped_on_record(
    acme, people, peer2, pending_request, advance
):
    intent = steps.commit(factories.intend(pending_request, peer2), peer2)
    approvals.reject(
        tenant=acme,
        bypass_id=pending_request.bypass_id,
        approver=people.peer,
        digest=pending_request.digest_hex,
        comment="No.",
    )
    advance(60)

    approvals.resume_due()
    approvals.resume_due()

    assert Intent.objects.get(pk=intent.pk).state == IntentState.REFUSED
    assert steps.events(acme).count("request.approval_dropped") == 1
