"""Who counts: live rows, one slot a person, the stricter of two policies."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from breakglass.actors import OPERATOR
from breakglass.errors import NotPermitted
from breakglass.models import Approval, Grant
from breakglass.queries import approvers
from breakglass.queries.requests import detail as detail_query
from breakglass.services.approving import counting
from breakglass.services.people import accounts as person_services
from breakglass.states import IntentState
from tests import factories
from tests.flows.services import steps
from tests.flows.services.rows import evidence, insert


def missing(outcome):
    return {need.group: need.count for need in outcome.quorum.missing}


def signed(bypass, approver):
    """Returns an approval that is signed and not yet counted."""
    intent = steps.commit(factories.intend(bypass, approver), approver)
    return intent, steps.sign_here(intent)


def refused(bypass, intent, bundle):
    with pytest.raises(NotPermitted):
        counting.record(intent=intent, bundle=bundle)
    intent.refresh_from_db()
    assert intent.state == IntentState.REFUSED
    assert not Grant.objects.exists()
    return True


# ------------------------------------------------------------ the production database


def test_the_production_database_needs_a_named_senior_and_a_designated_approver(
    acme, people, database_gate
):
    bypass = factories.request(acme, people.oncall, database_gate)

    first = steps.approve(bypass, people.approver1)
    assert (first.grant, missing(first)) == (None, {"named-seniors": 1})
    second = steps.approve(bypass, people.approver2)
    assert (second.grant, missing(second)) == (None, {"named-seniors": 1})
    third = steps.approve(bypass, people.senior)

    assert third.grant.request == bypass
    assert third.grant.quorum == 2


def test_a_person_in_both_groups_fills_one_slot_only(acme, people, database_gate):
    factories.join(acme, people.senior, "designated-approvers")
    bypass = factories.request(acme, people.oncall, database_gate)

    alone = steps.approve(bypass, people.senior)
    assert (alone.grant, alone.quorum.filled) == (None, 1)

    # The one in both groups makes room: whoever comes second fills the other slot.
    assert steps.approve(bypass, people.approver1).grant


def test_the_slot_of_a_person_in_both_groups_does_not_depend_on_who_came_first(
    acme, people, database_gate
):
    factories.join(acme, people.approver1, "named-seniors")
    bypass = factories.request(acme, people.oncall, database_gate)
    steps.approve(bypass, people.approver1)

    assert steps.approve(bypass, people.senior).grant


# ------------------------------------------------------------ live rows


def test_who_left_the_group_between_deciding_and_signing_is_not_counted(
    acme, people, pending_request
):
    intent, bundle = signed(pending_request, people.peer)
    factories.leave(acme, people.peer, "peers")

    assert refused(pending_request, intent, bundle)


def test_who_was_deactivated_between_deciding_and_signing_is_not_counted(
    people, pending_request
):
    intent, bundle = signed(pending_request, people.peer)
    person_services.deactivate(user=people.peer, actor=OPERATOR)

    assert refused(pending_request, intent, bundle)


def test_who_left_the_group_after_approving_does_not_complete_a_quorum(
    acme, people, high_request
):
    steps.approve(high_request, people.approver1)
    factories.leave(acme, people.approver1, "designated-approvers")

    outcome = steps.approve(high_request, people.approver2)

    assert (outcome.grant, outcome.quorum.filled) == (None, 1)
    # A third person completes it; so would the first, back in the group.
    factories.join(acme, people.admin, "designated-approvers")
    assert steps.approve(high_request, people.admin).grant


def test_who_was_deactivated_after_approving_does_not_complete_a_quorum(
    people, high_request
):
    steps.approve(high_request, people.approver1)
    person_services.deactivate(user=people.approver1, actor=OPERATOR)

    assert steps.approve(high_request, people.approver2).grant is None


def test_an_empty_group_means_nobody(acme, people, gate):
    factories.leave(acme, people.approver1, "designated-approvers")
    factories.leave(acme, people.approver2, "designated-approvers")
    bypass = factories.request(acme, people.oncall, gate, impact="high")

    assert approvers.eligible_users(bypass=bypass) == []
    for other in (people.peer, people.senior, people.admin, people.approver1):
        with pytest.raises(NotPermitted):
            factories.intend(bypass, other)


def test_a_group_of_the_same_name_in_another_tenant_counts_nothing(
    acme, high_request, charlie
):
    assert charlie.role_groups.filter(slug="designated-approvers").exists()
    with pytest.raises(NotPermitted):
        factories.intend(high_request, charlie)


# ------------------------------------------------------------ two policies


def test_a_policy_made_stricter_after_opening_has_to_be_met_as_well(
    acme, people, pending_request
):
    steps.publish(acme, requirements={"designated-approvers": 2})

    outcome = steps.approve(pending_request, people.peer)
    assert outcome.grant is None
    assert missing(outcome) == {"designated-approvers": 2}
    detail = detail_query.detail(
        bypass=pending_request, viewer=people.approver1, now=pending_request.opened_at
    )
    assert detail.pinned != detail.latest

    assert steps.approve(pending_request, people.approver1).grant is None
    assert steps.approve(pending_request, people.approver2).grant


def test_meeting_only_the_new_policy_is_not_enough(acme, people, pending_request):
    steps.publish(acme, requirements={"designated-approvers": 1})

    outcome = steps.approve(pending_request, people.approver1)

    assert (outcome.grant, missing(outcome)) == (None, {"peers": 1})


def test_a_policy_loosened_after_opening_changes_nothing(acme, people, high_request):
    steps.publish(
        acme,
        tier="high",
        requirements={"designated-approvers": 1},
        max_active_per_service=None,
    )

    outcome = steps.approve(high_request, people.approver1)

    assert (outcome.grant, missing(outcome)) == (None, {"designated-approvers": 1})
    assert steps.approve(high_request, people.approver2).grant


def test_a_longest_time_lowered_after_opening_caps_the_grant(acme, people, gate):
    bypass = factories.request(acme, people.oncall, gate, ttl=timedelta(hours=4))
    steps.publish(acme, ttl_choices=[15 * steps.MINUTE])

    assert steps.approve(bypass, people.peer).grant.ttl_seconds == 15 * steps.MINUTE


def test_deploy_limits_and_digests_asked_later_hold_for_the_grant(
    acme, people, pending_request
):
    steps.publish(acme, max_deploys=1, digest_required=True)

    grant = steps.approve(pending_request, people.peer).grant

    assert (grant.max_deploys, grant.digest_required) == (1, True)


# ------------------------------------------------------------ the database's own guards


def test_the_database_refuses_an_approval_against_the_second_person_rule(
    acme, people, pending_request, high_request
):
    robot = factories.person("bot@acme.example", "Bot", kind="machine")
    person_services.deactivate(user=people.approver1, actor=OPERATOR)
    peers = evidence(pending_request, people.peer)
    short = evidence(pending_request, people.senior, 300)
    cases = {
        "by the requester": (
            people.oncall,
            evidence(pending_request, people.oncall),
            {},
        ),
        "by a machine": (robot, evidence(pending_request, robot), {}),
        "by somebody inactive": (
            people.approver1,
            evidence(pending_request, people.approver1),
            {},
        ),
        "with another's signature": (people.admin, peers, {}),
        "with a signature for another request": (
            people.peer,
            evidence(high_request, people.peer),
            {},
        ),
        "on another digest": (people.peer, peers, {"digest": high_request.digest}),
        "for longer than signed": (people.senior, short, {"ttl_seconds": 900}),
    }
    for approver, bundle, other in cases.values():
        with pytest.raises(IntegrityError, match="second-person rule"):
            insert(pending_request, approver, bundle, **other)

    assert insert(pending_request, people.peer, peers), "an honest one goes in"


def test_the_database_refuses_an_approval_for_longer_than_asked(
    people, pending_request
):
    long = evidence(pending_request, people.peer, 1800)

    with pytest.raises(IntegrityError, match="second-person rule"):
        insert(pending_request, people.peer, long, ttl_seconds=1800)


def test_the_database_counts_a_person_once_a_request(people, high_request):
    insert(high_request, people.approver1, evidence(high_request, people.approver1))
    again = evidence(high_request, people.approver1, mark="again")

    with pytest.raises(IntegrityError, match="approval_once_per_person"):
        insert(high_request, people.approver1, again)


def test_the_database_refuses_a_grant_without_its_quorum(
    people, high_request, monkeypatch
):
    """The service's count is switched off here: the trigger still stands."""
    everybody = approvers.quorum

    def generous(*, bypass):
        reached = everybody(bypass=bypass)
        return type(reached)(
            met=True,
            needed=reached.needed,
            filled=reached.needed,
            missing=(),
            slots=reached.slots,
        )

    monkeypatch.setattr(approvers, "quorum", generous)

    with pytest.raises(IntegrityError, match="without its quorum"):
        steps.approve(high_request, people.approver1)

    assert not Grant.objects.exists()
    assert not Approval.objects.exists()
