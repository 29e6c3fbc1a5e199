"""Approvers, rejections and withdrawals that arrive at the same moment."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import pytest
from django.db import connection

from breakglass import clock
from breakglass.errors import Conflict, NotPermitted
from breakglass.models import (
    Approval,
    AuditEntry,
    Bundle,
    BypassRequest,
    Grant,
    Intent,
    PostMortem,
)
from breakglass.services import requests
from breakglass.services.approving import approvals, counting, signatures
from tests import factories
from tests.flows.races.threads import Meanwhile, at_once, failures, held, later
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = [
    pytest.param(8, id="few"),
    pytest.param(50, id="many", marks=pytest.mark.soak),
]


def signed(bypass, approver):
    """Returns the person's intent with its bundle stored, and nothing recorded."""
    intent = steps.commit(factories.intend(bypass, approver), approver)
    try:
        return intent, signatures.fulfil(intent=intent)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def record(pair):
    intent, bundle = pair
    return counting.record(
        intent=Intent.objects.select_related("request__tenant", "signer").get(
            pk=intent.pk
        ),
        bundle=bundle,
    )


def end(bypass):
    return BypassRequest.objects.get(pk=bypass.pk).state


def reject(bypass, person):
    return approvals.reject(
        tenant=bypass.tenant,
        bypass_id=bypass.bypass_id,
        approver=person,
        digest=bypass.digest_hex,
        comment="No.",
    )


def chain_is_gapless(tenant):
    rows = list(AuditEntry.objects.filter(tenant=tenant).order_by("seq"))
    linked = all(
        bytes(later.prev_hash) == bytes(earlier.entry_hash)
        for earlier, later in pairwise(rows)
    )
    return linked and [row.seq for row in rows] == list(range(1, len(rows) + 1))


def test_two_approvers_at_the_same_moment_both_read_what_came_of_it(
    client_for, acme, people, gate
):
    factories.join(acme, people.senior, "peers")
    bypass = factories.request(acme, people.oncall, gate)
    page = f"/t/acme/requests/{bypass.bypass_id}"
    both = [client_for(people.peer), client_for(people.senior)]

    def approve(client):
        fields = {"digest": bypass.digest_hex}
        return client.post(f"{page}/approve", fields, follow=True)

    answers = at_once(*(partial(approve, client) for client in both))

    assert not failures(answers)
    assert Grant.objects.count() == 1
    pages = [answer.content.decode() for answer in answers]
    assert all("Open for" in shown for shown in pages)
    thanked = sum("approved and signed as" in shown for shown in pages)
    refused = sum("alert-danger message" in shown for shown in pages)
    assert thanked == Approval.objects.count() >= 1
    assert thanked + refused == len(pages), "nobody is left without an answer"


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_approvers_at_the_same_moment_make_exactly_one_grant_each_round(
    acme, people, gate, settings, rounds
):
    """Everything is signed beforehand; the recording is what races."""
    settings.OPEN_REQUEST_LIMIT = rounds
    steps.publish(acme, tier="high", max_active_per_service=None)
    asked = [
        factories.request(acme, people.oncall, gate, impact="high")
        for _ in range(rounds)
    ]
    with ThreadPoolExecutor(4) as pool:
        firsts = list(pool.map(lambda b: signed(b, people.approver1), asked))
        seconds = list(pool.map(lambda b: signed(b, people.approver2), asked))

    for bypass, one, two in zip(asked, firsts, seconds, strict=True):
        outcomes = at_once(lambda one=one: record(one), lambda two=two: record(two))

        assert failures(outcomes) == []
        granted = [o.grant for o in outcomes if o.grant is not None]
        assert granted == [Grant.objects.get(request=bypass)]
        assert bypass.approvals.count() == 2

    assert Approval.objects.count() == 2 * rounds
    assert Grant.objects.count() == PostMortem.objects.count() == rounds
    written = steps.events(acme)
    assert written.count("request.approved") == 2 * rounds
    assert written.count("grant.issued") == rounds
    assert chain_is_gapless(acme)


def test_two_approvers_at_once_sign_and_record_without_loss(acme, people, gate):
    for number in range(3):
        bypass = factories.request(
            acme, people.oncall, gate, impact="high", service=f"s{number}"
        )
        one = factories.intend(bypass, people.approver1)
        two = factories.intend(bypass, people.approver2)

        outcomes = at_once(
            lambda one=one: factories.confirm(one, people.approver1),
            lambda two=two: factories.confirm(two, people.approver2),
        )

        assert failures(outcomes) == []
        assert len([o for o in outcomes if o.grant]) == 1
        assert bypass.approvals.count() == 2


def test_the_second_approver_waits_for_the_first_and_completes_the_quorum(
    people, high_request
):
    one, two = (
        signed(high_request, person) for person in (people.approver1, people.approver2)
    )

    with held(lambda: record(one)) as first:
        second = Meanwhile(lambda: record(two))
        second.until_it_waits()
        assert first.grant is None

    assert second.join().grant == Grant.objects.get()


