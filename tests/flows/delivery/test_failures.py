"""When telling fails: it is tried again, given up in the end, and holds up nothing."""

from datetime import timedelta

import pytest
from django.core import mail

from breakglass import clock, outbox
from breakglass.actors import OPERATOR
from breakglass.errors import Unavailable
from breakglass.models import Notification, OutboxMessage
from breakglass.notify import Undeliverable
from breakglass.services.people import accounts as people_services
from breakglass.services.telling import delivery, expansion
from breakglass.states import DeliveryState
from tests import factories
from tests.flows.delivery.ways_out import URL, webhook

pytestmark = pytest.mark.django_db


def test_a_failing_channel_backs_off_and_does_not_hold_up_mail(
    high_request, channel, post, advance
):
    post.failure = Unavailable("the webhook channel answered 503")
    before = clock.db_now()
    delivery.drain()
    assert len(mail.outbox) == 2
    row = Notification.objects.get(kind="webhook")
    assert (row.state, row.attempts) == (DeliveryState.PENDING, 1)
    assert row.last_error == "the webhook channel answered 503"
    assert timedelta(seconds=4) <= row.next_try_at - before < timedelta(seconds=8)
    delivery.drain()
    assert len(post.sent) == 1
    post.failure = None
    advance(10)
    delivery.drain()
    row.refresh_from_db()
    assert row.state == DeliveryState.DELIVERED
    assert row.last_error == ""
    assert row.sent_at is not None


def test_a_dead_channel_costs_a_run_one_try(acme, people, gate, channel, post):
    for service in ("checkout", "billing", "search"):
        factories.request(acme, people.oncall, gate, service=service)
    healthy = webhook(acme, "second-room", url="jsons://other.example.com/")
    send = post.send

    def one_is_dead(address, message):
        send(address, message)
        if address == URL:
            raise Unavailable("down")

    post.send = one_is_dead
    delivery.drain()
    assert [address for address, _ in post.sent].count(URL) == 1
    assert [address for address, _ in post.sent].count(healthy.url) == 3
    assert len(mail.outbox) == 3


def test_it_gives_up_after_eight_tries_and_shows_it(
    pending_request, channel, post, advance
):
    post.failure = Unavailable("down")
    for _ in range(delivery.MAX_TRIES + 3):
        delivery.drain()
        advance(2 * 3600)
    row = Notification.objects.get(kind="webhook", message__topic="request.opened")
    assert (row.state, row.attempts) == (DeliveryState.FAILED, delivery.MAX_TRIES)
    assert row.last_error == "down"


def test_a_permanent_failure_is_shown_at_once(pending_request, channel, post):
    post.failure = Undeliverable("the webhook channel answered 404")
    delivery.drain()
    row = Notification.objects.get(kind="webhook")
    assert (row.state, row.attempts) == (DeliveryState.FAILED, 1)
    assert row.last_error == "the webhook channel answered 404"
    assert delivery.drain() == 0


def test_a_crashing_way_out_counts_as_a_failed_try(pending_request, channel, post):
    post.failure = RuntimeError("hush-hush")
    delivery.drain()
    row = Notification.objects.get(kind="webhook")
    assert (row.state, row.last_error) == (DeliveryState.PENDING, "RuntimeError")
    assert len(mail.outbox) == 1


def test_what_was_switched_off_meanwhile_is_not_sent(
    pending_request, people, channel, post
):
    expansion.expand_due()
    webhook(pending_request.tenant, "ops-room", channel_id=channel.pk, is_active=False)
    people_services.deactivate(user=people.peer, actor=OPERATOR)
    delivery.deliver_due()
    assert mail.outbox == post.sent == []
    states = set(Notification.objects.values_list("state", flat=True))
    assert states == {DeliveryState.SKIPPED}


def test_an_unknown_topic_fails_in_the_end_and_holds_up_nothing(
    acme, pending_request, advance
):
    now = pending_request.opened_at - timedelta(hours=1)
    outbox.promise(tenant=acme, topic="tea.ready", subject_id=1, now=now)
    delivery.drain()
    assert len(mail.outbox) == 1
    for _ in range(expansion.MAX_TRIES):
        advance(600)
        delivery.drain()
    message = OutboxMessage.objects.get(topic="tea.ready")
    assert (message.state, message.attempts) == ("failed", expansion.MAX_TRIES)
    assert "tea.ready" in message.last_error


def test_half_an_expansion_never_stays(pending_request, monkeypatch, advance):
    def fail(**kwargs):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(expansion.ledger, "append", fail)
        delivery.drain()
    assert Notification.objects.count() == 0
    message = OutboxMessage.objects.get(topic=outbox.REQUEST_OPENED)
    assert (message.state, message.last_error) == ("pending", "RuntimeError")
    advance(60)
    delivery.drain()
    assert len(mail.outbox) == 1


def test_another_tenants_subject_is_never_told(acme, charlie, pending_request):
    globex = factories.tenant_of(charlie)
    now = pending_request.opened_at
    pk = pending_request.pk
    outbox.promise(tenant=globex, topic=outbox.REQUEST_LAPSED, subject_id=pk, now=now)
    outbox.promise(tenant=globex, topic=outbox.GRANT_CLOSED, subject_id=pk, now=now)
    delivery.drain()
    assert Notification.objects.filter(tenant=globex).count() == 0


def test_a_run_that_is_out_of_time_leaves_the_rest(pending_request, monkeypatch):
    monkeypatch.setattr(delivery, "BUDGET_SECONDS", 0)
    delivery.drain()
    assert mail.outbox == []
    assert Notification.objects.get().state == DeliveryState.PENDING


def test_waits_grow_to_an_hour_and_differ_by_a_fifth():
    waits = [delivery.backoff(attempts=n, spread=0) for n in range(1, 9)]
    assert [wait.total_seconds() for wait in waits] == [
        *(5, 15, 60, 300, 900, 3600),
        *(3600, 3600),
    ]
    assert delivery.backoff(attempts=1, spread=-1) == timedelta(seconds=4)
    assert delivery.backoff(attempts=1, spread=1) == timedelta(seconds=6)
