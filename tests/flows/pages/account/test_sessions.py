"""Every way to sign in is on the list of sessions, and can be ended from elsewhere."""

from datetime import datetime, timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.utils import timezone

from portal.http.accounts.session_end import BEGAN_AT, ENDS_AT
from tests import authenticator, factories
from tests.flows.pages.account.test_passkeys_page import (
    LOGIN,
    LOGIN_OPTIONS,
    challenge_of,
)
from tests.flows.pages.account.test_passkeys_page import fields as answer_of

DAY = timedelta(days=1)
STEPUP = "/accounts/reauthenticate/"
pytestmark = pytest.mark.django_db


def by_password(phone, person):
    words = {"login": person.email, "password": factories.PASSWORD}
    phone.post("/accounts/login/", words)


def by_passkey(phone, person):
    key = authenticator.enrol(person)
    passkey = key.answer(challenge_of(phone.post(LOGIN_OPTIONS)))
    phone.post(LOGIN, answer_of(passkey))


def by_both(phone, person):
    by_password(phone, person)
    by_passkey(phone, person)


def again(phone, person):
    by_password(phone, person)
    before = phone.session.session_key
    phone.post(STEPUP, {"password": factories.PASSWORD})
    assert phone.session.session_key != before, "stepped up"


def past_every_form(phone, person):
    phone.force_login(person)


def listed(client):
    page = client.get("/profile/sessions").content.decode()
    assert page.count("This device, now") == 1
    return page.count("data-relative")


@pytest.mark.parametrize(
    "sign_in", [by_password, by_passkey, by_both, again, past_every_form]
)
def test_it_is_listed_there_and_elsewhere_and_ended_with_the_others(
    client_for, people, sign_in
):
    phone = Client()
    sign_in(phone, people.peer)
    assert phone.get("/").status_code == 200
    laptop = client_for(people.peer)
    assert listed(laptop) == listed(phone) == 2
    keys = set(UserSession.objects.values_list("session_key", flat=True))
    assert keys == {laptop.session.session_key, phone.session.session_key}

    laptop.post("/profile/sessions/end", {"place": "others"})

    assert phone.get("/").headers["Location"].startswith("/accounts/login/")
    assert listed(laptop) == 1


def test_proving_oneself_again_is_no_new_sign_in(client_for, people):
    peer = client_for(people.peer)
    began = UserSession.objects.get().created_at
    peer.post(STEPUP, {"password": factories.PASSWORD})
    row = UserSession.objects.get()
    assert (row.created_at, row.session_key) == (began, peer.session.session_key)


@pytest.mark.parametrize("is_noted", [True, False])
def test_staying_signed_in_ends_a_day_after_the_sign_in(client_for, people, is_noted):
    peer = client_for(people.peer)
    assert "Stay signed in" in peer.get("/inbox").content.decode()
    end = timezone.now() + timedelta(minutes=1)
    began = end - timedelta(hours=23 if is_noted else 12)
    session = peer.session
    session[ENDS_AT] = end.isoformat()
    # One from before sign-ins were noted counts as never prolonged.
    session[BEGAN_AT] = began.isoformat() if is_noted else None
    session.save()

    answer = peer.post("/session/renew", headers={"HX-Request": "true"})

    moved, latest = datetime.fromisoformat(peer.session[ENDS_AT]), began + DAY
    assert end < moved <= latest
    assert (moved == latest) == is_noted
    assert f'"last": {str(is_noted).lower()}' in answer.headers["HX-Trigger"]
    page = peer.get("/inbox").content.decode()
    assert ("Stay signed in" in page) != is_noted
