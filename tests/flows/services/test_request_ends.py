"""The ends of a request that nobody approved: withdrawn, or lapsed of age."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.errors import Conflict, NotFound, NotPermitted
from breakglass.models import BypassRequest, OutboxMessage
from breakglass.queries.requests import decidable as queries
from breakglass.services import requests
from breakglass.services.approving import approvals
from breakglass.states import RequestState
from tests import factories
from tests.flows.services import steps

TWO_HOURS = 2 * 60 * steps.MINUTE


def withdraw(bypass, person):
    return requests.withdraw(
        tenant=bypass.tenant, bypass_id=bypass.bypass_id, requester=person
    )


def reject(bypass, person):
    return approvals.reject(
        tenant=bypass.tenant,
        bypass_id=bypass.bypass_id,
        approver=person,
        digest=bypass.digest_hex,
        comment="No.",
    )


def test_the_person_who_asked_withdraws_a_request(acme, people, pending_request):
    ended = withdraw(pending_request, people.oncall)

    assert ended.state == RequestState.WITHDRAWN
    assert ended.ended_by == people.oncall
    assert steps.events(acme)[-1] == "request.withdrawn"


def test_nobody_else_withdraws_a_request(acme, people, pending_request):
    for other in (people.peer, people.admin, people.security):
        with pytest.raises(NotPermitted):
            withdraw(pending_request, other)

    assert BypassRequest.objects.get().state == RequestState.PENDING


def test_a_request_is_withdrawn_once(acme, people, pending_request):
    withdraw(pending_request, people.oncall)
    before = steps.size(acme)

    with pytest.raises(Conflict, match="already withdrawn"):
        withdraw(pending_request, people.oncall)

    assert steps.size(acme) == before


def test_a_rejected_request_cannot_be_withdrawn(people, pending_request):
    reject(pending_request, people.peer)

    with pytest.raises(Conflict, match="already rejected"):
        withdraw(pending_request, people.oncall)


def test_a_request_is_not_found_through_another_tenant(charlie, pending_request):
    globex = factories.tenant_of(charlie)

    with pytest.raises(NotFound):
        requests.withdraw(
            tenant=globex, bypass_id=pending_request.bypass_id, requester=charlie
        )


def test_a_request_past_its_time_is_lapsed_before_any_sweep(
    people, pending_request, stop_clock
):
    stop_clock(pending_request.lapses_at - timedelta(microseconds=1))
    assert factories.intend(pending_request, people.peer)

    stop_clock(pending_request.lapses_at)
    with pytest.raises(Conflict, match="has lapsed"):
        factories.intend(pending_request, people.approver1)
    with pytest.raises(Conflict, match="has lapsed"):
        reject(pending_request, people.peer)

    status = queries.status_of(bypass=pending_request, grant=None, now=clock.db_now())
    assert (pending_request.state, status) == ("pending", "lapsed")


def test_the_sweep_lapses_what_is_due_and_nothing_else(
    acme, people, pending_request, high_request, advance
):
    assert requests.lapse_due() == 0

    advance(TWO_HOURS / 2)  # the high tier waits one hour, the low one two
    assert requests.lapse_due() == 1

    states = dict(BypassRequest.objects.values_list("bypass_id", "state"))
    assert states == {
        pending_request.bypass_id: "pending",
        high_request.bypass_id: "lapsed",
    }
    ended = BypassRequest.objects.get(pk=high_request.pk)
    assert ended.ended_at >= ended.lapses_at
    assert ended.ended_by is None


def test_a_second_sweep_lapses_nothing_twice(acme, pending_request, advance):
    advance(TWO_HOURS)

    assert [requests.lapse_due(), requests.lapse_due()] == [1, 0]
    assert steps.events(acme).count("request.lapsed") == 1
    assert OutboxMessage.objects.filter(topic="request.lapsed").count() == 1


def test_no_end_can_be_undone_even_with_plain_sql(people, pending_request):
    withdraw(pending_request, people.oncall)

    rows = BypassRequest.objects.filter(pk=pending_request.pk)
    with pytest.raises(IntegrityError, match="already withdrawn"), transaction.atomic():
        rows.update(state="pending", ended_at=None)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        rows._raw_delete("default")


@pytest.mark.parametrize(
    ("column", "value"),
    [("service", "payments"), ("ttl_seconds", 14400), ("body", b"{}")],
)
def test_no_frozen_column_can_be_moved_even_with_plain_sql(
    pending_request, column, value
):
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        BypassRequest.objects.filter(pk=pending_request.pk).update(**{column: value})
