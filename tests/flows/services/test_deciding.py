"""Deciding: the step-up, the terms, who may not, and rejecting."""

from datetime import timedelta

import pytest

from breakglass import clock
from breakglass.errors import (
    Conflict,
    DigestMismatch,
    InvalidInput,
    NotFound,
    NotPermitted,
    ReauthenticationRequired,
    SelfApproval,
)
from breakglass.models import Approval, Grant, Intent
from breakglass.services.approving import approvals, counting
from breakglass.states import IntentState
from tests import factories
from tests.flows.services import steps

STALE = timedelta(minutes=5)


def confirm(intent, person, *, authenticated_at):
    return approvals.confirm(
        intent_id=intent.public_id,
        approver=person,
        proof=factories.proof(authenticated_at),
    )


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
        intent_id=intent.public_id,
        approver=people.peer,
        proof=factories.proof(now - ago),
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
