"""Delivery: who is told what, once, and what happens when telling fails."""

import json
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection, connections

from breakglass import clock, notify, outbox
from breakglass.actors import OPERATOR
from breakglass.errors import InvalidInput, NotFound, Unavailable
from breakglass.models import (
    AuditEntry,
    Channel,
    Grant,
    Notification,
    OutboxMessage,
    PostMortem,
    RoleGroup,
)
from breakglass.notify import Undeliverable
from breakglass.queries import messages
from breakglass.rules.decision import Question
from breakglass.rules.scopes import Scope
from breakglass.services import (
    approvals,
    channels,
    decisions,
    delivery,
    expansion,
    grants,
    postmortems,
    requests,
)
from breakglass.services import people as people_services
from breakglass.states import DeliveryState
from tests import factories

pytestmark = pytest.mark.django_db
signed = pytest.mark.django_db(transaction=True)  # nothing signs in a transaction
URL = "jsons://hooks.example.com/in?+Authorization=hush-hush"


class Post:
    """A way out that keeps what it was given, or fails as told."""

    def __init__(self):
        self.sent = []
        self.failure = None

    def send(self, address, message):
        self.sent.append((address, message))
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def post(monkeypatch):
    """Stands in for all channels; e-mail stays Django's own."""
    real, fake = notify.notifier_for, Post()
    monkeypatch.setattr(
        notify, "notifier_for", lambda kind: real(kind) if kind == "email" else fake
    )
    return fake


@pytest.fixture
def channel(acme, post):
    """A webhook of acme, whose posts `post` keeps."""
    return _channel(acme, "ops-room")


def _channel(tenant, name, **fields):
    filled = {"kind": "webhook", "url": URL, "is_active": True, "actor": OPERATOR}
    return channels.save(tenant=tenant, name=name, **{**filled, **fields})


def _told(topic):
    """Addresses of everybody whom messages of that topic reached."""
    rows = Notification.objects.filter(message__topic=topic)
    return sorted(rows.values_list("address", flat=True))


def _state(topic):
    return OutboxMessage.objects.get(topic=topic).state


def _facts(event):
    return [
        json.loads(bytes(entry.body))["facts"]
        for entry in AuditEntry.objects.filter(event=event).order_by("seq")
    ]


def _email(*people):
    return sorted(person.email for person in people)


# ------------------------------------------------------------------ who is told
def test_an_opened_request_is_told_to_whoever_may_approve(
    pending_request, people, charlie, channel, post
):
    _channel(factories.tenant_of(charlie), "globex-room")
    _channel(pending_request.tenant, "switched-off", is_active=False)
    delivery.drain()
    assert _told(outbox.REQUEST_OPENED) == ["ops-room", people.peer.email]
    assert [sent.to for sent in mail.outbox] == [[people.peer.email]]
    assert [address for address, _ in post.sent] == [URL]
    assert _facts("request.notified") == [
        {"people": [people.peer.email], "channels": ["ops-room"]}
    ]


def test_designated_approvers_are_told_of_high_impact_but_not_inactive_ones(
    high_request, people
):
    people_services.deactivate(user=people.approver2, actor=OPERATOR)
    delivery.drain()
    assert _told(outbox.REQUEST_OPENED) == _email(people.approver1)


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
    assert _state(outbox.REQUEST_OPENED) == DeliveryState.SKIPPED
    assert mail.outbox == []
    assert _facts("request.notified") == []


def test_nobody_to_tell_is_on_record(acme, people, gate):
    factories.leave(acme, people.peer, "peers")
    factories.request(acme, people.oncall, gate)
    delivery.drain()
    assert _facts("request.notified") == [{"people": [], "channels": []}]


def test_an_unanswered_request_is_told_again_when_its_time_has_come(
    pending_request, people, channel, advance
):
    delivery.drain()
    assert _told(outbox.REQUEST_UNANSWERED) == []
    advance(pending_request.tier.remind_seconds)
    delivery.drain()
    assert _told(outbox.REQUEST_UNANSWERED) == ["ops-room", people.peer.email]
    assert _facts("request.escalated") == [
        {"people": [people.peer.email], "channels": ["ops-room"]}
    ]


@signed
def test_an_answered_request_is_not_told_again(high_request, people, advance):
    factories.approve(high_request, people.approver1)
    advance(high_request.tier.remind_seconds)
    delivery.drain()
    assert _state(outbox.REQUEST_UNANSWERED) == DeliveryState.SKIPPED
    assert _facts("request.escalated") == []


