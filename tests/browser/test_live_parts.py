"""Parts that ask again by themselves: they follow, they stop, they never turn odd."""

import re

import pytest
from django.contrib.sessions.models import Session

from breakglass.services import grants
from tests import factories
from tests.browser.steps import expect, heading, request_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


# Each text that screen readers are given, in turn.
KEEPS_WHAT_IS_SAID = """() => {
  const sr = document.getElementById('sr');
  window.said = [];
  new MutationObserver(() => window.said.push(sr.textContent))
    .observe(sr, {childList: true, characterData: true, subtree: true});
}"""


def asked(page):
    """Collects the addresses that htmx asks for from now on."""
    found = []
    page.on(
        "request",
        lambda sent: found.append(sent.url) if "hx-request" in sent.headers else None,
    )
    return found


def test_an_approval_by_somebody_else_appears_by_itself(
    open_page, people, pending_request
):
    page = open_page(people.oncall)
    page.clock.install()
    page.goto(request_url(pending_request))
    expect(page.locator("#progress-heading")).to_have_text(
        "Waiting for 1 more approval"
    )
    page.evaluate("window.sameDocument = true")
    page.evaluate(KEEPS_WHAT_IS_SAID)

    factories.approve(pending_request, people.peer)
    page.mouse.move(300, 300)
    with page.expect_response(f"**{request_url(pending_request)}?v=*"):
        page.clock.run_for(5_000)  # of the page's own time

    expect(page.locator("#progress-heading")).to_have_text(re.compile("^Open for"))
    expect(page.locator("#live")).to_contain_text("Signed as peer@acme.example")
    expect(page.locator("#timeline")).to_contain_text("peer@acme.example")
    expect(page.get_by_role("link", name="Close now")).to_be_visible()
    said = "peer@acme.example opened the bypass. Active"  # to screen readers
    expect(page.locator("#sr")).to_have_text(said)
    expect(page).to_have_title(re.compile("^Active"))
    with page.expect_response("**/live"):  # more rounds change nothing more
        page.clock.run_for(25_000)
    assert page.evaluate("window.said") == [said]
    assert page.evaluate("window.sameDocument"), "the page was not loaded again"


def test_a_request_that_has_ended_is_asked_about_no_more(
    open_page, people, acme, active_grant
):
    page = open_page(people.oncall)
    page.clock.install()
    page.goto(request_url(active_grant.request))
    bypass_id = active_grant.request.bypass_id
    grants.revoke(
        tenant=acme, bypass_id=bypass_id, person=people.oncall, reason="The fix is out."
    )
    page.clock.run_for(5_000)
    expect(page.locator("#progress-heading")).to_have_text(
        re.compile("^Closed early, after")
    )
    found = asked(page)

    with page.expect_response("**/live"):  # the red bar still asks: time does pass
        page.clock.run_for(60_000)

    assert found
    assert not [url for url in found if bypass_id in url]


def test_a_session_that_ends_while_the_page_asks_leads_to_the_whole_login_page(
    open_page, people, pending_request
):
    page = open_page(people.oncall)
    page.goto(request_url(pending_request))
    Session.objects.all().delete()
    page.mouse.move(300, 300)

    page.wait_for_url("**/accounts/login/?next=*")
    heading(page, "Sign in to breakglass")
    expect(page.locator("#live")).to_have_count(0)

    page.get_by_label("E-mail").fill(people.oncall.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    heading(page, pending_request.bypass_id)
