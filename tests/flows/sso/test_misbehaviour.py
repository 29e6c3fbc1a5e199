"""A provider that misbehaves, in every way: nothing is recorded, and it is said."""

from datetime import timedelta

import pytest

from breakglass.models import Approval, Authentication, Grant, Intent
from tests import fakeidp
from tests.flows.sso.steps import (
    address_in,
    approve,
    at_the_provider,
    come_back,
    decide,
    leave,
    page_of,
    text,
)

pytestmark = pytest.mark.django_db
SAID = {
    "stale": "did not ask you to sign in again",
    "just too old": "did not ask you to sign in again",
    "signed in tomorrow": "did not ask you to sign in again",
    "from the future": "a clock is wrong",
    "not yet": "a clock is wrong",
    "no auth_time": "did not prove when you signed in",
    "auth_time as text": "did not prove when you signed in",
    "auth_time true": "did not prove when you signed in",
    "wrong nonce": "was for another decision",
    "no nonce": "was for another decision",
    "wrong aud": "for another application",
    "wrong aud list": "for another application",
    "two audiences": None,  # the party is named: it is us
    "another party": "for another application",
    "no aud": "for another application",
    "wrong iss": "was not made by Fake ID",
    "iss with a slash": "was not made by Fake ID",
    "wrong sub": "You signed in as somebody else",
    "no sub": "did not say who signed in",
    "sub as a number": "did not say who signed in",
    "expired": "had expired already",
    "no exp": "had expired already",
    "alg none": "does not carry its signature",
    "alg HS256 with the public key": "does not carry its signature",
    "alg HS256 with the client's secret": "does not carry its signature",
    "bad signature": "does not carry its signature",
    "another key under its kid": "does not carry its signature",
    "garbage token": "does not carry its signature",
    "unknown kid": "with a key that it does not publish",
    "no kid": "without naming its key",
    "no token": "did not confirm the sign-in",
    "garbage answer": "something that is not an answer",
    "a list": "something that is not an answer",
    "endless answer": "something that is not an answer",
    "500": "did not confirm the sign-in",
    "no answer": "did not answer",
    "another iss": "was not made by Fake ID",
    "cancel": "Sign-in was cancelled. Nothing was recorded.",
    "server error": "refused the sign-in",
}


def nothing_is_recorded():
    assert not Approval.objects.exists()
    assert not Authentication.objects.exists()
    assert not Grant.objects.exists()
    intent = Intent.objects.get(kind="approval")
    assert intent.state == "draft", "the decision waits, for a better sign-in"


@pytest.fixture
def peer(people, link, signed_in, pending_request, settings):
    settings.OIDC_DEADLINE = timedelta(seconds=3)
    link(people.peer, "sub-peer")
    return signed_in(people.peer)


def test_every_way_is_in_the_table():
    ways = {*fakeidp.CLAIMS, *fakeidp.SIGNATURES, *fakeidp.REDIRECTS}
    states = {"state mismatch", "no state", "code replay"}
    assert ways - states == set(SAID)


@pytest.mark.parametrize("mode", [mode for mode, said in SAID.items() if said])
def test_what_does_not_prove_it_records_nothing_and_says_why(
    peer, idp, pending_request, settings, mode
):
    if mode == "no answer":
        settings.OIDC_DEADLINE = timedelta(milliseconds=300)
    idp.mode = mode

    answer = approve(peer, pending_request)

    assert answer.headers["Location"] == page_of(pending_request)
    shown = text(peer.get(page_of(pending_request)))
    assert SAID[mode] in shown
    assert "Nothing was recorded" in shown
    nothing_is_recorded()


@pytest.mark.django_db(transaction=True)
def test_a_token_for_several_that_names_us_as_its_party_is_ours(
    peer, idp, pending_request
):
    idp.mode = "two audiences"

    approve(peer, pending_request)

    assert Grant.objects.exists()


@pytest.mark.parametrize("mode", ["state mismatch", "no state"])
def test_a_state_that_is_not_ours_leads_nowhere(peer, idp, pending_request, mode):
    idp.mode = mode

    answer = approve(peer, pending_request)

    assert answer.headers["Location"] == "/inbox"
    assert "was not started here" in text(peer.get("/inbox"))
    nothing_is_recorded()


def test_another_person_at_the_login_page_is_told_so(
    peer, people, idp, link, pending_request
):
    link(people.approver1, "sub-approver1")
    idp.person = "approver1"

    approve(peer, pending_request)

    shown = text(peer.get(page_of(pending_request)))
    assert "You signed in as somebody else" in shown
    nothing_is_recorded()


def test_a_code_that_was_used_before_records_nothing(peer, idp, pending_request):
    first = at_the_provider(address_in(leave(peer, decide(peer, pending_request))))
    code = first.partition("code=")[2].partition("&")[0]
    idp.redeem({"code": code}, "")
    come_back(peer, first)

    assert "did not confirm" in text(peer.get(page_of(pending_request)))
    nothing_is_recorded()


def test_the_verifier_of_this_session_is_what_redeems_the_code(
    peer, idp, pending_request
):
    """A code that was stolen and brought into another session is worth nothing."""
    stolen = at_the_provider(address_in(leave(peer, decide(peer, pending_request))))
    code = stolen.partition("code=")[2].partition("&")[0]
    mine = at_the_provider(address_in(leave(peer, decide(peer, pending_request))))
    own = mine.partition("code=")[2].partition("&")[0]

    come_back(peer, mine.replace(own, code))

    assert "did not confirm" in text(peer.get(page_of(pending_request)))
    assert not Authentication.objects.exists()


@pytest.mark.parametrize(
    ("discovery", "said"),
    [
        ({"issuer": "https://another.example"}, "another issuer than the one"),
        ({"token_endpoint": "http://idp.example/token"}, "over https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "over https"),
        ({"jwks_uri": None}, "over https"),
    ],
)
def test_a_provider_that_describes_itself_wrongly_is_not_gone_to(
    peer, idp, pending_request, discovery, said
):
    idp.discovery = discovery
    stepup = decide(peer, pending_request)

    answer = leave(peer, stepup)

    assert answer.headers["Location"] == stepup
    assert said in text(peer.get(stepup))
    nothing_is_recorded()


def test_a_provider_that_is_down_leaves_the_password(
    peer, provider, pending_request, settings
):
    down = provider()
    with fakeidp.running() as gone:
        issuer = gone.issuer
    provider(issuer=issuer)
    stepup = decide(peer, pending_request)
    assert leave(peer, stepup).status_code == 302
    assert f"{down.name} did not answer" in text(peer.get(stepup))
    nothing_is_recorded()
