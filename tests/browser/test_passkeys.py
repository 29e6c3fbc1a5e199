"""Passkeys in a real browser, with the virtual authenticator of its own tools."""

import re

import pytest

from breakglass.models import Approval, Assertion, Credential
from breakglass.services.logs.verification import verify_tenant
from tests import authenticator, database, factories
from tests.authenticator import DAY
from tests.browser.conftest import login
from tests.browser.steps import expect, heading, request_url
from tests.flows.services import steps

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PLATFORM = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(autouse=True)
def _own_address(settings, live_server):
    """Passkeys are bound to the portal's own address: here the live server's."""
    settings.BASE_URL = live_server.url


def with_authenticator(page):
    """Gives the page's browser a platform authenticator; returns how to bend it."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    made = tools.send("WebAuthn.addVirtualAuthenticator", {"options": PLATFORM})

    def verified(is_verified):
        tools.send(
            "WebAuthn.setUserVerified",
            {
                "authenticatorId": made["authenticatorId"],
                "isUserVerified": is_verified,
            },
        )

    return verified


def add(page, name):
    page.goto("/profile/passkeys")
    heading(page, "Passkeys")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text(f"The passkey {name} is added.")).to_be_visible()


def test_a_passkey_is_added_cools_down_and_approves(
    open_page, live_server, acme, people, gate
):
    page = open_page(people.peer)
    with_authenticator(page)
    add(page, "This laptop")
    expect(page.get_by_text("Cannot approve yet")).to_be_visible()

    page.get_by_label("Name").fill("The same again")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("in your list already")

    steps.publish(acme, passkey_required=True)
    early = factories.request(acme, people.oncall, gate, service="mail")
    page.goto(request_url(early))
    page.get_by_role("button", name="Approve").click()
    heading(page, "Approve")
    expect(page.get_by_text("Yours is new: it can approve from")).to_be_visible()
    expect(page.get_by_role("button", name="Approve with your passkey")).to_have_count(
        0
    )

    database.advance(DAY)
    login(page.context, live_server.url, people.peer, stale=True)
    bypass = factories.request(acme, people.oncall, gate)
    page.goto(request_url(bypass))
    page.get_by_label("Comment", exact=True).fill("Looks right to me.")
    expect(page.locator("#decision")).to_contain_text("Your passkey answers for it")
    page.get_by_role("button", name="Approve").click()
    heading(page, "Approve")
    expect(page.get_by_label("Password")).to_have_count(0)
    page.get_by_role("button", name="Approve with your passkey").click()

    expect(page.get_by_text("approved and signed as peer@acme.example")).to_be_visible()
    expect(page.locator("#progress-heading")).to_have_text(re.compile("^Open for"))
    expect(page.locator("#evidence")).to_contain_text("with passkey “This laptop”")
    assert Assertion.objects.get().credential == Credential.objects.get()
    report = verify_tenant(tenant=acme)
    assert report.findings == []


def test_cancelling_records_nothing_and_the_button_is_there_again(
    open_page, acme, people, gate
):
    page = open_page(people.peer)
    verified = with_authenticator(page)
    add(page, "This laptop")
    database.advance(DAY)
    bypass = factories.request(acme, people.oncall, gate)
    login(page.context, page.url.split("/profile")[0], people.peer, stale=False)
    page.goto(request_url(bypass))
    page.get_by_role("button", name="With your passkey").click()
    heading(page, "Approve")

    verified(False)
    page.get_by_role("button", name="Approve with your passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was recorded")
    assert not Approval.objects.exists()

    verified(True)
    page.get_by_role("button", name="Approve with your passkey").click()
    expect(page.get_by_text("approved and signed as peer@acme.example")).to_be_visible()


def test_a_passkey_signs_in_without_a_name(open_page, acme, people):
    page = open_page(people.peer)
    with_authenticator(page)
    add(page, "This laptop")
    page.context.clear_cookies()

    page.goto("/accounts/login/?next=/inbox")
    page.get_by_role("button", name="Sign in with a passkey").click()

    heading(page, "Inbox")
    expect(page.locator(".menu-name")).to_have_text("Peer")


def test_without_javascript_the_pages_offer_what_works(open_page, acme, people, gate):
    authenticator.enrol(people.peer)
    database.advance(DAY)
    bypass = factories.request(acme, people.oncall, gate)
    intent = factories.intend(bypass, people.peer)
    page = open_page(people.peer, stale=True, java_script_enabled=False)

    page.goto(f"/accounts/reauthenticate/?intent={intent.public_id}")
    without = page.locator("main noscript p")  # text locators do not look inside
    expect(without).to_contain_text("The other ways work without.")
    expect(page.get_by_role("button", name="Approve with your passkey")).to_be_hidden()
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Approve and sign").click()
    expect(page.get_by_text("approved and signed as peer@acme.example")).to_be_visible()

    page.goto("/profile/passkeys")
    expect(page.locator("main noscript p")).to_contain_text("need JavaScript")


def test_the_pages_are_clean_in_every_look(open_page, watch, axe, acme, people, gate):
    from tests.browser.test_every_page import _looks  # noqa: PLC0415 - its own fixtures

    key = authenticator.enrol(
        people.peer, name="A key with a rather long name on my ring"
    )
    steps.publish(acme, passkey_required=True)
    database.advance(DAY)
    bypass = factories.request(acme, people.oncall, gate)
    intent = factories.intend(bypass, people.peer)
    page, found = open_page(people.peer), []
    paths = (
        "/profile/passkeys",
        f"/profile/passkeys/{key.credential.public_id}/remove",
        f"/accounts/reauthenticate/?intent={intent.public_id}",
        "/accounts/reauthenticate/?next=/profile/passkeys",
        request_url(bypass),
        "/inbox",
    )
    for path in paths:
        page.goto(path)
        found += [f"{path}: {text}" for text in _looks(page, axe)]
    assert not found, "\n".join(found)