@signed
def test_a_first_approval_is_told_to_the_requester_alone(high_request, people, channel):
    factories.approve(high_request, people.approver1)
    delivery.drain()
    assert _told(outbox.REQUEST_APPROVED) == _email(people.oncall)
    row = Notification.objects.get(message__topic=outbox.REQUEST_APPROVED)
    assert "Approver1 approved, 1 more needed" in row.subject


@signed
def test_a_first_approval_is_not_told_once_the_quorum_is_there(high_request, people):
    factories.approve(high_request, people.approver1)
    factories.approve(high_request, people.approver2)
    delivery.drain()
    assert _state(outbox.REQUEST_APPROVED) == DeliveryState.SKIPPED
    assert _told(outbox.GRANT_ISSUED) == _email(people.oncall)


def test_a_rejection_is_told_to_the_requester(pending_request, people, channel):
    approvals.reject(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        approver=people.peer,
        digest=pending_request.digest_hex,
        comment="Roll back instead.",
    )
    delivery.drain()
    assert _told(outbox.REQUEST_REJECTED) == _email(people.oncall)
    assert "> Roll back instead." in mail.outbox[-1].body


def test_a_lapse_is_told_to_the_requester(pending_request, people, advance):
    advance(pending_request.tier.pending_seconds + 1)
    requests.lapse_due()
    delivery.drain()
    assert _told(outbox.REQUEST_LAPSED) == _email(people.oncall)
    assert _state(outbox.REQUEST_UNANSWERED) == DeliveryState.SKIPPED


@signed
def test_a_grant_is_told_to_the_requester_and_in_channels(
    active_grant, people, channel
):
    delivery.drain()
    assert _told(outbox.GRANT_ISSUED) == [people.oncall.email, "ops-room"]
    assert "is open until" in mail.outbox[-1].body


@signed
def test_a_grant_that_is_over_is_not_told_as_open(active_grant, advance):
    advance(16 * 60)
    delivery.drain()
    assert _state(outbox.GRANT_ISSUED) == DeliveryState.SKIPPED
    assert _state(outbox.GRANT_ENDING) == DeliveryState.SKIPPED


@signed
def test_the_end_is_announced_ten_minutes_before(active_grant, people, advance):
    delivery.drain()
    assert _state(outbox.GRANT_ENDING) == DeliveryState.PENDING
    advance(5 * 60)
    delivery.drain()
    assert _told(outbox.GRANT_ENDING) == _email(people.oncall)
    assert "closes in 9 minutes" in mail.outbox[-1].subject


@signed
def test_a_grant_closed_early_is_not_announced_to_end(active_grant, people, advance):
    grants.revoke(
        tenant=active_grant.tenant,
        bypass_id=active_grant.request.bypass_id,
        person=people.oncall,
        reason="Done.",
    )
    advance(6 * 60)
    delivery.drain()
    assert _state(outbox.GRANT_ENDING) == DeliveryState.SKIPPED


@signed
def test_a_close_snaps_the_gate_back_once_and_is_told(
    active_grant, people, channel, advance
):
    advance(16 * 60)
    grants.expire_due()
    delivery.drain()
    delivery.drain()
    assert _told(outbox.GRANT_CLOSED) == [people.oncall.email, "ops-room"]
    assert len(_facts("gate.snapped_back")) == 1
    assert Grant.objects.get(pk=active_grant.pk).snapped_back_at is not None


@signed
def test_a_reverted_deploy_is_told_to_the_requester_and_in_channels(
    active_grant, gate, people, channel, advance
):
    scope = Scope(gate=gate.slug, service="checkout", branch="x", artifact="")
    decisions.decide(gate=gate, question=Question(scope=scope, deploy_id="gha-1"))
    advance(16 * 60)
    grants.expire_due()
    delivery.drain()
    assert _told(outbox.DEPLOY_REVERTED) == [people.oncall.email, "ops-room"]
    row = Notification.objects.filter(message__topic=outbox.DEPLOY_REVERTED).first()
    assert "deploy gha-1 reverted to enforcement" in row.subject


