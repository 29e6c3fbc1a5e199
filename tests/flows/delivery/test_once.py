"""Everybody is told once, whatever runs twice, at once, or dies in between."""

import threading

import pytest
from django.core import mail
from django.db import connection, connections

from breakglass import notify
from breakglass.models import Notification
from breakglass.services.telling import delivery, expansion
from breakglass.states import DeliveryState
from tests.flows.delivery.record import emails, facts_of

pytestmark = pytest.mark.django_db


def test_draining_twice_tells_once(pending_request, channel, post):
    assert delivery.drain() > 0
    assert delivery.drain() == 0
    assert len(mail.outbox) == 1
    assert len(post.sent) == 1
    assert len(facts_of("request.notified")) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_once(high_request, people, channel, post):
    barrier, failures = threading.Barrier(2), []

    def work():
        try:
            barrier.wait(10)
            delivery.drain()
        except Exception as exc:  # noqa: BLE001 - shown by the assertion below
            failures.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    delivery.drain()
    assert failures == []
    mails = sorted(sent.to[0] for sent in mail.outbox)
    assert mails == emails(people.approver1, people.approver2)
    assert len(post.sent) == 1
    assert len(facts_of("request.notified")) == 1
    states = set(Notification.objects.values_list("state", flat=True))
    assert states == {DeliveryState.DELIVERED}


@pytest.mark.django_db(transaction=True)
def test_two_claims_of_one_row_have_one_winner(pending_request, monkeypatch):
    expansion.expand_due()
    real, losers = delivery._due, []

    def due(*, resting):
        """Between looking and taking, another worker takes it."""
        rows = real(resting=resting)
        if not losers:
            row = rows.first()
            losers.append(row.pk)
            rows = list(rows)
            Notification.objects.filter(pk=row.pk).update(attempts=1)
            return _Fixed(rows)
        return rows

    class _Fixed:
        def __init__(self, rows):
            self.rows = rows

        def filter(self, **_):
            return self

        def first(self):
            return self.rows[0]

    monkeypatch.setattr(delivery, "_due", due)
    claimed = delivery._claim(resting=set())
    assert claimed.attempts == 2  # the second look, not the stale one


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_inside_a_transaction(pending_request, channel, monkeypatch):
    seen = []

    class Probe:
        def send(self, *_):
            seen.append(connection.in_atomic_block)

    monkeypatch.setattr(notify, "notifier_for", lambda _: Probe())
    delivery.drain()
    assert seen == [False, False]


def test_a_crash_after_sending_sends_again_under_the_same_key(
    pending_request, channel, post, advance
):
    post.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        delivery.drain()
    post.failure = None
    delivery.drain()
    assert len(post.sent) == 1  # the lease still holds
    advance(delivery.LEASE.total_seconds())
    delivery.drain()
    (_, first), (_, again) = post.sent
    assert first.dedupe_key == again.dedupe_key
    assert Notification.objects.get(kind="webhook").state == DeliveryState.DELIVERED


def test_a_row_whose_every_sender_died_fails_at_last(pending_request):
    expansion.expand_due()
    Notification.objects.update(attempts=delivery.MAX_TRIES)
    delivery.deliver_due()
    assert mail.outbox == []
    assert Notification.objects.get().state == DeliveryState.FAILED
