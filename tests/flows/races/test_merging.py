"""A merge of two accounts that meets their approvals, in either order."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import BreakglassError, Conflict, NotPermitted
from breakglass.models import Approval, Grant, User
from breakglass.services.people import identities
from tests import factories
from tests.flows.races.test_approvals import chain_is_gapless, record, signed
from tests.flows.races.threads import Meanwhile, at_once, failures, held

pytestmark = pytest.mark.django_db(transaction=True)


def merge(keep, merged):
    return identities.merge(
        keep=keep, merged=merged, reason="One person", actor=OPERATOR
    )


def no_grant_on_one_person(tenant):
    """No grant in force counts two accounts of one person, or the requester."""
    for grant in Grant.objects.filter(state="active"):
        accounts = [a.approver for a in grant.request.approvals.all()]
        people = {user.merged_into_id or user.pk for user in accounts}
        asked = User.objects.get(pk=grant.request.requester_id)
        people.discard(asked.merged_into_id or asked.pk)
        assert len(people) >= grant.quorum, grant.request.bypass_id
    assert chain_is_gapless(tenant)


def last_approval(acme, people, gate, number):
    """Two fresh approvers of a high request: one recorded, the other signed."""
    one, two = (
        factories.person(f"{name}{number}@acme.example", name.title())
        for name in ("one", "two")
    )
    for user in (one, two):
        factories.join(acme, user, "designated-approvers")
    bypass = factories.request(
        acme, people.oncall, gate, impact="high", service=f"s{number}"
    )
    record(signed(bypass, one))
    return one, two, signed(bypass, two)


def test_a_merge_that_comes_second_revokes_the_grant_it_waited_for(
    acme, people, high_request
):
    record(signed(high_request, people.approver1))
    last = signed(high_request, people.approver2)

    with held(lambda: record(last)) as outcome:
        merging = Meanwhile(lambda: merge(people.approver1, people.approver2))
        merging.until_it_waits()
        assert outcome.grant

    assert merging.join() == people.approver1
    assert Grant.objects.get().state == "revoked"
    no_grant_on_one_person(acme)


@pytest.mark.parametrize("kept", ["approver1", "approver2"])
def test_an_approval_that_comes_second_finds_one_person(
    acme, people, high_request, kept
):
    record(signed(high_request, people.approver1))
    last = signed(high_request, people.approver2)
    keep = getattr(people, kept)
    gone = people.approver1 if kept == "approver2" else people.approver2

    with held(lambda: merge(keep, gone)):
        recording = Meanwhile(lambda: record(last))
        recording.until_it_waits()

    outcome = recording.join()
    assert isinstance(outcome, (Conflict, NotPermitted)) or outcome.grant is None
    assert not Grant.objects.exists()
    no_grant_on_one_person(acme)


def test_of_a_merge_and_the_last_approval_no_order_leaves_a_grant(
    acme, people, gate, settings
):
    settings.OPEN_REQUEST_LIMIT = 20
    for number in range(8):
        one, two, last = last_approval(acme, people, gate, number)
        keep, gone = (one, two) if number % 2 else (two, one)

        outcomes = at_once(
            lambda p=last: record(p),
            lambda k=keep, m=gone: merge(k, m),
        )

        assert failures(outcomes, Conflict, NotPermitted) == []
        no_grant_on_one_person(acme)
    assert not Grant.objects.filter(state="active").exists()


def test_a_decision_that_begins_during_a_merge_waits_for_it(
    acme, people, pending_request
):
    """Else it could be signed and counted before the merge is seen."""
    second = factories.person("second@acme.example", "Second")
    factories.join(acme, second, "peers")

    with held(lambda: merge(people.senior, second)):
        deciding = Meanwhile(lambda: factories.intend(pending_request, second))
        deciding.until_it_waits()

    assert isinstance(deciding.join(), BreakglassError)
    assert not Approval.objects.exists()


def test_a_merge_of_who_took_others_over_waits_for_a_merge_of_those(
    acme, people, monkeypatch
):
    """It locks them last of all accounts, whichever their keys."""
    keep, middle, last = sorted(
        (people.approver1, people.peer, people.senior), key=lambda user: user.pk
    )
    merge(middle, keep)
    other = []

    def meanwhile(**accounts):
        if not other:
            other.append(Meanwhile(lambda: merge(keep, last)))
            other[0].until_it_waits()

    monkeypatch.setattr(identities, "_require_mergeable", meanwhile)
    assert merge(last, middle) == last
    assert failures([other[0].join()], Conflict) == []


def test_merges_in_a_circle_and_at_once_do_not_lock_each_other_out(acme, people):
    trio = [people.peer, people.senior, people.approver1]

    outcomes = at_once(
        lambda: merge(trio[0], trio[1]),
        lambda: merge(trio[1], trio[2]),
        lambda: merge(trio[2], trio[0]),
    )

    assert failures(outcomes, Conflict) == []
    given_up = User.objects.filter(merged_into__isnull=False)
    assert all(user.merged_into.is_active for user in given_up)
    assert chain_is_gapless(acme)
