"""Approving: a fresh sign-in, then the signature; nothing typed is lost."""

import pytest
from django.urls import reverse

from breakglass.models import Approval, Grant, Intent
from breakglass.services import requests
from breakglass.services.approving import approvals
from tests import factories
from tests.flows.services import steps

STEPUP = "/accounts/reauthenticate/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def peer(client_for, people, pending_request):
    return client_for(people.peer)


def text(answer):
    return answer.content.decode()


def page_of(bypass):
    return f"/t/acme/requests/{bypass.bypass_id}"


def approve(client, bypass, **fields):
    data = {"digest": bypass.digest_hex, "comment": "Looks right.", **fields}
    return client.post(f"{page_of(bypass)}/approve", data)


def test_the_address_stands_before_the_one_of_allauth():
    assert reverse("stepup") == reverse("account_reauthenticate") == STEPUP


def test_somebody_logged_out_is_sent_to_the_login(client):
    assert client.get(STEPUP).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_fresh_session_signs_at_once(peer, pending_request, people):
    answer = approve(peer, pending_request, ttl="15")
    assert answer.headers["Location"] == page_of(pending_request)
    grant = Grant.objects.get()
    assert grant.request == pending_request
    shown = text(peer.get(page_of(pending_request)))
    assert "approved and signed as peer@acme.example" in shown
    assert "Open for 1" in shown


@pytest.mark.django_db(transaction=True)
def test_an_old_session_signs_only_after_the_password(peer, pending_request, advance):
    advance(301)
    answer = approve(peer, pending_request)
    intent = Intent.objects.get(kind="approval")
    assert answer.headers["Location"] == f"{STEPUP}?intent={intent.public_id}"
    assert not Approval.objects.exists()

    shown = text(peer.get(answer.headers["Location"]))
    assert "Sign in again to approve" in shown
    assert "Looks right." in shown, "the comment is kept in the draft"
    assert "Any branch" in shown
    assert pending_request.justification in shown
    assert pending_request.digest_hex[:12] in shown

    wrong = peer.post(STEPUP, {"intent": intent.public_id, "password": "guess"})
    assert wrong.status_code == 422
    assert not Approval.objects.exists()

    before = peer.session.session_key
    right = peer.post(
        STEPUP, {"intent": intent.public_id, "password": factories.PASSWORD}
    )
    assert right.headers["Location"] == page_of(pending_request)
    assert peer.session.session_key != before, "a new session id for the new standing"
    approval = Approval.objects.get()
    assert approval.comment == "Looks right."
    assert Grant.objects.filter(request=pending_request).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_approvals_the_first_says_that_one_is_missing(
    client_for, people, high_request
):
    first = client_for(people.approver1)
    approve(first, high_request)
    assert "1 more approval needed." in text(first.get(page_of(high_request)))
    assert not Grant.objects.exists()
    approve(client_for(people.approver2), high_request, ttl="15")
    assert Grant.objects.get().ttl_seconds == 900


@pytest.mark.django_db(transaction=True)
def test_without_the_signing_service_nothing_is_granted_and_the_page_says_so(
    peer, pending_request, no_signing_service
):
    approve(peer, pending_request)
    assert not Grant.objects.exists()
    shown = text(peer.get(page_of(pending_request)))
    assert "The signing service did not answer" in shown
    assert "waiting for the signature" in shown
    assert "Waiting for signature" in text(peer.get("/inbox"))


def test_another_persons_decision_is_not_there(client_for, people, pending_request):
    intent = factories.intend(pending_request, people.peer)
    other = client_for(people.approver1)
    assert other.get(STEPUP, {"intent": intent.public_id}).status_code == 404
    data = {"intent": intent.public_id, "password": factories.PASSWORD}
    assert other.post(STEPUP, data).status_code == 404
    assert not Approval.objects.exists()


def test_a_get_never_signs(peer, people, pending_request):
    intent = factories.intend(pending_request, people.peer)
    shown = text(peer.get(STEPUP, {"intent": intent.public_id}))
    assert "Approve and sign" in shown
    assert not Approval.objects.exists()


def test_the_requester_cannot_approve(client_for, people, pending_request):
    answer = approve(client_for(people.oncall), pending_request)
    assert answer.status_code == 422
    assert "someone else must approve it" in text(answer)
    assert not Intent.objects.exists()


def test_a_longer_time_than_asked_is_put_on_the_form(peer, pending_request):
    answer = approve(peer, pending_request, ttl="60")
    assert answer.status_code == 422
    assert "Looks right." in text(answer), "the comment is not lost"


def test_htmx_moves_the_whole_page(peer, pending_request, advance):
    advance(301)
    answer = peer.post(
        f"{page_of(pending_request)}/approve",
        {"digest": pending_request.digest_hex},
        headers={"HX-Request": "true"},
    )
    assert answer.headers["HX-Redirect"].startswith(STEPUP)


def test_it_goes_on_only_within_the_portal(peer):
    data = {"password": factories.PASSWORD, "next": "https://evil.example/"}
    assert peer.post(STEPUP, data).headers["Location"] == "/"
    data["next"] = "/accounts/2fa/"
    assert peer.post(STEPUP, data).headers["Location"] == "/accounts/2fa/"


def test_a_login_is_a_fresh_authentication_and_a_forced_one_is_not(
    client, people, pending_request
):
    client.force_login(people.peer)
    assert approve(client, pending_request).headers["Location"].startswith(STEPUP)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("withdraw", "withdrawn"),
        ("reject", "rejected"),
    ],
)
def test_what_changed_during_the_sign_in_is_said_and_nothing_is_recorded(
    peer, pending_request, people, acme, advance, end, said
):
    advance(301)
    approve(peer, pending_request)
    intent = Intent.objects.get(kind="approval")
    words = {"tenant": acme, "bypass_id": pending_request.bypass_id}
    if end == "withdraw":
        requests.withdraw(**words, requester=people.oncall)
    else:
        second = factories.person("second@acme.example", "Second")
        factories.join(acme, second, "peers")
        approvals.reject(
            **words,
            approver=second,
            digest=pending_request.digest_hex,
            comment="Not tonight.",
        )

    peer.post(STEPUP, {"intent": intent.public_id, "password": factories.PASSWORD})

    shown = text(peer.get(page_of(pending_request), follow=True))
    assert "Nothing was recorded" in shown
    assert said in shown
    assert not Approval.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_policy_made_stricter_during_the_sign_in_is_said_on_the_page_that_follows(
    peer, pending_request, acme, advance
):
    advance(301)
    approve(peer, pending_request)
    intent = Intent.objects.get(kind="approval")
    steps.publish(acme, requirements={"peers": 1, "designated-approvers": 1})

    peer.post(STEPUP, {"intent": intent.public_id, "password": factories.PASSWORD})

    assert Approval.objects.get().request == pending_request
    assert not Grant.objects.exists()
    shown = text(peer.get(page_of(pending_request)))
    assert "approved and signed as peer@acme.example. 1 more approval needed" in shown
    assert "The policy changed after this was sent. Both have to be met" in shown
    assert "1 more from Designated approvers" in " ".join(shown.split())
