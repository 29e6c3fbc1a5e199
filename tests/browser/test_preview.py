"""The live preview: what it says when it cannot be asked, and that it recovers."""

import pytest
from playwright.sync_api import expect

from breakglass.models import BypassRequest
from tests.browser.steps import heading

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_preview_that_cannot_be_asked_says_so_and_the_next_one_recovers(
    open_page, acme, people, gate, watch
):
    page = open_page(people.oncall)
    page.goto("/t/acme/requests/new")
    heading(page, "Request a bypass")
    note = page.get_by_text("Couldn't check who must approve")
    expect(note).to_be_hidden()

    page.route("**/requests/preview*", lambda route: route.abort())
    page.get_by_label("Gate to bypass").select_option("prod-deploy")
    expect(note).to_be_visible()
    assert watch.take(), "the browser logs the request that we cut off"

    page.unroute("**/requests/preview*")
    page.get_by_label("Service").fill("checkout")
    page.get_by_label("Service").blur()
    expect(page.locator("section.preview")).to_contain_text("Low impact tier")
    expect(note).to_be_hidden()

    # ux.md 10, point 20: with nobody to ask what would happen, it can be sent.
    page.route("**/requests/preview*", lambda route: route.abort())
    page.get_by_label("High: many people").check()
    expect(note).to_be_visible()
    assert watch.take(), "cut off again"
    page.get_by_label("Why is this needed now?").fill("Checkout returns 5xx.")
    page.locator(".js-send").click()
    expect(page.get_by_text("is sent. The approvers are told.")).to_be_visible()
    assert BypassRequest.objects.get().impact == "high"
