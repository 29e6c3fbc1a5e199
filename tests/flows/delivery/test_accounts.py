"""A person is told about their own passkeys, on a way that a thief does not hold."""

import pytest
from django.core import mail

from breakglass.services.telling import delivery
from tests import authenticator, factories

pytestmark = pytest.mark.django_db


def test_the_owner_is_told_of_a_new_passkey_once_in_however_many_tenants(
    acme, people, charlie
):
    factories.join(factories.tenant_of(charlie), people.peer, "peers")
    authenticator.enrol(people.peer, name="Laptop")

    delivery.drain()
    delivery.drain()

    (sent,) = mail.outbox
    assert sent.to == [people.peer.email]
    assert sent.subject == "[breakglass] A passkey was added to your account: Laptop"
    assert "approve bypasses in your name from 20" in sent.body
    assert "If this was not you, remove it" in sent.body
    assert "/profile/passkeys" in sent.body
    assert "X-Breakglass-Bypass-ID" not in sent.extra_headers


def test_the_owner_is_told_of_a_removal_and_no_more_of_what_was_added_before(
    acme, people
):
    made = authenticator.enrol(people.peer, name="Laptop")
    authenticator.remove(people.peer, made)

    delivery.drain()

    (sent,) = mail.outbox
    assert "A passkey was removed from your account: Laptop" in sent.subject
    assert "peer@acme.example" in sent.body


def test_somebody_of_no_tenant_is_told_when_they_join_one(acme, people):
    newcomer = factories.person("new@acme.example", "New")
    authenticator.enrol(newcomer)
    delivery.drain()
    assert not mail.outbox

    factories.join(acme, newcomer, "peers")
    delivery.drain()

    assert [sent.to for sent in mail.outbox] == [[newcomer.email]]
