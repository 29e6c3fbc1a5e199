"""From a stopped deploy to the published post-mortem, with and without JavaScript."""

import re

import pytest

from breakglass.models import AuditEntry, BypassRequest, Deploy, Grant, PostMortem
from tests import factories
from tests.browser.steps import (
    close_early,
    decision,
    expect,
    give_password,
    heading,
    postmortem_url,
    request_url,
    write_up,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LINK = "/t/acme/requests/new?gate=prod-deploy&service=checkout&branch=main&impact=high"
WHY = "Checkout returns 5xx for a third of all users."
FOUND = "The cache ran out of memory, and the freeze held the fix back."


def sign_in_with_the_form(page, user):
    heading(page, "Sign in to breakglass")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def ask(page):
    """From the pipeline's link to the sent request, choosing the gate anew."""
    heading(page, "Request a bypass")
    expect(page.get_by_label("Service")).to_have_value("checkout")
    expect(page.get_by_label("Branch")).to_have_value("main")
    page.get_by_label("Gate to bypass").select_option("")
    preview = page.locator("section.preview")
    expect(preview).to_contain_text("Choose a gate to see who must approve")
    page.get_by_label("Gate to bypass").select_option("prod-deploy")
    expect(preview).to_contain_text("It is in the High impact tier")
    expect(preview).to_contain_text(
        re.compile("2 from .*Approver1.*Approver2", re.DOTALL)
    )
    page.get_by_label("Why is this needed now?").fill(WHY)
    page.get_by_role("button", name="Send High impact request").click()
    expect(page.get_by_text("is sent. The approvers are told.")).to_be_visible()
    expect(page.locator("#tags")).to_contain_text("Pending")


def approve_from_the_inbox(page, bypass):
    page.goto("/inbox")
    heading(page, "Inbox (1)")
    expect(page.locator("main")).to_contain_text(bypass.bypass_id)
    page.get_by_label("Comment", exact=True).fill("Looks right to me.")
    page.get_by_role("button", name="Approve").click()


def test_the_whole_path_with_three_people(
    open_page, live_server, acme, people, gate, gate_token
):
    oncall = open_page()
    oncall.goto(LINK)
    sign_in_with_the_form(oncall, people.oncall)
    ask(oncall)
    bypass = BypassRequest.objects.get()
    assert (bypass.branch, bypass.impact, bypass.justification) == ("main", "high", WHY)
    assert decision(live_server, gate_token, branch="main")["decision"] == "enforce"

    first = open_page(people.approver1)
    approve_from_the_inbox(first, bypass)
    expect(first.get_by_text("signed as approver1@acme.example")).to_be_visible()
    expect(first.get_by_text("1 more approval needed")).to_be_visible()
    heading(first, "Inbox")

    second = open_page(people.approver2, stale=True)
    approve_from_the_inbox(second, bypass)
    heading(second, "Sign in again to approve")
    expect(second.get_by_text("Looks right to me.")).to_be_visible()
    assert not Grant.objects.exists()
    give_password(second)
    expect(second.get_by_text("signed as approver2@acme.example")).to_be_visible()

    oncall.mouse.move(200, 200)  # somebody is looking, so the page asks again
    expect(oncall.locator("#tags")).to_contain_text("Active")
    expect(oncall.locator("#live [role=timer]")).to_have_text(re.compile(r"^\d+:\d\d"))
    expect(oncall).to_have_title(re.compile("^Active"))

    answer = decision(live_server, gate_token, branch="main")
    assert (answer["decision"], answer["bypass_id"]) == ("bypass", bypass.bypass_id)
    assert Deploy.objects.get().grant.request == bypass

    close_early(oncall, "The fix is out.")
    expect(oncall.locator("#live")).to_contain_text("Closed early")
    later = decision(live_server, gate_token, branch="main", deploy_id="run-2")
    assert later["decision"] == "enforce"

    oncall.locator("#live").get_by_role("link", name="Post-mortem").click()
    heading(oncall, f"Post-mortem of {bypass.bypass_id}")
    filled = "".join(body.input_value() for body in oncall.locator("[name=body]").all())
    assert WHY in filled
    assert "run-1" in filled
    write_up(oncall, FOUND)
    oncall.get_by_role("button", name="Save and publish").click()
    expect(oncall.locator("article")).to_contain_text(FOUND)
    expect(oncall).to_have_title(re.compile("^Done"))
    assert PostMortem.objects.get().state == "published"
    assert AuditEntry.objects.filter(event="postmortem.published").count() == 1


def test_the_same_path_without_javascript(
    open_page, live_server, acme, people, gate, gate_token
):
    oncall = open_page(people.oncall, java_script_enabled=False)
    oncall.goto(LINK)
    oncall.get_by_label("Why is this needed now?").fill(WHY)
    oncall.locator("button[name=preview]").click()
    preview = oncall.locator("section.preview")
    expect(preview).to_contain_text(
        re.compile("2 from .*Approver1.*Approver2", re.DOTALL)
    )
    expect(oncall.get_by_label("Why is this needed now?")).to_have_value(WHY)
    oncall.locator("button.js-send").click()
    expect(oncall.get_by_text("is sent. The approvers are told.")).to_be_visible()
    bypass = BypassRequest.objects.get()

    for approver in (people.approver1, people.approver2):
        page = open_page(
            approver, stale=approver == people.approver2, java_script_enabled=False
        )
        page.goto(request_url(bypass))
        page.get_by_role("button", name="Approve").click()
        if approver == people.approver2:
            give_password(page)
        expect(page.get_by_text(f"signed as {approver.email}").first).to_be_visible()

    oncall.goto(request_url(bypass))
    expect(oncall.locator("#tags")).to_contain_text("Active")
    expect(oncall.locator("#live .closes")).to_contain_text("UTC")
    expect(oncall.locator("#live [role=timer]")).to_be_hidden()
    assert decision(live_server, gate_token, branch="main")["decision"] == "bypass"

    close_early(oncall, "The fix is out.")
    oncall.goto(postmortem_url(bypass))
    write_up(oncall, FOUND)
    oncall.get_by_role("button", name="Save", exact=True).click()
    expect(oncall.get_by_text("Nothing is missing.")).to_be_visible()
    assert FOUND in PostMortem.objects.get().body
    oncall.get_by_role("button", name="Save and publish").click()
    expect(oncall.locator("article")).to_contain_text(FOUND)
    assert PostMortem.objects.get().state == "published"
