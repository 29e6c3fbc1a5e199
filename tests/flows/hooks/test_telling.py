"""What webhooks are told: in order, signed, and until it is taken."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from breakglass.actors import OPERATOR
from breakglass.models import Finding, OutboxMessage, WebhookDelivery
from breakglass.services import grants
from breakglass.services.gates import terms
from breakglass.services.hooks import addresses, sending
from breakglass.services.telling import expansion
from tests import factories
from tests.flows.services import steps


def tell():
    """What the workers do: expand what is due, then send."""
    while expansion.expand_due():
        pass
    return sending.send_due()


def close(acme, people, grant):
    bypass_id = grant.request.bypass_id
    grants.revoke(tenant=acme, bypass_id=bypass_id, person=people.oncall, reason="Ok.")


def types(receiver, secret):
    return [event["type"] for _, event in receiver.verified(secret)]


@pytest.fixture
def at_five_seconds(monkeypatch):
    """Waits without jitter, so that a test can say when."""
    monkeypatch.setattr(sending.random, "uniform", lambda *_: 0.0)


def test_a_bypass_is_told_from_open_to_close_and_an_aborted_deploy_is_cancelled(
    acme, people, gate, hook, receiver, advance
):
    secret = hook(receiver).secret
    terms.set_terms(gate=gate, at_close="abort", actor=OPERATOR)
    gate.refresh_from_db()
    grant = steps.grant(acme, people, gate)
    steps.ask(gate, "gha-1")
    tell()
    advance(14 * 60)
    tell()
    close(acme, people, grant)
    tell()

    told = receiver.verified(secret)
    opened, soon, *rest = [event for _, event in told]
    assert [opened["type"], soon["type"]] == ["bypass.opened", "bypass.closing_soon"]
    by_type = {event["type"]: event["data"] for event in rest}
    assert set(by_type) == {"bypass.closed", "deploy.reverted"}
    assert by_type["deploy.reverted"]["deploy_id"] == "gha-1"
    assert by_type["deploy.reverted"]["action"] == "cancel"
    assert by_type["bypass.closed"]["closed_how"] == "revoked"
    bypass_id = grant.request.bypass_id
    assert {event["data"]["bypass_id"] for _, event in told} == {bypass_id}
    assert opened["data"]["url"].endswith(f"/t/acme/requests/{bypass_id}")
    assert datetime.fromisoformat(opened["timestamp"]) == grant.starts_at
    assert len({name for name, _ in told}) == 4
    said = "".join(body for _, body in receiver.got)
    assert grant.request.justification not in said
    assert people.oncall.email not in said
    assert not tell(), "each is told once"


def test_a_failed_event_comes_again_under_its_id_and_holds_up_the_next(
    acme, people, gate, hook, receiver, advance, at_five_seconds
):
    secret = hook(receiver).secret
    receiver.answers = [500, 503]
    close(acme, people, steps.grant(acme, people, gate))

    assert tell() == 1
    row = WebhookDelivery.objects.earliest("pk")
    assert (row.state, row.last_error) == ("pending", "it answered 500")
    assert sending.send_due() == 0, "not before its time"
    advance(6)
    assert sending.send_due() == 1
    advance(301)
    assert sending.send_due() == 2

    told = receiver.verified(secret)
    assert [event["type"] for _, event in told] == [
        *["bypass.opened"] * 3,
        "bypass.closed",
    ]
    ids = [name for name, _ in told]
    assert len(set(ids[:3])) == 1
    assert ids[3] != ids[0]
    assert len({body for _, body in receiver.got[:3]}) == 1
    states = WebhookDelivery.objects.order_by("pk").values_list("state", "attempts")
    assert list(states) == [("delivered", 3), ("delivered", 1)]


def test_whatever_a_worker_takes_first_the_opening_is_told_first(
    acme, people, gate, hook, receiver
):
    secret = hook(receiver).secret
    grant = steps.grant(acme, people, gate)
    close(acme, people, grant)
    late = OutboxMessage.objects.get(topic="grant.issued")
    late.due_at += timedelta(minutes=5)
    late.save()
    tell()

    assert types(receiver, secret) == ["bypass.opened", "bypass.closed"]


def test_something_new_hurries_up_a_webhook_that_waits_for_hours(
    acme, people, gate, hook, receiver, advance, at_five_seconds
):
    hook(receiver)
    receiver.answers = [500] * 4
    steps.grant(acme, people, gate)
    for wait in (0, 6, 301, 1801):
        advance(wait)
        tell()
    assert len(receiver.got) == 4
    assert tell() == 0, "the fifth try is two hours away"

    assert grants.expire_due() == 1

    assert tell() == 3, "opened, closing soon, closed"


def test_an_event_that_is_never_taken_is_given_up_after_three_days_and_found(
    acme, people, gate, hook, receiver, advance
):
    hook(receiver)
    receiver.answers = [500] * 50
    steps.grant(acme, people, gate)
    tell()
    advance(sending.GIVE_UP_AFTER.total_seconds())

    sending.send_due()

    row = WebhookDelivery.objects.get(event="bypass.opened")
    assert (row.state, row.last_error) == ("failed", "it answered 500")
    found = Finding.objects.get(kind="webhook_dead")
    assert found.facts == {"webhook": "pipelines", "why": "it answered 500"}
    assert found.owner == people.admin


def test_a_receiver_that_says_gone_is_told_nothing_more_and_somebody_has_to_look(
    acme, people, gate, hook, receiver
):
    made = hook(receiver).webhook
    receiver.answers = [410]
    close(acme, people, steps.grant(acme, people, gate))
    tell()

    made.refresh_from_db()
    assert not made.is_active
    assert "410" in made.off_because
    assert Finding.objects.get().kind == "webhook_dead"
    assert steps.facts(acme, "webhook.stopped")["name"] == "pipelines"
    states = WebhookDelivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["failed", "skipped"]
    steps.grant(acme, people, gate, service="payments")
    assert tell() == 0
    assert len(receiver.got) == 1


def test_for_a_day_after_a_rotation_both_secrets_sign_then_only_the_new_one(
    acme, people, gate, hook, receiver, advance
):
    made = hook(receiver)
    new = addresses.rotate(tenant=acme, webhook_id=made.webhook.pk, actor=OPERATOR)
    assert new.secret != made.secret
    steps.grant(acme, people, gate)
    tell()
    assert types(receiver, made.secret) == types(receiver, new.secret)
    assert receiver.got[0][0]["webhook-signature"].count("v1,") == 2

    advance(addresses.OVERLAP.total_seconds())
    steps.grant(acme, people, gate, service="payments")
    tell()

    headers, body = receiver.got[-1]
    assert Verifier(new.secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(made.secret).verify(body, headers)


def test_a_webhook_hears_of_its_gate_and_tenant_and_of_nothing_before_it_was_made(
    acme, people, gate, database_gate, hook, receiver, charlie
):
    theirs = factories.tenant_of(charlie)
    steps.grant(acme, people, gate)
    words = {"name": "theirs", "url": f"{receiver.url}/theirs", "is_active": True}
    addresses.store(tenant=theirs, gate=None, actor=OPERATOR, **words)
    hook(receiver, gate=database_gate)
    hook(receiver, name="late")

    assert tell() == 0
    assert not WebhookDelivery.objects.exists()


def test_two_workers_never_send_of_one_webhook_at_once(
    acme, people, gate, hook, receiver, advance
):
    hook(receiver)
    close(acme, people, steps.grant(acme, people, gate))
    while expansion.expand_due():
        pass

    first = sending._claim(resting=set())

    assert first.event == "bypass.opened"
    assert sending._claim(resting=set()) is None, "the next waits for the one before"
    advance(sending.LEASE.total_seconds())
    again = sending._claim(resting=set())
    assert (again.pk, again.attempts) == (first.pk, 2), "its worker died"


def test_the_schedule_is_that_of_the_specification_a_fifth_shorter_or_longer():
    hours = timedelta(hours=1)
    assert sending.delay(attempts=1, spread=0) == timedelta(seconds=5)
    assert sending.delay(attempts=2, spread=1) == timedelta(minutes=6)
    assert sending.delay(attempts=4, spread=-1) == 1.6 * hours
    assert sending.delay(attempts=40, spread=0) == 24 * hours
    assert timedelta(days=3) < sending.GIVE_UP_AFTER < timedelta(days=4)


def test_times_in_the_header_are_of_the_try_and_in_the_body_of_the_event(
    acme, people, gate, hook, receiver
):
    hook(receiver)
    grant = steps.grant(acme, people, gate)
    tell()

    headers, body = receiver.got[0]
    sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)
    assert abs(datetime.now(UTC) - sent) < timedelta(minutes=1)
    assert f'"timestamp":"{grant.starts_at:%Y-%m-%dT%H:%M:%S}' in body
