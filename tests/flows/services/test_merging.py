"""Two accounts that are one person: nothing counts them as two from then on."""

import pytest
from django.test import Client

from breakglass.actors import OPERATOR
from breakglass.errors import BreakglassError, Conflict, NotPermitted, SelfApproval
from breakglass.models import AuditEntry, Deploy, Grant, Intent, User
from breakglass.queries import approvers, inbox
from breakglass.queries.people import accounts as queries
from breakglass.services.approving import counting
from breakglass.services.people import accounts as person_services
from breakglass.services.people import identities
from tests import authenticator, factories
from tests.flows.services import steps
from tests.flows.services.test_identities import ISSUER, facts, link

pytestmark = pytest.mark.django_db


def merge(keep, merged, reason="Both are hers"):
    return identities.merge(keep=keep, merged=merged, reason=reason, actor=OPERATOR)


def state(grant):
    return Grant.objects.get(pk=grant.pk).state


@pytest.fixture
def second(acme):
    """Another account in every approving group: perhaps somebody's second one."""
    made = factories.person("second@acme.example", "Second")
    for group in ("peers", "designated-approvers", "named-seniors"):
        factories.join(acme, made, group)
    return made


@pytest.fixture
def high_grant(high_request, people):
    steps.approve(high_request, people.approver1)
    return steps.approve(high_request, people.approver2).grant


def test_the_account_is_given_up_its_identities_move_and_its_sessions_end(
    acme, people, second, client_for
):
    identity = link(second)
    client = client_for(second)

    merge(people.peer, second)

    second.refresh_from_db()
    assert (second.is_active, second.merged_into) == (False, people.peer)
    identity.refresh_from_db()
    assert identity.unlinked_at
    assert queries.holder_of(issuer=ISSUER, subject="s-1") == people.peer
    assert client.get("/inbox").status_code == 302, "the session is over"
    answer = Client().post(
        "/accounts/login/", {"login": second.email, "password": factories.PASSWORD}
    )
    assert answer.headers.get("Location", "") in ("", "/accounts/inactive/")
    with pytest.raises(Conflict, match=r"merged into peer@acme\.example"):
        person_services.activate(user=second, actor=OPERATOR)


def test_it_is_in_every_log_that_knows_either(acme, people, second, charlie):
    globex = factories.tenant_of(charlie)
    factories.join(globex, second, "peers")
    link(second)
    before = {t: steps.size(t) for t in (acme, globex)}

    merge(people.peer, second)

    for tenant, size in before.items():
        assert steps.events(tenant, after=size) == [
            "person.changed",
            "identity.unlinked",
            "identity.linked",
            "person.merged",
        ]
    assert facts("person.merged")[0] == {
        "kept": people.peer.email,
        "kept_id": str(people.peer.public_id),
        "merged": second.email,
        "merged_id": str(second.public_id),
        "reason": "Both are hers",
    }


def test_what_cannot_be_merged_is_refused(acme, people, second):
    robot = factories.person("robot@acme.example", "Robot", kind="machine")
    for keep, merged in ((second, second), (people.peer, robot), (robot, people.peer)):
        with pytest.raises(Conflict):
            merge(keep, merged)
    with pytest.raises(BreakglassError):
        merge(people.peer, second, reason="")
    merge(people.peer, second)
    for keep, merged in ((people.peer, second), (second, people.oncall)):
        with pytest.raises(Conflict):
            merge(keep, merged)
    assert AuditEntry.objects.filter(event="person.merged").count() == 1


def test_two_approvers_who_are_one_person_lose_their_grant(
    acme, people, high_grant, gate
):
    steps.ask(gate)

    merge(people.approver1, people.approver2)

    assert state(high_grant) == "revoked"
    assert Deploy.objects.get().state == "reverted"
    entry = AuditEntry.objects.get(event="grant.revoked")
    assert entry.actor == "scheduler"
    assert "turned out to be one person" in facts("grant.revoked")[0]["reason"]
    assert people.approver2.email in facts("grant.revoked")[0]["reason"]
    high_grant.postmortem.refresh_from_db()
    assert high_grant.postmortem.state == "open"
    assert steps.verdict(steps.ask(gate, "gha-2")) == ("enforce", "no_grant")


@pytest.mark.parametrize("kept", ["oncall", "peer"])
def test_who_approved_their_own_request_loses_the_grant(acme, people, gate, kept):
    grant = steps.grant(acme, people, gate)
    gone = {"oncall": "peer", "peer": "oncall"}[kept]

    merge(getattr(people, kept), getattr(people, gone))

    assert state(grant) == "revoked"


def test_a_merge_with_somebody_outside_leaves_the_grant(
    acme, people, second, high_grant
):
    merge(second, people.approver1)
    assert state(high_grant) == "active"
    merge(people.senior, people.oncall)
    assert state(high_grant) == "active"


