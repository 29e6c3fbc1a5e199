"""One request's page: the answer on top, who is waited for, what the log has."""

import re
from datetime import timedelta

import pytest

from breakglass.errors import SigningFailed
from breakglass.models import AuditEntry, Notification
from breakglass.services import comments, grants, requests
from breakglass.services.telling import delivery
from portal.http.audit import checks
from tests import factories

HTMX = {"HX-Request": "true"}
MOST_QUERIES = 20  # in all: the frame takes up to eight
pytestmark = pytest.mark.django_db
signed = pytest.mark.django_db(transaction=True)


def text(answer):
    return " ".join(answer.content.decode().split())


def page_of(bypass):
    return f"/t/acme/requests/{bypass.bypass_id}"


@pytest.fixture
def oncall(client_for, people, pending_request):
    return client_for(people.oncall)


@pytest.fixture
def peer(client_for, people, pending_request):
    return client_for(people.peer)


@pytest.mark.parametrize("tail", ["remind", "comments"])
def test_strangers_and_nobody_neither_remind_nor_comment(
    client, client_for, charlie, pending_request, tail
):
    path = f"{page_of(pending_request)}/{tail}"
    said = {"group": "peers", "text": "Mine now."}
    assert client_for(charlie).post(path, said).status_code == 404
    assert client.post(path, said).headers["Location"].startswith("/accounts/login/")
    assert not AuditEntry.objects.filter(
        event__in=("request.reminded", "request.commented")
    ).exists()


def test_it_says_who_was_told_when_and_by_which_way(oncall, pending_request):
    assert "Not told yet." in text(oncall.get(page_of(pending_request)))
    delivery.expansion.expand_due()
    assert "A message is on its way." in text(oncall.get(page_of(pending_request)))
    delivery.drain()
    sent_at = Notification.objects.get().sent_at
    shown = text(oncall.get(page_of(pending_request)))
    assert f"{sent_at:%H:%M:%S} UTC</time>: E-mail." in shown
    Notification.objects.update(state="failed", sent_at=None)
    assert "Did not get through: E-mail." in text(oncall.get(page_of(pending_request)))


def test_remind_works_once_and_says_when_it_was_done(
    oncall, peer, pending_request, advance
):
    path = page_of(pending_request)
    assert ">Remind</" not in text(peer.get(path)), "the requester's button only"
    assert 'id="remind-peers"' in text(oncall.get(path))
    assert oncall.post(f"{path}/remind", {"group": "peers"}).status_code == 302
    shown = text(oncall.get(path))
    assert "Reminded <time" in shown
    assert ">just now</time>" in shown
    assert 'id="remind-peers"' not in shown
    advance(601)
    assert 'id="remind-peers"' in text(oncall.get(path))
    assert AuditEntry.objects.filter(event="request.reminded").count() == 1


def test_a_comment_joins_the_timeline_also_after_the_end(peer, pending_request, people):
    path = page_of(pending_request)
    requests.withdraw(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        requester=people.oncall,
    )
    answer = peer.post(f"{path}/comments", {"text": "Half of them <b>recovered</b>."})
    assert answer.headers["Location"] == f"{path}#comment"
    shown = text(peer.get(path))
    assert (
        "<blockquote>Half of them &lt;b&gt;recovered&lt;/b&gt;.</blockquote>" in shown
    )


@pytest.mark.parametrize("words", ["", "  ", "x" * 2001])
def test_a_comment_in_error_is_named_on_top_and_kept(peer, pending_request, words):
    answer = peer.post(f"{page_of(pending_request)}/comments", {"text": words})
    assert answer.status_code == 422
    assert "<title>Error: " in text(answer)
    assert '<a href="#id_text">' in text(answer)
    assert words.strip() in text(answer)


def test_the_timeline_is_filtered_by_the_address(peer, pending_request, people):
    path = page_of(pending_request)
    comments.comment(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        person=people.oncall,
        text="Who looks?",
    )
    requests.withdraw(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        requester=people.oncall,
    )

    def events(show):
        lines = peer.get(path, {"show": show}).context["timeline"].lines
        return [line.entry.event for line in lines]

    everything = ["request.opened", "request.commented", "request.withdrawn"]
    assert events("") == events("nonsense") == everything
    assert events("comments") == ["request.commented"]
    assert events("decisions") == ["request.withdrawn"]
    live = text(peer.get(path, {"show": "comments"}, headers=HTMX))
    assert "Who looks?" in live
    assert "asked for the bypass" not in live, "polling keeps the filter"


