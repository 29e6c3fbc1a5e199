"""Grants: the window, the early close, the expiry, the places a service has."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, InvalidInput, NotFound, NotPermitted
from breakglass.models import Approval, Grant, Intent, OutboxMessage, PostMortem
from breakglass.rules.postmortem import due_at
from breakglass.services import grants
from breakglass.services.approving import counting
from breakglass.services.people import accounts as person_services
from breakglass.states import GrantState
from tests import factories
from tests.flows.services import steps


@pytest.fixture
def grant(acme, people, gate):
    """A grant of 15 minutes, signed for real inside the test's transaction."""
    return steps.grant(acme, people, gate)


def revoke(grant, person, reason="The fix is out."):
    return grants.revoke(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=person,
        reason=reason,
    )


# ------------------------------------------------------------ the window


def test_the_window_is_the_time_granted_and_begins_at_the_grant(grant):
    now = clock.db_now()

    assert grant.expires_at - grant.starts_at == steps.QUARTER
    assert timedelta(0) <= now - grant.starts_at < timedelta(seconds=30)
    assert grant.window.covers(now)


@pytest.mark.parametrize(
    "moved",
    [
        {"expires_at": timedelta(hours=1)},
        {"expires_at": timedelta(minutes=-5)},
        {"starts_at": timedelta(hours=1), "expires_at": timedelta(hours=1)},
    ],
    ids=["longer", "shorter", "later"],
)
def test_nothing_moves_the_window_even_plain_sql(grant, moved):
    fields = {name: getattr(grant, name) + by for name, by in moved.items()}

    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        Grant.objects.filter(pk=grant.pk).update(**fields)


