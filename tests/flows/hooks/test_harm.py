"""A webhook that misbehaves harms itself; one that leads inside is not called."""

import socket
import time
from datetime import timedelta

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import InvalidInput, NotFound
from breakglass.models import Webhook, WebhookDelivery
from breakglass.notify import hooks, sealed
from breakglass.services.hooks import addresses, sending
from breakglass.services.telling import expansion
from tests import factories
from tests.flows.hooks.receiver import drip, hang
from tests.flows.hooks.test_telling import tell
from tests.flows.services import steps

BAD = {
    "hangs": (hang, "it did not answer in time"),
    "drips": (drip, "it did not answer in time"),
    "redirects": (302, "it answered 302: redirects are not followed"),
    "moves": (308, "it answered 308: redirects are not followed"),
    "fails": (500, "it answered 500"),
    "refuses": (401, "it answered 401"),
}


@pytest.mark.parametrize(("answer", "words"), BAD.values(), ids=BAD)
def test_a_webhook_that_misbehaves_holds_up_no_other(
    acme, people, gate, hook, receiver, another, monkeypatch, answer, words
):
    monkeypatch.setattr(hooks, "DEADLINE", 0.6)
    hook(receiver, name="bad")
    good = hook(another, name="good").secret
    receiver.answers = [answer]
    steps.grant(acme, people, gate)
    began = time.monotonic()

    assert tell() == 2

    assert time.monotonic() - began < 6
    assert [event["type"] for _, event in another.verified(good)] == ["bypass.opened"]
    row = WebhookDelivery.objects.get(webhook__name="bad")
    assert (row.state, row.last_error) == ("pending", words)
    assert len(receiver.got) == 1, "nothing was followed"


def test_one_that_never_failed_goes_before_those_that_did(
    acme, people, gate, hook, receiver, another, advance
):
    hook(receiver, name="bad")
    receiver.answers = [500]
    steps.grant(acme, people, gate)
    tell()
    hook(another, name="good")
    steps.grant(acme, people, gate, service="payments")
    advance(60)
    while expansion.expand_due():
        pass

    assert sending._claim(resting=set()).webhook.name == "good"


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/in", "https://10.0.0.7/in", "https://[::1]/in"]
)
def test_an_address_inside_is_not_called_unless_the_operator_names_it(
    acme, people, gate, hook, receiver, settings, url
):
    settings.NOTIFY_HOSTS = []
    hook(receiver, url=url)
    steps.grant(acme, people, gate)
    tell()

    row = WebhookDelivery.objects.get()
    assert row.state == "pending"
    assert "not on the public internet" in row.last_error


def test_a_name_is_looked_up_once_and_the_address_found_is_the_one_called(
    monkeypatch, settings
):
    settings.NOTIFY_HOSTS = []
    answers = ["198.51.100.7", "127.0.0.1"]
    monkeypatch.setattr(
        "breakglass.notify.addresses.is_public",
        lambda address: address == "198.51.100.7",
    )

    def lookup(*_where, **_how):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), 443))]

    called = []

    def connect(address, *_how, **_more):
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket, "create_connection", connect)

    with pytest.raises(hooks.Unavailable, match="could not be reached"):
        hooks.post(url="https://rebind.example.com/in", body="{}", headers={})

    assert called == [("198.51.100.7", 443)]
    assert answers == ["127.0.0.1"], "nobody asked a second time"


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example.com/in", "https://hooks.example.com:8443/in"),
        *("ftp://hooks.example.com/in", "https://user:hush@hooks.example.com/in"),
        *("https://hooks.example.com/in#part", "https:///in", "https://a b/in", ""),
        *("https://hooks.example.com/ü", f"https://hooks.example.com/{'a' * 500}"),
        "https://hooks.example.com:port/in",
    ],
)
def test_a_malformed_address_is_refused_and_not_repeated(hook, receiver, url):
    with pytest.raises(InvalidInput) as refused:
        hook(receiver, url=url)

    assert refused.value.field == "url"
    assert "hush" not in str(refused.value)
    assert not Webhook.objects.exists()


def test_an_event_beyond_the_cap_is_not_sent(receiver):
    body = "a" * (hooks.BODY_MAX + 1)
    with pytest.raises(hooks.Undeliverable, match="larger"):
        hooks.post(url=f"{receiver.url}/in", body=body, headers={})

    assert receiver.got == []


def test_a_secret_is_sealed_at_rest_and_a_lost_key_is_said(
    acme, people, gate, hook, receiver, settings
):
    made = hook(receiver)
    stored = bytes(Webhook.objects.get().secret)
    assert made.secret.startswith("whsec_")
    assert made.secret.encode() not in stored
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the-key-after-it"
    assert sealed.opened(stored) == made.secret
    settings.SECRET_KEY_FALLBACKS = []
    steps.grant(acme, people, gate)
    tell()

    row = WebhookDelivery.objects.get()
    assert "rotate it" in row.last_error
    assert receiver.got == []


def test_switched_off_it_is_told_nothing_of_what_waits(
    acme, people, gate, hook, receiver, advance
):
    made = hook(receiver).webhook
    receiver.answers = [500]
    steps.grant(acme, people, gate)
    tell()
    words = {"gate": None, "name": made.name, "url": "", "actor": OPERATOR}
    for is_active in (False, True):
        addresses.store(tenant=acme, webhook_id=made.pk, is_active=is_active, **words)
    advance(timedelta(hours=1).total_seconds())

    assert sending.send_due() == 0
    assert WebhookDelivery.objects.get().state == "skipped"
    assert Webhook.objects.get().url == made.url


def test_a_webhook_and_its_gate_are_of_one_tenant(acme, hook, receiver, charlie):
    theirs = factories.tenant_of(charlie)
    with pytest.raises(InvalidInput):
        hook(receiver, gate=factories.gate(theirs, "prod"))
    made = hook(receiver).webhook
    with pytest.raises(NotFound):
        addresses.rotate(tenant=theirs, webhook_id=made.pk, actor=OPERATOR)
    with pytest.raises(InvalidInput, match="name already"):
        hook(receiver)
