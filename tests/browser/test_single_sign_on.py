"""Single sign-on in Chromium: form-action, no JavaScript, somebody who backs out."""

from dataclasses import replace

import pytest
from django.core.cache import cache

from breakglass.actors import OPERATOR
from breakglass.models import Approval, Authentication
from breakglass.services.people import identities
from portal.settings.providers import Provider
from tests import factories, fakeidp
from tests.browser.steps import expect, heading, request_url
from tests.browser.test_every_page import _looks

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def idp(settings):
    """A provider on this machine that the portal is set up with."""
    cache.clear()
    with fakeidp.running() as idp:
        fake = Provider(
            id="fake",
            name="Fake ID",
            issuer=idp.issuer,
            client_id=fakeidp.CLIENT_ID,
            client_secret=fakeidp.CLIENT_SECRET,
        )
        settings.OIDC_PROVIDERS = (fake,)
        yield idp


@pytest.fixture
def peer(idp, acme, people):
    """A person with an identity there."""
    identities.link(
        user=people.peer, issuer=idp.issuer, subject="sub-peer", actor=OPERATOR
    )
    return people.peer


@pytest.mark.parametrize("scripts", [True, False])
def test_an_approval_goes_to_the_provider_and_back(
    open_page, peer, pending_request, scripts
):
    page = open_page(peer, stale=True, java_script_enabled=scripts)
    page.goto(request_url(pending_request))
    page.get_by_role("button", name="Approve").first.click()
    heading(page, "Sign in again to approve")
    page.get_by_role("button", name="Sign in again with Fake ID").click()

    page.wait_for_url(f"**{request_url(pending_request)}")
    expect(page.get_by_text("approved and signed as peer@acme.example")).to_be_visible()
    assert Authentication.objects.get().method == "oidc"


def test_who_cancels_there_reads_that_nothing_was_recorded(
    open_page, peer, idp, pending_request
):
    idp.mode = "cancel"
    page = open_page(peer, stale=True)
    page.goto(request_url(pending_request))
    page.get_by_role("button", name="Approve").first.click()
    page.get_by_role("button", name="Sign in again with Fake ID").click()

    expect(page.get_by_text("Sign-in was cancelled. Nothing was")).to_be_visible()
    assert not Approval.objects.exists()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_link_of_a_message_leads_through_the_provider_to_the_decision(
    open_page, peer, pending_request, scripts
):
    sent = f"{pending_request.opened_at:%Y%m%dT%H%M%SZ}"
    phone = {"width": 390, "height": 844}
    page = open_page(viewport=phone, java_script_enabled=scripts)
    page.goto(f"{request_url(pending_request)}?sent={sent}#decision")
    page.get_by_role("link", name="Continue with Fake ID").click()

    card = page.locator("#decision")
    expect(card).to_contain_text("Your decision")
    expect(card).to_be_focused()
    expect(card.locator("h2")).to_be_in_viewport()


def test_with_the_provider_down_the_password_leads_to_the_decision(
    open_page, watch, axe, peer, idp, pending_request
):
    idp.mode = "500"
    page = open_page()
    page.goto(f"{request_url(pending_request)}#decision")
    page.get_by_role("link", name="Continue with Fake ID").click()

    expect(page.get_by_role("alert")).to_contain_text("does not work now")
    assert not list(_looks(page, axe))
    page.get_by_role("link", name="emergency sign-in with your password").click()
    page.get_by_label("E-mail").fill(peer.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.locator("#decision")).to_be_focused()


def test_the_pages_are_clean_in_every_look(
    open_page, watch, axe, peer, idp, settings, pending_request, people
):
    long = {"issuer": "https://sso.a-rather-long-name.example/realms/acme"}
    other = replace(settings.OIDC_PROVIDERS[0], id="other", name="Other ID", **long)
    settings.OIDC_PROVIDERS = (*settings.OIDC_PROVIDERS, other)
    identities.link(
        user=peer, issuer=other.issuer, subject="00u1" + "x" * 60, actor=OPERATOR
    )
    watch.allow(403)
    found = []
    nobody, page = open_page(), open_page(peer, stale=True)
    nobody.goto("/accounts/login/")
    found += [f"login: {text}" for text in _looks(nobody, axe)]
    idp.person = "nobody"
    nobody.get_by_role("link", name="Continue with Fake ID").click()
    heading(nobody, "not linked to anybody")
    found += [f"refused: {text}" for text in _looks(nobody, axe)]
    page.goto(request_url(pending_request))
    page.get_by_role("button", name="Approve").first.click()
    heading(page, "Sign in again to approve")
    found += [f"step-up: {text}" for text in _looks(page, axe)]
    page = open_page(peer)
    for path in ("/profile/identities", f"/profile/identities/{_first(peer)}/unlink"):
        page.goto(path)
        found += [f"{path}: {text}" for text in _looks(page, axe)]
    assert not found, "\n".join(found)


def _first(user):
    return user.identities.earliest("pk").pk