@signed
def test_a_postmortem_is_told_to_its_assignee_and_late_also_to_managers(
    active_grant, people, channel, advance
):
    advance(16 * 60)
    grants.expire_due()
    delivery.drain()
    assert _told(outbox.POSTMORTEM_OPENED) == _email(people.oncall)
    due = PostMortem.objects.get(pk=active_grant.postmortem_id).due_at
    advance((due - clock.db_now()).total_seconds() + 1)
    postmortems.remind_overdue()
    delivery.drain()
    everybody = [*_email(people.admin, people.oncall), "ops-room"]
    assert _told(outbox.POSTMORTEM_OVERDUE) == everybody


def test_managers_are_those_of_the_tenants_own_roles(acme, people, charlie):
    RoleGroup.objects.filter(tenant=acme, slug="peers").update(
        tenant_permissions=["view_tenant", "manage_tenant"]
    )
    people_services.deactivate(user=people.admin, actor=OPERATOR)
    told = messages.managers_of(tenant=acme)
    assert _email(*told) == _email(people.oncall, people.peer)


@signed
def test_inactive_requesters_are_told_nothing(active_grant, people, channel):
    people_services.deactivate(user=people.oncall, actor=OPERATOR)
    delivery.drain()
    assert _told(outbox.GRANT_ISSUED) == ["ops-room"]


# ------------------------------------------------------------------ once
def test_draining_twice_tells_once(pending_request, channel, post):
    assert delivery.drain() > 0
    assert delivery.drain() == 0
    assert len(mail.outbox) == 1
    assert len(post.sent) == 1
    assert len(_facts("request.notified")) == 1


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
    assert mails == _email(people.approver1, people.approver2)
    assert len(post.sent) == 1
    assert len(_facts("request.notified")) == 1
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


# ------------------------------------------------------------------ when it fails
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
    healthy = _channel(acme, "second-room", url="jsons://other.example.com/")
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
    _channel(pending_request.tenant, "ops-room", channel_id=channel.pk, is_active=False)
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


# ------------------------------------------------------------------ channels
def test_a_saved_channel_is_on_record_without_its_address(acme, channel):
    assert _facts("channel.changed") == [
        {"kind": "webhook", "name": "ops-room", "is_active": True}
    ]
    entry = AuditEntry.objects.get(event="channel.changed")
    assert b"hush-hush" not in bytes(entry.body)
    assert b"hooks.example.com" not in bytes(entry.body)


def test_no_row_but_the_channels_own_holds_its_address(pending_request, channel):
    delivery.drain()
    row = Notification.objects.get(kind="webhook")
    assert row.address == "ops-room"
    assert "hush-hush" not in row.subject + row.body + row.last_error


def test_an_empty_address_keeps_the_secret_that_pages_do_not_show(acme, channel):
    _channel(acme, "renamed", url="", channel_id=channel.pk)
    channel.refresh_from_db()
    assert (channel.name, channel.url) == ("renamed", URL)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "json://hooks.example.com/"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": ""}, "url"),
        ({"kind": "slack"}, "url"),
        ({"kind": "email"}, "kind"),
        ({"name": ""}, "name"),
        ({"name": "ops-room"}, "name"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_by_field(acme, channel, fields, field):
    wanted = {"name": "other", **fields}
    with pytest.raises(InvalidInput) as refused:
        _channel(acme, **wanted)
    assert refused.value.field == field
    assert Channel.objects.count() == 1
    assert len(_facts("channel.changed")) == 1


def test_another_tenants_channel_is_not_found(charlie, channel):
    with pytest.raises(NotFound):
        _channel(factories.tenant_of(charlie), "mine-now", channel_id=channel.pk)
    channel.refresh_from_db()
    assert channel.name == "ops-room"


# ------------------------------------------------------------------ what was sent
def test_sent_messages_are_listed_by_tenant_newest_first(
    acme, people, gate, charlie, channel
):
    for service in ("checkout", "billing"):
        factories.request(acme, people.oncall, gate, service=service)
    delivery.drain()
    everything = messages.sent(tenants=[acme], before=None)
    assert [row.pk for row in everything] == sorted(
        (row.pk for row in everything), reverse=True
    )
    assert len(everything) == 4
    first = messages.sent(tenants=[acme], before=None, limit=3)
    rest = messages.sent(tenants=[acme], before=first[-1].pk)
    assert [*first, *rest] == everything
    assert messages.sent(tenants=[factories.tenant_of(charlie)], before=None) == []