@pytest.mark.parametrize(
    "changed",
    [
        {"ttl_seconds": 14400},
        {"service": "payments"},
        {"max_deploys": 99},
        {"digest_required": True},
        {"quorum": 9},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_nothing_widens_a_grant_even_plain_sql(grant, changed):
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        Grant.objects.filter(pk=grant.pk).update(**changed)


def test_a_grant_is_never_deleted(grant):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Grant.objects.filter(pk=grant.pk)._raw_delete("default")


def test_the_postmortem_stands_from_the_grant_on_and_is_due_after_its_close(
    people, grant
):
    owed = PostMortem.objects.get()

    assert owed == grant.postmortem
    assert (owed.state, owed.assignee) == ("scheduled", people.oncall)
    assert owed.opens_at == grant.expires_at
    assert owed.due_at == due_at(opened_at=grant.expires_at, business_days=5)


def test_a_machines_postmortem_is_written_by_the_first_approver(acme, people, gate):
    robot = factories.person("bot@acme.example", "Bot", kind="machine")
    factories.join(acme, robot, "on-call")
    bypass = factories.request(acme, robot, gate)

    made = steps.approve(bypass, people.peer).grant

    assert made.postmortem.assignee == people.peer


def test_a_grant_waits_for_the_portals_own_statement_without_waiting_for_it(grant):
    statement = Intent.objects.get(kind="grant")

    assert statement == grant.statement
    assert statement.state == "committed"
    assert statement.signer is None


def test_a_grant_promises_to_tell_and_to_warn_before_its_end(acme, people, gate):
    long = steps.grant(acme, people, gate, ttl=timedelta(hours=1))
    promised = OutboxMessage.objects.filter(subject_id=long.pk, topic__startswith="gr")

    assert {m.topic: m.due_at for m in promised} == {
        "grant.issued": long.starts_at,
        "grant.ending": long.expires_at - timedelta(minutes=10),
    }


# ------------------------------------------------------------ the early close


@pytest.mark.parametrize("who", ["oncall", "peer", "security"])
def test_requester_approver_and_security_may_close_early(acme, people, grant, who):
    closed = revoke(grant, getattr(people, who))

    assert closed.state == GrantState.REVOKED
    assert closed.closed_by == getattr(people, who)
    assert closed.close_reason == "The fix is out."
    assert grant.starts_at <= closed.closed_at < grant.expires_at
    assert steps.events(acme)[-2:] == ["grant.revoked", "postmortem.opened"]


def test_nobody_else_may_close_early(people, grant, charlie):
    for other in (people.approver1, people.senior, people.auditor, people.admin):
        with pytest.raises(NotPermitted):
            revoke(grant, other)
    with pytest.raises(NotPermitted):
        revoke(grant, charlie)
    with pytest.raises(NotFound):
        grants.revoke(
            tenant=factories.tenant_of(charlie),
            bypass_id=grant.request.bypass_id,
            person=charlie,
            reason="Mine now.",
        )

    assert Grant.objects.get().state == GrantState.ACTIVE


def test_even_the_requester_closes_nothing_once_deactivated(people, grant):
    gone = person_services.deactivate(user=people.oncall, actor=OPERATOR)

    with pytest.raises(NotPermitted):
        revoke(grant, gone)


def test_closing_needs_a_reason(people, grant):
    for reason in ("", "  \n", "x" * 2001, "done\x00"):
        with pytest.raises(InvalidInput) as error:
            revoke(grant, people.oncall, reason)
        assert error.value.field == "reason"


def test_a_grant_is_closed_once(acme, people, grant):
    revoke(grant, people.oncall)
    before = steps.size(acme)

    with pytest.raises(Conflict, match="already revoked"):
        revoke(grant, people.security)

    assert steps.size(acme) == before


def test_what_is_over_cannot_be_closed_early(people, grant, stop_clock):
    stop_clock(grant.expires_at)
    with pytest.raises(Conflict, match="already over"):
        revoke(grant, people.oncall)

    grants.expire_due()
    with pytest.raises(Conflict, match="already expired"):
        revoke(grant, people.oncall)


def test_a_request_without_a_grant_has_nothing_to_close(people, pending_request):
    with pytest.raises(NotFound):
        grants.revoke(
            tenant=pending_request.tenant,
            bypass_id=pending_request.bypass_id,
            person=people.oncall,
            reason="Never mind.",
        )


def test_an_early_close_brings_the_postmortems_deadline_forward(
    people, grant, stop_clock
):
    moment = grant.starts_at + timedelta(minutes=3)
    stop_clock(moment)

    revoke(grant, people.oncall)

    opened = PostMortem.objects.get()
    assert (opened.state, opened.opens_at) == ("open", moment)
    assert opened.due_at == due_at(opened_at=moment, business_days=5)
    assert "closed early by Oncall: The fix is out." in opened.body


# ------------------------------------------------------------ the expiry


def test_the_sweep_expires_to_the_microsecond_and_once(acme, grant, stop_clock):
    stop_clock(grant.expires_at - timedelta(microseconds=1))
    assert grants.expire_due() == 0

    stop_clock(grant.expires_at)
    assert [grants.expire_due(), grants.expire_due()] == [1, 0]

    closed = Grant.objects.get()
    assert closed.state == GrantState.EXPIRED
    assert closed.closed_at == grant.expires_at
    assert closed.closed_by is None
    assert steps.events(acme).count("grant.expired") == 1


def test_a_sweep_that_comes_late_still_records_the_true_end(grant, advance):
    advance(6 * 60 * steps.MINUTE)
    grants.expire_due()

    assert Grant.objects.get().closed_at == grant.expires_at


def test_a_closed_grant_never_becomes_active_again(people, grant):
    revoke(grant, people.oncall)

    rows = Grant.objects.filter(pk=grant.pk)
    with pytest.raises(IntegrityError, match="already revoked"), transaction.atomic():
        rows.update(state="active", closed_at=None)


# ------------------------------------------------------------ places of a service


def test_two_requesters_cannot_both_have_the_last_place_of_a_service(
    acme, people, gate
):
    steps.publish(acme, max_active_per_service=1)
    first = factories.request(acme, people.oncall, gate)
    second = factories.request(acme, people.admin, gate)
    elsewhere = factories.request(acme, people.admin, gate, service="payments")

    standing = steps.approve(first, people.peer).grant
    with pytest.raises(Conflict, match="1 bypasses open already"):
        steps.approve(second, people.peer)
    assert steps.approve(elsewhere, people.peer).grant

    second.refresh_from_db()
    assert second.state == "pending"
    assert not Approval.objects.filter(request=second).exists()
    waiting = Intent.objects.get(request=second, kind="approval")
    assert waiting.state == "signed", "the signature is kept"

    revoke(standing, people.oncall)
    outcome = counting.record(intent=waiting, bundle=waiting.bundle)
    assert outcome.grant == Grant.objects.get(request=second)


def test_a_grant_that_is_over_by_the_clock_takes_no_place(acme, people, gate, advance):
    steps.publish(acme, max_active_per_service=1)
    steps.grant(acme, people, gate)
    advance(15 * steps.MINUTE)  # and no sweep has run

    assert steps.grant(acme, people, gate)
