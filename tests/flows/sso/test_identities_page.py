"""A person's own identities: linked and unlinked only after a fresh sign-in."""

import pytest

from breakglass.models import AuditEntry
from breakglass.queries.people import accounts as queries
from tests import factories
from tests.flows.sso.steps import (
    STEPUP,
    address_in,
    at_the_provider,
    come_back,
    text,
)

pytestmark = pytest.mark.django_db
PAGE = "/profile/identities"
LINK = {"provider": "fake"}


@pytest.fixture
def peer(client_for, acme, people, provider):
    return client_for(people.peer)


def linked(user):
    return [identity.subject for identity in queries.identities_of(user=user)]


def test_somebody_logged_out_is_sent_to_the_login(client, provider):
    for path in (PAGE, f"{PAGE}/1/unlink"):
        assert client.get(path).headers["Location"].startswith("/accounts/login/")
    assert client.post(f"{PAGE}/link", LINK).status_code == 302


def test_a_person_links_an_identity_by_signing_in_there(peer, people, idp):
    assert "No identity is linked" in text(peer.get(PAGE))

    answer = peer.post(f"{PAGE}/link", LINK)
    back = come_back(peer, at_the_provider(address_in(answer)))

    assert back.headers["Location"] == PAGE
    page = text(peer.get(PAGE))
    assert "You can sign in with Fake ID now" in page
    assert "sub-peer" in page
    assert idp.issuer in page
    assert AuditEntry.objects.get(event="identity.linked").actor == people.peer.email
    assert idp.asked[-1]["prompt"] == "login"


def test_somebody_elses_identity_is_not_taken_over(peer, people, link, idp):
    link(people.oncall, "sub-oncall")
    idp.person = "oncall"

    come_back(peer, at_the_provider(address_in(peer.post(f"{PAGE}/link", LINK))))

    assert "linked to a person already" in text(peer.get(PAGE))
    assert linked(people.peer) == []


def test_a_stale_sign_in_links_nothing(peer, people, idp):
    idp.mode = "stale"

    come_back(peer, at_the_provider(address_in(peer.post(f"{PAGE}/link", LINK))))

    assert "did not ask you to sign in again" in text(peer.get(PAGE))
    assert linked(people.peer) == []


def test_an_old_session_links_and_unlinks_only_after_a_new_sign_in(
    peer, people, link, idp, advance
):
    identity = link(people.peer, "sub-peer")
    advance(301)
    ask = f"{STEPUP}?next=%2Fprofile%2Fidentities"
    assert peer.post(f"{PAGE}/link", LINK).headers["Location"] == ask
    unlink = f"{PAGE}/{identity.pk}/unlink"
    asked = peer.post(unlink, {"reason": "Old"}).headers["Location"]
    assert asked == f"{ask}%2F{identity.pk}%2Funlink"
    assert linked(people.peer) == ["sub-peer"]

    right = {"password": factories.PASSWORD, "next": PAGE}
    assert peer.post(STEPUP, right).headers["Location"] == PAGE
    assert peer.post(unlink, {"reason": "Old"}).headers["Location"] == PAGE
    assert linked(people.peer) == []


def test_unlinking_asks_why_and_is_in_the_log(peer, people, link):
    identity = link(people.peer, "sub-peer")
    path = f"{PAGE}/{identity.pk}/unlink"
    assert "does not sign in as you any more" in text(peer.get(path))
    empty = peer.post(path, {"reason": ""})
    assert empty.status_code == 422
    assert "Say why you unlink it" in text(empty)

    peer.post(path, {"reason": "New provider"})

    assert linked(people.peer) == []
    assert AuditEntry.objects.get(event="identity.unlinked").actor == people.peer.email


def test_the_identity_of_somebody_else_is_not_there(peer, people, link):
    theirs = link(people.oncall, "sub-oncall")
    path = f"{PAGE}/{theirs.pk}/unlink"

    assert peer.get(path).status_code == 404
    assert peer.post(path, {"reason": "x"}).status_code == 404
    assert linked(people.oncall) == ["sub-oncall"]


def test_the_last_way_in_is_not_offered_and_not_unlinked(
    client, acme, people, link, idp
):
    identity = link(people.peer, "sub-peer")
    people.peer.set_unusable_password()
    people.peer.save(update_fields=["password"])
    client.force_login(people.peer)
    answer = client.post(STEPUP, {**LINK, "next": PAGE})
    come_back(client, at_the_provider(address_in(answer)))

    assert "your only way in" in text(client.get(PAGE))
    refused = client.post(f"{PAGE}/{identity.pk}/unlink", {"reason": "x"})

    assert refused.status_code == 403
    assert linked(people.peer) == ["sub-peer"]


def test_only_a_post_links(peer):
    assert peer.get(f"{PAGE}/link").status_code == 405
    assert peer.post(f"{PAGE}/link", {"provider": "other"}).status_code == 404