def test_a_tier_of_two_groups_needs_two_people_for_them(
    acme, people, second, database_gate
):
    bypass = factories.request(acme, people.oncall, database_gate, impact="high")
    steps.approve(bypass, people.senior)
    grant = steps.approve(bypass, people.approver1).grant
    assert grant

    merge(people.senior, people.approver1)

    assert state(grant) == "revoked"


def test_who_left_a_group_since_is_not_the_merges_doing(
    acme, people, second, high_grant
):
    factories.leave(acme, people.approver2, "designated-approvers")

    merge(second, people.approver1)

    assert state(high_grant) == "active"


def test_a_merge_of_three_accounts_one_after_the_other_still_breaks_a_grant(
    acme, people, second, high_grant
):
    merge(second, people.approver1)
    assert state(high_grant) == "active"

    merge(people.senior, second)
    assert User.objects.get(pk=people.approver1.pk).merged_into == people.senior
    assert state(high_grant) == "active"
    merge(people.senior, people.approver2)

    assert state(high_grant) == "revoked"


def test_an_expired_or_closed_grant_is_left_as_it_is(acme, people, high_grant, advance):
    advance(high_grant.ttl_seconds)

    merge(people.approver1, people.approver2)

    assert state(high_grant) == "active", "its window is over: the sweep closes it"
    assert "grant.revoked" not in steps.events(acme)


def test_pending_approvals_of_the_given_up_account_do_not_stand(
    acme, people, high_request
):
    steps.approve(high_request, people.approver2)
    merge(people.approver1, people.approver2)
    assert approvers.quorum(bypass=high_request).filled == 0

    outcome = steps.approve(high_request, people.approver1)

    assert outcome.grant is None, "one person, however many accounts"
    assert outcome.quorum.filled == 1


def test_an_approval_on_a_request_of_the_same_person_never_counts(
    acme, people, second, gate
):
    factories.join(acme, second, "on-call")
    asked = factories.request(acme, second, gate)
    merge(people.peer, second)

    assert [
        row.bypass for row in inbox.waiting_for(user=people.peer, now=asked.opened_at)
    ] == []
    with pytest.raises(SelfApproval):
        factories.intend(asked, people.peer)


def test_an_approval_signed_before_the_merge_and_recorded_after_is_refused(
    acme, people, second, gate
):
    factories.join(acme, second, "on-call")
    asked = factories.request(acme, second, gate)
    intent = steps.commit(factories.intend(asked, people.peer), people.peer)
    bundle = steps.sign_here(intent)
    merge(people.peer, second)

    with pytest.raises(BreakglassError):
        counting.record(intent=intent, bundle=bundle)

    assert not asked.approvals.exists()
    assert not Grant.objects.exists()


def test_unfinished_decisions_of_the_given_up_account_are_refused(
    acme, people, high_request
):
    draft = factories.intend(high_request, people.approver1)
    begun = steps.commit(
        factories.intend(high_request, people.approver2), people.approver2
    )
    merge(people.senior, people.approver1)
    merge(people.senior, people.approver2)

    for intent in (draft, begun):
        assert Intent.objects.get(pk=intent.pk).state == "refused"
    with pytest.raises(BreakglassError):
        factories.confirm(draft, people.approver1)


def test_the_given_up_account_begins_nothing(acme, people, second, pending_request):
    stale = User.objects.get(pk=second.pk)
    merge(people.senior, second)

    with pytest.raises(NotPermitted):
        factories.intend(pending_request, stale)


def test_two_who_are_one_are_too_few_even_where_one_has_left_the_group(
    acme, people, high_grant
):
    factories.leave(acme, people.approver2, "designated-approvers")

    merge(people.approver1, people.approver2)

    assert state(high_grant) == "revoked"


def test_enough_people_who_fill_the_wrong_slots_are_no_quorum(
    acme, people, database_gate
):
    bypass = factories.request(acme, people.oncall, database_gate, impact="high")
    steps.approve(bypass, people.approver1)
    steps.approve(bypass, people.approver2)
    grant = steps.approve(bypass, people.senior).grant
    assert grant.quorum == 2

    merge(people.oncall, people.senior)

    assert state(grant) == "revoked", "two are left, and none of them is a senior"


def test_the_passkeys_of_the_account_are_removed_in_every_log_that_knows_them(
    acme, people, second, charlie
):
    factories.join(factories.tenant_of(charlie), second, "peers")
    kept = authenticator.enrol(people.peer)
    authenticator.enrol(second)

    merge(people.peer, second)

    ended = second.credentials.get()
    assert ended.revoked_at is not None
    entries = AuditEntry.objects.filter(event="credential.revoked")
    assert {entry.tenant.slug for entry in entries} == {"acme", "globex"}
    assert {fact["person"] for fact in facts("credential.revoked")} == {second.email}
    assert people.peer.credentials.get().revoked_at is None
    assert kept
