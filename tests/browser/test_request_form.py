"""At 02:00 on a phone: from the pipeline's link to one request (ux.md 10, 11 to 18)."""

import re

import pytest

from breakglass.models import BypassRequest, Tenant
from tests import factories
from tests.browser.steps import expect, heading

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
NEW = "/t/acme/requests/new"
LINK = f"{NEW}?gate=prod-deploy&service=checkout&branch=hotfix/oom&ttl=15"
WHY = "Why is this needed now?"
SENTENCE = "Checkout returns 5xx for a third of all users."
# Returns whether the preview is on its way before anything else could happen.
CHOOSES_A_GATE = """() => {
  const gate = document.querySelector('[name=gate]');
  gate.value = 'db-migrate';
  gate.dispatchEvent(new Event('change', {bubbles: true}));
  return document.querySelector('.asking').classList.contains('htmx-request');
}"""
TAPS = """addEventListener('click', (event) => {
  if (!event.isTrusted || !event.detail) return;
  sessionStorage.taps = Number(sessionStorage.taps || 0) + 1;
}, true);"""


def test_four_taps_and_one_sentence_lead_from_the_link_to_one_request(
    open_page, watch, people, gate, database_gate
):
    page = open_page(**PHONE)
    page.goto(LINK)
    heading(page, "Sign in to breakglass")
    page.get_by_label("E-mail").fill(people.oncall.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    heading(page, "Request a bypass")
    page.add_init_script(TAPS)
    page.reload()  # counts from here
    page.evaluate("sessionStorage.removeItem('taps')")
    expect(page.get_by_label("Gate to bypass")).to_have_value("prod-deploy")
    expect(page.locator(".scope-values")).to_contain_text("hotfix/oom")
    expect(page.get_by_label("Branch")).to_be_hidden()
    preview = page.locator("section.preview")
    for words in ("Low impact tier", "1 from Peers", "Peer", "post-mortem"):
        expect(preview).to_contain_text(words)
    assert not BypassRequest.objects.exists(), "a link never sends"
    page.get_by_label(WHY).tap()
    page.keyboard.type(SENTENCE)
    page.get_by_role("button", name="Send Low impact request").tap()
    expect(page.get_by_text("is sent. The approvers are told.")).to_be_visible()
    assert int(page.evaluate("sessionStorage.taps")) <= 4
    bypass = BypassRequest.objects.get()
    assert (bypass.branch, bypass.justification) == ("hotfix/oom", SENTENCE)

    # Back is the same form: the same words are one request, others another.
    page.go_back()
    heading(page, "Request a bypass")
    page.get_by_label(WHY).fill(SENTENCE)
    page.locator(".js-send").tap()
    heading(page, bypass.bypass_id)
    assert BypassRequest.objects.count() == 1
    page.go_back()
    page.get_by_label(WHY).fill("The search is down as well, for everybody.")
    watch.allow(422)
    page.locator(".js-send").tap()
    expect(page.locator("#errors")).to_contain_text(bypass.bypass_id)
    page.locator(".js-send").tap()
    expect(page.get_by_text("is sent. The approvers are told.")).to_be_visible()
    assert BypassRequest.objects.count() == 2


def test_what_is_typed_and_chosen_is_kept_shown_and_previewed(
    open_page, watch, acme, people, gate, database_gate
):
    for number in range(8):
        factories.gate(acme, f"gate-{number}", environment="staging")
    Tenant.objects.filter(pk=acme.pk).update(emergency_text="Call +44 20 7946 0018.")
    page = open_page(people.oncall)
    page.goto(LINK)
    page.get_by_text("Change", exact=True).click()
    page.get_by_label("Branch").fill("main")
    page.get_by_label("Branch").blur()
    page.locator(".scope summary").click()
    expect(page.locator("[data-shows=branch]")).to_have_text("main")

    preview = page.locator("section.preview")
    expect(page.locator(".asking.htmx-request")).to_have_count(0)
    previews = []
    page.on("request", lambda sent: "/preview" in sent.url and previews.append(sent))
    assert page.evaluate(CHOOSES_A_GATE), "asked at once, not when the typing rests"
    expect(preview).to_contain_text("Production database tier")
    expect(page.locator(".js-send")).to_have_text("Send Production database request")
    expect(page.get_by_label("4 hours (the maximum")).to_be_visible()
    assert len(previews) == 1, "tier, approvers and lengths come in one answer"
    page.get_by_label(WHY).fill(SENTENCE)
    page.get_by_label("1 hour").check()
    page.reload()
    expect(page.get_by_label(WHY)).to_have_value(SENTENCE)
    expect(page.get_by_label("Gate to bypass")).to_have_value("db-migrate")
    expect(page.locator("[data-shows=branch]")).to_have_text("main")
    expect(preview).to_contain_text("Production database tier")
    expect(page.get_by_label("1 hour")).to_be_checked()

    page.goto(f"{NEW}?service=search")  # another link is another draft
    expect(page.get_by_label(WHY)).to_have_value("")
    page.get_by_label("Filter the gates").fill("staging gate-7")
    expect(page.get_by_label("Gate to bypass")).to_have_value("gate-7")
    expect(preview).to_contain_text("Low impact tier")

    # The server cannot be reached: the way out is shown, and nothing is lost.
    page.get_by_label(WHY).fill(SENTENCE)
    expect(page.get_by_text("+44 20 7946 0018")).to_be_hidden()
    page.route("**/requests/new*", lambda route: route.abort())
    page.locator(".js-send").click()
    expect(page.get_by_text("the portal did not answer")).to_be_visible()
    expect(page.get_by_text("+44 20 7946 0018")).to_be_visible()
    expect(page.get_by_label(WHY)).to_have_value(SENTENCE)
    assert all(re.search("ERR_FAILED|htmx", said) for said in watch.take())
    page.unroute("**/requests/new*")
    page.locator(".js-send").click()
    expect(page.get_by_text("is sent. The approvers are told.")).to_be_visible()
    assert BypassRequest.objects.get().gate.slug == "gate-7"