def test_one_decision_confirmed_from_two_windows_is_one_approval(acme, people, gate):
    for number in range(5):
        bypass = factories.request(
            acme, people.oncall, gate, service=f"checkout-{number}"
        )
        intent = factories.intend(bypass, people.peer)

        outcomes = at_once(*[lambda i=intent: factories.confirm(i, people.peer)] * 2)

        assert failures(outcomes, Conflict, NotPermitted) == []
        assert bypass.approvals.count() == 1
        assert Bundle.objects.filter(intent=intent).count() == 1
        assert Grant.objects.filter(request=bypass).count() == 1


def test_of_an_approval_and_a_rejection_exactly_one_ends_the_request(
    acme, people, gate, settings
):
    settings.OPEN_REQUEST_LIMIT = 30
    for number in range(6):
        bypass = factories.request(
            acme, people.oncall, gate, impact="high", service=f"s{number}"
        )
        pair = signed_last(bypass, people)

        outcomes = at_once(
            lambda p=pair: record(p), lambda b=bypass: reject(b, people.approver2)
        )

        assert failures(outcomes, Conflict, NotPermitted) == []
        state = end(bypass)
        assert state in ("approved", "rejected")
        has_grant = Grant.objects.filter(request=bypass).exists()
        assert has_grant == (state == "approved")
        if state == "rejected":
            pair[0].refresh_from_db()
            assert pair[0].state == "refused"


def signed_last(bypass, people):
    """The second of two approvals, ready to complete the quorum."""
    record(signed(bypass, people.approver1))
    return signed(bypass, people.approver2)


def test_of_an_approval_and_a_withdrawal_exactly_one_ends_the_request(
    acme, people, gate
):
    for number in range(6):
        bypass = factories.request(acme, people.oncall, gate, service=f"s{number}")
        pair = signed(bypass, people.peer)

        outcomes = at_once(
            lambda p=pair: record(p),
            lambda b=bypass: requests.withdraw(
                tenant=acme, bypass_id=b.bypass_id, requester=people.oncall
            ),
        )

        assert failures(outcomes, Conflict) == []
        assert len(failures(outcomes)) == 1, "one of the two came too late"
        state = end(bypass)
        assert state in ("approved", "withdrawn")
        assert Grant.objects.filter(request=bypass).exists() == (state == "approved")


def test_of_an_approval_and_the_lapse_exactly_one_ends_the_request(acme, people, gate):
    bypass = factories.request(acme, people.oncall, gate)
    pair = signed(bypass, people.peer)
    with held(lambda: record(pair)) as outcome:
        later((bypass.lapses_at - clock.db_now()).total_seconds())
        sweep = Meanwhile(requests.lapse_due)
        sweep.until_it_waits()

    assert outcome.grant
    assert sweep.join() == 0
    assert end(bypass) == "approved"


def test_two_grants_cannot_both_take_the_last_place_of_a_service(
    acme, people, gate, settings
):
    settings.OPEN_REQUEST_LIMIT = 20  # the losers' requests stay open
    steps.publish(acme, max_active_per_service=1)
    for number in range(6):
        asked = [
            factories.request(acme, who, gate, service=f"s{number}")
            for who in (people.oncall, people.admin)
        ]
        pairs = [signed(bypass, people.peer) for bypass in asked]

        outcomes = at_once(*[lambda p=pair: record(p) for pair in pairs])

        assert failures(outcomes, Conflict) == []
        active = Grant.objects.filter(service=f"s{number}")
        assert active.count() == 1
        assert len(failures(outcomes)) == 1
        loser = next(b for b in asked if b != active.get().request)
        assert end(loser) == "pending"
        assert not loser.approvals.exists()


def test_who_is_taken_out_of_the_group_first_does_not_count(
    acme, people, pending_request
):
    pair = signed(pending_request, people.peer)

    outcomes = at_once(
        lambda: record(pair), lambda: factories.leave(acme, people.peer, "peers")
    )

    assert failures(outcomes, NotPermitted) == []
    counted = not failures(outcomes)
    assert Grant.objects.exists() == Approval.objects.exists() == counted


def test_two_resuming_sweeps_record_an_approval_once(
    acme, people, pending_request, advance
):
    signed(pending_request, people.peer)
    advance(60)

    outcomes = at_once(approvals.resume_due, approvals.resume_due)

    assert failures(outcomes) == []
    assert Approval.objects.count() == Grant.objects.count() == 1
    assert steps.events(acme).count("request.approved") == 1


def test_two_tabs_sending_the_same_form_make_one_request(acme, people, gate):
    for _ in range(4):
        key = uuid.uuid4()
        outcomes = at_once(
            *[
                lambda k=key: factories.request(acme, people.oncall, gate, form_key=k)
                for _ in range(3)
            ]
        )
        assert failures(outcomes) == []
        assert len({bypass.pk for bypass in outcomes}) == 1

    assert BypassRequest.objects.count() == 4


def test_the_limit_of_open_requests_holds_under_a_burst(acme, people, gate, settings):
    settings.OPEN_REQUEST_LIMIT = 2

    outcomes = at_once(
        *[lambda: factories.request(acme, people.oncall, gate) for _ in range(6)]
    )

    assert failures(outcomes, NotPermitted) == []
    assert BypassRequest.objects.count() == 2
