"""Approving with a fresh sign-in at the provider, bound to the decision."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from allauth.usersessions.models import UserSession

from breakglass import clock
from breakglass.errors import NotPermitted
from breakglass.models import Approval, Authentication, Grant, Intent
from breakglass.rules.evidence import Proof
from breakglass.services.approving import approvals
from breakglass.services.people import identities
from breakglass.signing import keyless
from portal.http.accounts import adapter
from portal.http.accounts.oidc.flow import SESSION_KEY
from tests import factories
from tests.flows.services.test_identities import facts
from tests.flows.sso.steps import (
    STEPUP,
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


@pytest.fixture
def peer(people, link, signed_in, pending_request):
    link(people.peer, "sub-peer")
    return signed_in(people.peer)


@pytest.mark.django_db(transaction=True)
def test_a_fresh_sign_in_signs_the_decision_and_is_on_record(
    peer, people, pending_request, idp
):
    before = peer.session.session_key

    answer = approve(peer, pending_request)

    assert answer.headers["Location"] == page_of(pending_request)
    shown = text(peer.get(page_of(pending_request)))
    assert "approved and signed as peer@acme.example" in shown
    assert Grant.objects.get().request == pending_request
    assert Approval.objects.get().comment == "Looks right."
    kept = Authentication.objects.get()
    assert (kept.method, kept.issuer, kept.subject) == ("oidc", idp.issuer, "sub-peer")
    assert bytes(kept.token_sha256) == hashlib.sha256(idp.last_token.encode()).digest()
    assert (kept.amr, kept.acr) == (["pwd", "otp"], "urn:example:silver")
    (fact,) = [f["authentication"] for f in facts("request.approved")]
    assert fact["method"] == "oidc"
    assert fact["token_sha256"] == bytes(kept.token_sha256).hex()
    assert peer.session.session_key != before, "a new session id for the new standing"
    assert SESSION_KEY not in peer.session or not peer.session[SESSION_KEY]


def test_the_person_is_asked_again_for_exactly_this_decision(
    peer, people, pending_request, idp
):
    stepup = decide(peer, pending_request)
    assert "Sign in again with Fake ID" in text(peer.get(stepup))
    assert not idp.asked, "nobody leaves before the button"

    answer = leave(peer, stepup)

    assert answer.headers["Referrer-Policy"] == "same-origin"
    url = urlsplit(address_in(answer))
    asked = dict(parse_qsl(url.query))
    intent = Intent.objects.get(kind="approval")
    nonce = urlsafe_b64encode(intent.digest).rstrip(b"=").decode()
    pending = peer.session[SESSION_KEY][asked["state"]]
    challenge = hashlib.sha256(pending["verifier"].encode()).digest()
    assert asked == {
        "response_type": "code",
        "client_id": "breakglass",
        "redirect_uri": "http://testserver/accounts/oidc/stepup/callback",
        "scope": "openid email",
        "state": asked["state"],
        "nonce": nonce,
        "code_challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "prompt": "login",
        "max_age": "0",
        "login_hint": "peer@acme.example",
    }
    assert url.query in text(answer).split('href="')[-1], "a link for whoever needs one"


def test_htmx_moves_the_whole_page_to_the_provider(peer, pending_request, idp):
    stepup = decide(peer, pending_request)
    data = {"intent": stepup.partition("intent=")[2], "provider": "fake"}

    answer = peer.post(STEPUP, data, headers={"HX-Request": "true"})

    assert answer.headers["HX-Redirect"].startswith(f"{idp.issuer}/auth?")


def test_who_may_not_decide_never_gets_to_the_provider(
    people, link, signed_in, pending_request, idp
):
    link(people.oncall, "sub-oncall")
    browser = signed_in(people.oncall)
    data = {"digest": pending_request.digest_hex}

    answer = browser.post(f"{page_of(pending_request)}/approve", data)

    assert answer.status_code == 422
    assert not idp.asked
    assert not Intent.objects.filter(kind="approval").exists()


def test_a_sign_in_for_one_decision_does_not_sign_another(
    peer, people, acme, gate, pending_request, idp
):
    other = factories.request(acme, people.oncall, gate, service="mail")
    first = address_in(leave(peer, decide(peer, pending_request)))
    second = address_in(leave(peer, decide(peer, other)))
    nonces = [dict(parse_qsl(urlsplit(url).query))["nonce"] for url in (first, second)]
    assert nonces[0] != nonces[1]

    # The answer to the one sign-in, brought back under the state of the other.
    location = at_the_provider(first)
    state = dict(parse_qsl(urlsplit(second).query))["state"]
    mine = dict(parse_qsl(urlsplit(first).query))["state"]
    come_back(peer, location.replace(mine, state))

    assert "Nothing was recorded" in text(peer.get(page_of(other)))
    assert not Approval.objects.exists()
    assert not Authentication.objects.exists()


def test_a_state_works_once_and_only_in_its_session(
    peer, people, link, signed_in, pending_request
):
    location = at_the_provider(address_in(leave(peer, decide(peer, pending_request))))
    link(people.approver1, "sub-approver1")
    stranger = signed_in(people.approver1)
    assert come_back(stranger, location).headers["Location"] == "/inbox"
    assert "was not started here" in text(stranger.get("/inbox"))

    state = dict(parse_qsl(urlsplit(location).query))["state"]
    come_back(peer, f"http://testserver/accounts/oidc/stepup/callback?state={state}")
    assert state not in peer.session[SESSION_KEY], "used up, though nothing came of it"
    come_back(peer, location)
    assert "was used already" in text(peer.get("/inbox"))
    assert not Approval.objects.exists()


def test_a_state_of_another_person_in_the_same_browser_is_refused(
    peer, people, link, pending_request
):
    location = at_the_provider(address_in(leave(peer, decide(peer, pending_request))))
    kept = peer.session[SESSION_KEY]
    peer.force_login(people.approver1)
    session = peer.session
    session[SESSION_KEY] = kept
    session.save()

    come_back(peer, location)

    assert "was not started here" in text(peer.get("/inbox"))
    assert not Authentication.objects.exists()


def test_a_sign_in_that_took_too_long_records_nothing(peer, pending_request, advance):
    location = at_the_provider(address_in(leave(peer, decide(peer, pending_request))))
    advance(601)

    come_back(peer, location)

    assert "took too long" in text(peer.get("/inbox"))
    assert not Authentication.objects.exists()


def test_an_identity_that_was_unlinked_on_the_way_proves_nothing(
    peer, people, pending_request
):
    location = at_the_provider(address_in(leave(peer, decide(peer, pending_request))))
    (identity,) = people.peer.identities.all()
    actor = people.admin.as_actor()
    identities.unlink(identity_id=identity.pk, reason="Stolen", actor=actor)

    come_back(peer, location)

    assert "not linked to your account" in text(peer.get(page_of(pending_request)))
    assert not Authentication.objects.exists()


def test_the_service_itself_asks_whose_identity_it_is(
    people, link, idp, pending_request
):
    link(people.oncall, "sub-oncall")
    intent = factories.intend(pending_request, people.peer)
    proof = Proof(
        method="oidc",
        at=clock.db_now(),
        issuer=idp.issuer,
        subject="sub-oncall",
        token_sha256=b"\x00" * 32,
        auth_time=datetime.now(UTC),
    )

    with pytest.raises(NotPermitted, match="not linked to your account"):
        approvals.confirm(intent_id=intent.public_id, approver=people.peer, proof=proof)


def test_a_provider_that_cannot_prove_the_time_needs_a_passkey_beside_it(
    peer, provider, idp, pending_request
):
    provider(auth_time=False)
    idp.mode = "no auth_time"

    approve(peer, pending_request)

    shown = text(peer.get(page_of(pending_request)))
    assert "needs your passkey as well" in shown
    assert not Authentication.objects.exists()


@pytest.mark.parametrize("has_password", [True, False])
def test_the_page_offers_what_the_person_has(
    peer, people, pending_request, has_password
):
    if not has_password:
        people.peer.set_unusable_password()
        people.peer.save(update_fields=["password"])
        peer.force_login(people.peer)

    shown = text(peer.get(decide(peer, pending_request)))

    assert "Sign in again with Fake ID" in shown
    assert ('name="password"' in shown) == has_password
    if has_password:
        assert shown.index("Sign in again with") < shown.index('name="password"')


def test_who_has_neither_password_nor_identity_is_told_so(
    people, signed_in, provider, pending_request
):
    people.peer.set_unusable_password()
    people.peer.save(update_fields=["password"])
    browser = signed_in(people.peer)

    shown = text(browser.get(decide(browser, pending_request)))

    assert "cannot sign in again here" in shown
    assert 'name="password"' not in shown


def test_an_unknown_provider_is_not_there(peer, pending_request):
    assert leave(peer, decide(peer, pending_request), "other").status_code == 404


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.django_db(transaction=True)
def test_only_an_instance_that_trusts_the_provider_is_given_the_token(
    peer, provider, idp, settings, monkeypatch, pending_request, trusted
):
    """What reaches the certificate authority is tested with the signer itself."""
    provider(fulcio=trusted)
    settings.SIGNING_IDENTITY = "provider"
    given = []
    real = keyless.KeylessSigner.sign

    def sign(self, *, id_token=None, **words):
        given.append(id_token)
        portal = replace(self, tokens=replace(self.tokens, source="portal"))
        return real(portal, **words)

    monkeypatch.setattr(keyless.KeylessSigner, "sign", sign)

    approve(peer, pending_request)

    assert Grant.objects.exists()
    assert given[0] == (idp.last_token if trusted else None)


def test_without_a_decision_it_confirms_the_person_and_signs_nothing_later(
    peer, people, pending_request
):
    answer = peer.post(STEPUP, {"provider": "fake", "next": "/profile/identities"})
    back = come_back(peer, at_the_provider(address_in(answer)))
    assert back.headers["Location"] == "/profile/identities"
    assert adapter.CONFIRMED_AT in peer.session
    (row,) = UserSession.objects.filter(user=people.peer)
    assert row.session_key == peer.session.session_key, "it can be ended from elsewhere"

    assert decide(peer, pending_request).startswith(STEPUP), "bound to nothing"
    assert not Authentication.objects.exists()


def test_it_goes_on_only_within_the_portal(peer):
    answer = peer.post(STEPUP, {"provider": "fake", "next": "https://evil.example/"})
    back = come_back(peer, at_the_provider(address_in(answer)))
    assert back.headers["Location"] == "/"


def test_somebody_logged_out_comes_back_to_the_login(client, provider):
    answer = client.get("/accounts/oidc/stepup/callback?state=x&code=y")
    assert answer.headers["Location"].startswith("/accounts/login/")
