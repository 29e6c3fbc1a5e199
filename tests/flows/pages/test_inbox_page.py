"""The inbox: what waits for one person, in all their teams, decided in place."""

import re

import pytest

from tests import factories

INBOX = "/inbox"
HTMX = {"HX-Request": "true"}
BACK = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def peer(client_for, people, pending_request):
    return client_for(people.peer)


def text(answer):
    return answer.content.decode()


def test_somebody_logged_out_is_sent_to_the_login(client):
    assert client.get(INBOX).status_code == 302


def test_it_shows_what_this_person_may_decide(
    peer, pending_request, django_assert_max_num_queries
):
    with django_assert_max_num_queries(20):
        shown = text(peer.get(INBOX))
    assert "<title>Inbox (1) · breakglass</title>" in " ".join(shown.split())
    assert pending_request.bypass_id in shown
    assert f"/t/acme/requests/{pending_request.bypass_id}/approve" in shown
    assert "It needs you as <strong>Peers</strong>" in shown


def test_neither_the_requester_nor_charlie_sees_it(
    client_for, people, charlie, pending_request
):
    for person in (people.oncall, people.auditor, charlie):
        shown = text(client_for(person).get(INBOX))
        assert pending_request.bypass_id not in shown
        assert "Nothing is waiting for you." in shown


def test_it_polls_only_whether_something_changed(peer, acme, people, gate):
    version = re.search(r'hx-get="/inbox\?v=(\w+)"', text(peer.get(INBOX)))[1]
    assert peer.get(INBOX, {"v": version}, headers=HTMX).status_code == 204
    factories.request(acme, people.oncall, gate, service="search")
    changed = text(peer.get(INBOX, {"v": version}, headers=HTMX))
    assert "The inbox changed" in changed
    assert "<form" not in changed, "a typed comment must survive the poll"
    assert "<html" in text(peer.get(INBOX, headers=BACK))


def test_a_rejection_in_place_leads_back_to_the_inbox(peer, pending_request):
    answer = peer.post(
        f"/t/acme/requests/{pending_request.bypass_id}/reject",
        {
            "digest": pending_request.digest_hex,
            "comment": "Not now.",
            "back": "inbox",
        },
    )
    assert answer.headers["Location"] == INBOX
    shown = text(peer.get(INBOX, {"tab": "decided"}))
    assert pending_request.bypass_id in shown
    assert "Rejected" in shown


def test_a_decision_that_waits_for_a_sign_in_is_offered_again(
    peer, people, pending_request
):
    intent = factories.intend(pending_request, people.peer, comment="Looks right.")
    shown = text(peer.get(INBOX))
    assert f"?intent={intent.public_id}" in shown
    assert "Sign in to finish" in shown
    assert "Looks right." in shown
    assert "Decide here" not in shown, "the draft stands in for the row"
    assert shown.count(f'id="h-{pending_request.bypass_id}"') == 1
    assert "<h1>Inbox (1)</h1>" in shown


def test_the_frames_live_part_carries_the_count(peer):
    shown = text(peer.get("/live", headers=HTMX))
    assert 'data-inbox-count="1"' in shown
    assert "<html" not in shown
