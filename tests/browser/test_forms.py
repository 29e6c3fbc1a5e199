"""The request form under a hurried hand: empty, clicked twice, left, come back to."""

import re

import pytest
from django.contrib.sessions.models import Session

from breakglass.models import BypassRequest
from tests import factories
from tests.browser.steps import expect, heading, request_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEW = "/t/acme/requests/new"
WHY = "Checkout returns 5xx for a third of all users."


def test_an_empty_send_says_what_is_missing_and_keeps_what_was_typed(
    open_page, watch, people, gate
):
    watch.allow(422)
    page = open_page(people.oncall)
    page.goto(NEW)
    page.get_by_label("Branch").fill("main")
    page.get_by_label("Incident link").fill("https://incidents.example/INC-771")
    page.locator(".js-send").click()

    summary = page.locator("#errors")
    expect(summary).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    for words, field in (
        ("Choose the gate to bypass", "Gate to bypass"),
        ("Name the service", "Service"),
        ("Say why the bypass is needed", "Why is this needed now?"),
    ):
        expect(page.locator(".field-errors", has_text=words)).to_be_visible()
        summary.get_by_role("link", name=words).click()
        expect(page.get_by_label(field)).to_be_focused()
    expect(page.get_by_label("Branch")).to_have_value("main")
    expect(page.get_by_label("Incident link")).to_have_value(
        "https://incidents.example/INC-771"
    )
    assert not BypassRequest.objects.exists()


def test_a_double_click_sends_once_and_back_shows_a_whole_page(open_page, people, gate):
    page = open_page(people.oncall)
    page.goto(f"{NEW}?gate=prod-deploy&service=checkout")
    page.get_by_label("Why is this needed now?").fill(WHY)
    page.locator(".js-send").dblclick()

    expect(page.get_by_text("is sent. The approvers are told.")).to_be_visible()
    bypass = BypassRequest.objects.get()
    heading(page, bypass.bypass_id)

    page.go_back()
    heading(page, "Request a bypass")
    expect(page.locator("header nav")).to_be_visible()
    page.go_forward()
    heading(page, bypass.bypass_id)
    expect(page.locator("header nav")).to_be_visible()


def test_typed_text_survives_an_ended_session_and_goes_when_it_is_sent(
    open_page, people, gate
):
    why = "Why is this needed now?"
    page = open_page(people.oncall)
    page.goto(f"{NEW}?service=checkout")
    preview = page.locator("section.preview")
    page.get_by_label("Gate to bypass").select_option("prod-deploy")
    expect(preview).to_contain_text("Low impact tier")
    page.get_by_label(why).fill(WHY)
    Session.objects.all().delete()
    page.locator(".js-send").click()

    page.wait_for_url("**/accounts/login/?next=*")
    page.get_by_label("E-mail").fill(people.oncall.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label(why)).to_have_value(WHY)
    expect(preview).to_contain_text("Low impact tier")
    page.locator(".js-send").click()
    expect(page.get_by_text("is sent. The approvers are told.")).to_be_visible()

    page.goto(NEW)
    expect(page.get_by_label(why)).to_have_value("")


def test_a_rejection_without_a_comment_is_refused_and_named(
    open_page, watch, people, pending_request
):
    watch.allow(422)
    page = open_page(people.peer)
    page.goto(request_url(pending_request))
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#errors")).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    heading(page, pending_request.bypass_id)
