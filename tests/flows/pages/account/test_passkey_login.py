"""Signing in with a passkey, and showing with one who is there."""

import pytest
from django.core.cache import cache

from breakglass.models import Approval, Assertion, Intent
from tests import authenticator
from tests.authenticator import Authenticator
from tests.flows.pages.account.test_passkeys_page import (
    LOGIN,
    LOGIN_OPTIONS,
    OPTIONS,
    PAGE,
    STEPUP,
    approve,
    challenge_of,
    fields,
    key,
    peer,
    text,
)

__all__ = ["key", "peer"]  # fixtures
pytestmark = pytest.mark.django_db


def test_a_passkey_signs_in_whose_it_is(client, people, acme):
    key = authenticator.enrol(people.peer)  # even while it cools down
    passkey = key.answer(challenge_of(client.post(LOGIN_OPTIONS)))

    done = client.post(LOGIN, {**fields(passkey), "next": "/inbox"})

    assert done.headers["Location"] == "/inbox"
    assert "peer@acme.example" in text(client.get("/inbox"))
    assert client.get(PAGE).status_code == 200
    assert "Add a passkey" in text(client.get(PAGE))


def test_an_answer_signs_in_once_and_only_its_own_session(client, people, key):
    passkey = key.answer(challenge_of(client.post(LOGIN_OPTIONS)))
    client.post(LOGIN, fields(passkey))
    client.post("/accounts/logout/")

    for _ in range(2):
        refused = client.post(LOGIN, fields(passkey))
        assert refused.headers["Location"] == "/accounts/login/"
        client.post(LOGIN_OPTIONS)  # a new challenge, which it does not answer
    assert client.get("/inbox").status_code == 302
    assert "You are not signed in" in text(client.get("/accounts/login/"))


def test_nobody_signs_in_with_what_is_removed_unknown_or_a_closed_accounts(
    client, people, key
):
    def tried(with_key):
        passkey = with_key.answer(challenge_of(client.post(LOGIN_OPTIONS)))
        client.post(LOGIN, fields(passkey))
        return client.get("/inbox").status_code

    assert tried(Authenticator()) == 302
    people.peer.is_active = False
    people.peer.save(update_fields=["is_active"])
    assert tried(key) == 302
    people.peer.is_active = True
    people.peer.save(update_fields=["is_active"])
    authenticator.remove(people.peer, key)
    assert tried(key) == 302
    assert client.post(LOGIN, {"credential_id": "x"}).status_code == 302


def test_signing_in_with_a_new_passkey_is_no_way_around_its_cool_down(
    client, people, acme, pending_request
):
    key = authenticator.enrol(people.peer)
    passkey = key.answer(challenge_of(client.post(LOGIN_OPTIONS)))
    client.post(LOGIN, fields(passkey))

    answer = approve(client, pending_request)

    assert answer.headers["Location"].startswith(STEPUP)
    assert not Approval.objects.exists()
    intent = Intent.objects.get(kind="approval")
    data = {"intent": intent.public_id, **fields(key.answer(intent.digest))}
    client.post(STEPUP, data)
    assert not Assertion.objects.exists()


def test_a_passkey_proves_for_settings_who_is_there(peer, people, key, advance):
    advance(301)
    assert peer.post(OPTIONS).status_code == 403
    passkey = key.answer(challenge_of(peer.post(LOGIN_OPTIONS)))

    done = peer.post(STEPUP, {**fields(passkey), "next": PAGE})

    assert done.headers["Location"] == PAGE
    assert peer.post(OPTIONS).status_code == 200


def test_somebody_elses_passkey_proves_nothing_for_settings(
    client_for, people, key, advance
):
    other = client_for(people.approver1)
    advance(301)
    passkey = key.answer(challenge_of(other.post(LOGIN_OPTIONS)))

    refused = other.post(STEPUP, {**fields(passkey), "next": PAGE})

    assert refused.status_code == 422
    assert other.post(OPTIONS).status_code == 403


def test_too_many_tries_from_one_address_are_refused(client, people, key, settings):
    settings.ACCOUNT_RATE_LIMITS = {"passkey_login": "2/m/ip"}
    cache.clear()
    try:
        passkey = key.answer(challenge_of(client.post(LOGIN_OPTIONS)))
        client.post(LOGIN, fields(passkey))
        assert client.get("/inbox").status_code == 200
        assert client.post(LOGIN_OPTIONS).status_code == 429
        client.post("/accounts/logout/")
        assert client.post(LOGIN, fields(passkey)).status_code == 302
        assert "too many tries" in text(client.get("/accounts/login/"))
        assert client.get("/inbox").status_code == 302
    finally:
        cache.clear()
