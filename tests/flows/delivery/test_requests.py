"""Who is told of a request: when it opens, waits, is answered, or lapses."""

import pytest
from django.core import mail

from breakglass import outbox
from breakglass.actors import OPERATOR
from breakglass.models import Notification
from breakglass.services import reminders, requests
from breakglass.services.approving import approvals
from breakglass.services.people import accounts as people_services
from breakglass.services.telling import delivery
from breakglass.states import DeliveryState
from tests import factories
from tests.flows.delivery.record import emails, facts_of, state_of, told
from tests.flows.delivery.ways_out import URL, webhook

pytestmark = pytest.mark.django_db
signed = pytest.mark.django_db(transaction=True)  # nothing signs in a transaction


def test_an_opened_request_is_told_to_whoever_may_approve(
    pending_request, people, charlie, channel, post
):
    webhook(factories.tenant_of(charlie), "globex-room")
    webhook(pending_request.tenant, "switched-off", is_active=False)
    delivery.drain()
    assert told(outbox.REQUEST_OPENED) == ["ops-room", people.peer.email]
    assert [sent.to for sent in mail.outbox] == [[people.peer.email]]
    assert [address for address, _ in post.sent] == [URL]
    assert facts_of("request.notified") == [
        {"people": [people.peer.email], "channels": ["ops-room"]}
    ]


def test_designated_approvers_are_told_of_high_impact_but_not_inactive_ones(
    high_request, people
):
    people_services.deactivate(user=people.approver2, actor=OPERATOR)
    delivery.drain()
    assert told(outbox.REQUEST_OPENED) == emails(people.approver1)


def test_the_message_says_who_asks_and_what_for(pending_request, people):
    delivery.drain()
    (sent,) = mail.outbox
    assert sent.subject.startswith(f"[acme] {pending_request.bypass_id} needs your")
    assert people.oncall.email in sent.body
    assert pending_request.digest_hex[:12] in sent.body
    assert pending_request.digest_hex not in sent.body
    assert sent.extra_headers["X-Breakglass-Bypass-ID"] == pending_request.bypass_id


def test_a_request_answered_before_the_page_went_out_pages_nobody(
    pending_request, people
):
    requests.withdraw(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        requester=people.oncall,
    )
    delivery.drain()
    assert state_of(outbox.REQUEST_OPENED) == DeliveryState.SKIPPED
    assert mail.outbox == []
    assert facts_of("request.notified") == []


def test_nobody_to_tell_is_on_record(acme, people, gate):
    factories.leave(acme, people.peer, "peers")
    factories.request(acme, people.oncall, gate)
    delivery.drain()
    assert facts_of("request.notified") == [{"people": [], "channels": []}]


def test_an_unanswered_request_is_told_again_when_its_time_has_come(
    pending_request, people, channel, advance
):
    delivery.drain()
    assert told(outbox.REQUEST_UNANSWERED) == []
    advance(pending_request.tier.remind_seconds)
    delivery.drain()
    assert told(outbox.REQUEST_UNANSWERED) == ["ops-room", people.peer.email]
    assert facts_of("request.escalated") == [
        {"people": [people.peer.email], "channels": ["ops-room"]}
    ]


@signed
def test_an_answered_request_is_not_told_again(high_request, people, advance):
    factories.approve(high_request, people.approver1)
    advance(high_request.tier.remind_seconds)
    delivery.drain()
    assert state_of(outbox.REQUEST_UNANSWERED) == DeliveryState.SKIPPED
    assert facts_of("request.escalated") == []


@signed
def test_a_first_approval_is_told_to_the_requester_alone(high_request, people, channel):
    factories.approve(high_request, people.approver1)
    delivery.drain()
    assert told(outbox.REQUEST_APPROVED) == emails(people.oncall)
    row = Notification.objects.get(message__topic=outbox.REQUEST_APPROVED)
    assert "Approver1 approved, 1 more needed" in row.subject


@signed
def test_a_first_approval_is_not_told_once_the_quorum_is_there(high_request, people):
    factories.approve(high_request, people.approver1)
    factories.approve(high_request, people.approver2)
    delivery.drain()
    assert state_of(outbox.REQUEST_APPROVED) == DeliveryState.SKIPPED
    assert told(outbox.GRANT_ISSUED) == emails(people.oncall)


def test_a_rejection_is_told_to_the_requester(pending_request, people, channel):
    approvals.reject(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        approver=people.peer,
        digest=pending_request.digest_hex,
        comment="Roll back instead.",
    )
    delivery.drain()
    assert told(outbox.REQUEST_REJECTED) == emails(people.oncall)
    assert "> Roll back instead." in mail.outbox[-1].body


def test_a_lapse_is_told_to_the_requester(pending_request, people, advance):
    advance(pending_request.tier.pending_seconds + 1)
    requests.lapse_due()
    delivery.drain()
    assert told(outbox.REQUEST_LAPSED) == emails(people.oncall)
    assert state_of(outbox.REQUEST_UNANSWERED) == DeliveryState.SKIPPED


def test_a_reminder_tells_the_group_that_is_still_waited_for(
    acme, gate, people, channel, post
):
    bypass = factories.request(acme, people.oncall, gate, impact="high")
    delivery.drain()
    reminders.remind(
        tenant=acme,
        bypass_id=bypass.bypass_id,
        requester=people.oncall,
        group="designated-approvers",
    )
    delivery.drain()
    approvers = emails(people.approver1, people.approver2)
    assert told(outbox.REQUEST_REMINDED) == sorted(["ops-room", *approvers])
    assert facts_of("request.reminded") == [{"group": "designated-approvers"}]
    assert len(facts_of("request.notified")) == 2, "who was told is on record"


def test_a_reminder_of_a_request_that_ended_meanwhile_tells_nobody(
    acme, pending_request, people
):
    named = {"tenant": acme, "bypass_id": pending_request.bypass_id}
    reminders.remind(**named, requester=people.oncall, group="peers")
    requests.withdraw(**named, requester=people.oncall)
    delivery.drain()
    assert told(outbox.REQUEST_REMINDED) == []
    assert state_of(outbox.REQUEST_REMINDED) == DeliveryState.SKIPPED


def test_the_link_says_when_it_was_sent_and_lands_on_the_decision(pending_request):
    delivery.drain()
    row = Notification.objects.get()
    path, _, tail = row.path.partition("?sent=")
    assert path == f"/t/acme/requests/{pending_request.bypass_id}"
    assert tail == f"{row.created_at:%Y%m%dT%H%M%SZ}#decision"
    assert mail.outbox[0].body.endswith(row.path)
    named = mail.outbox[0].extra_headers["X-Breakglass-Bypass-ID"]
    assert named == pending_request.bypass_id