def test_who_comes_by_a_message_hears_what_has_happened_since(
    peer, pending_request, people, advance
):
    sent = pending_request.opened_at
    path = f"{page_of(pending_request)}?sent={sent:%Y%m%dT%H%M%SZ}"
    shown = text(peer.get(path))
    assert "You came from a message" not in shown, "nothing has happened yet"
    assert '<div id="decision" tabindex="-1" autofocus>' in shown
    advance(60)
    requests.withdraw(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        requester=people.oncall,
    )
    shown = text(peer.get(path))
    assert "You came from a message sent at <time" in shown
    assert "oncall@acme.example withdrew the request" in shown
    assert "You came" not in text(peer.get(f"{page_of(pending_request)}?sent=nonsense"))


def test_a_lapsed_request_says_so_and_offers_to_ask_again(
    oncall, pending_request, advance
):
    advance(24 * 3600)
    shown = text(oncall.get(page_of(pending_request)))
    assert "Nobody decided within 2 hours" in shown
    assert f"/requests/new?renews={pending_request.bypass_id}" in shown


class Doubting:
    """A verifier that finds every signature wrong."""

    def verify(self, **_):
        raise SigningFailed(
            "the signature is of other bytes", stage="verify", retryable=False
        )


@signed
def test_each_signature_is_verified_when_the_page_is_made(
    oncall, people, pending_request, monkeypatch
):
    factories.approve(pending_request, people.peer)
    shown = text(oncall.get(page_of(pending_request)))
    assert 'Approval of Peer</dt><dd><span class="tag tag-ok">' in shown
    assert "each with the hash that the log has of it" in shown
    assert "Waiting for signature" in shown, "the portal's own one follows"
    monkeypatch.setattr(checks.fallback, "verifier_for", lambda _: Doubting())
    shown = text(oncall.get(page_of(pending_request)))
    assert 'Approval of Peer</dt><dd><span class="tag tag-fail">' in shown
    assert "The signature is of other bytes." in shown


@signed
def test_an_open_page_is_honest_about_a_gate_that_was_not_heard_of(
    oncall, active_grant, gate
):
    path = page_of(active_grant.request)
    assert "whether it is well is not known here" in text(oncall.get(path))
    gate.last_seen_at = active_grant.starts_at
    gate.save(update_fields=["last_seen_at"])
    shown = text(oncall.get(path))
    assert "The gate has not asked since it opened." in shown
    assert "not known here" not in shown
    gate.last_seen_at = active_grant.starts_at - timedelta(hours=1)
    gate.save(update_fields=["last_seen_at"])
    assert "The gate has not confirmed that it is open" in text(oncall.get(path))


@signed
def test_a_return_to_enforcement_that_is_late_on_record_is_said(
    oncall, active_grant, people, advance
):
    path = page_of(active_grant.request)
    grants.revoke(
        tenant=active_grant.tenant,
        bypass_id=active_grant.request.bypass_id,
        person=people.oncall,
        reason="The fix is out.",
    )
    late = "the return to enforcement is not on record"
    assert late not in text(oncall.get(path))
    advance(61)
    assert late in text(oncall.get(path))
    delivery.drain()
    shown = text(oncall.get(path))
    assert late not in shown
    assert "Return to enforcement on record" in shown


@signed
def test_closing_says_what_happens_to_whom_and_when(oncall, active_grant):
    shown = text(oncall.get(f"{page_of(active_grant.request)}/close"))
    assert "No deploy is in flight." in shown
    assert "The post-mortem opens for <strong>Oncall</strong>, due <time" in shown


def test_a_decision_under_way_has_no_dead_buttons(peer, pending_request, people):
    intent = factories.intend(pending_request, people.peer)
    shown = text(peer.get(page_of(pending_request)))
    assert f"?intent={intent.public_id}" in shown
    intent.state, intent.authenticated_at = "committed", intent.created_at
    intent.save()
    shown = text(peer.get(page_of(pending_request)))
    assert "Your approval is being signed." in shown
    assert "/approve" not in shown


@signed
def test_the_page_takes_as_many_queries_for_many_rows_as_for_few(
    client_for, acme, people, gate, high_request, django_assert_max_num_queries
):
    factories.approve(high_request, people.approver1, comment="Looks right.")
    path, reader = page_of(high_request), client_for(people.approver2)
    reader.get(path)
    with django_assert_max_num_queries(MOST_QUERIES) as few:
        reader.get(path)
    for service in ("a", "b", "c"):
        bypass = factories.request(acme, people.oncall, gate, service=service)
        requests.withdraw(
            tenant=acme, bypass_id=bypass.bypass_id, requester=people.oncall
        )
    delivery.drain()
    for words in ("One.", "Two.", "Three."):
        comments.comment(
            tenant=acme,
            bypass_id=high_request.bypass_id,
            person=people.peer,
            text=words,
        )
    with django_assert_max_num_queries(MOST_QUERIES) as many:
        shown = text(reader.get(path))
    assert re.search("Waiting for 1 more approval", shown)
    assert len(many) <= len(few)
