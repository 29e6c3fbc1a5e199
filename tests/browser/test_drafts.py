"""The browser's drafts: they come back to their own field, or not at all."""

import pytest
from django.contrib.sessions.models import Session

from breakglass.services import grants
from tests import factories
from tests.browser.steps import expect, postmortem_url, request_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WHY = "Not before the database team has looked."
KEPT = "Object.keys(sessionStorage).filter((key) => key.startsWith('draft:'))"
FORM = """(given) => {
  document.getElementById('drafted')?.remove();
  const form = document.createElement('form');
  Object.assign(form, { id: 'drafted', method: 'post', action: '/drafted' });
  for (const [tag, name, text] of given) {
    const field = document.createElement(tag);
    Object.assign(field, { name, defaultValue: text });
    form.append(field);
  }
  document.querySelector('main').append(form);
  window.bg.watch();
}"""


def values(page, css):
    return [field.input_value() for field in page.locator(css).all()]


def test_the_post_mortem_is_mixed_up_by_no_draft_of_the_browser(
    open_page, people, acme, active_grant
):
    bypass = active_grant.request
    words = {"tenant": acme, "bypass_id": bypass.bypass_id, "person": people.oncall}
    grants.revoke(**words, reason="It is mended.")
    page = open_page(people.oncall)
    page.goto(postmortem_url(bypass))
    fields = "#editor textarea, #editor input[type=text], #editor input:not([type])"
    before = values(page, fields)
    assert page.locator("[name=body]").count() > 1
    page.get_by_label("What is to be done").first.fill("Alarm on memory")
    page.locator("[name=body]").last.fill("The last section.")
    assert page.evaluate(KEPT) == [], "the server keeps this draft"

    page.goto("/inbox")
    page.goto(postmortem_url(bypass))

    after = zip(before, values(page, fields), strict=True)
    changed = sorted(now for was, now in after if was != now)
    assert changed in ([], ["Alarm on memory", "The last section."]), "kept or not yet"
    expect(page.locator("#sr")).not_to_have_text("Your draft was restored")


def test_a_draft_stays_out_of_fields_that_it_may_not_belong_to(open_page, people):
    page = open_page(people.oncall)
    page.goto("/profile")
    drawn = [
        *(["textarea", "body", "First."], ["textarea", "body", "Second."]),
        *(["textarea", "text", ""], ["input", "line", "Line."]),
        ["input", "other", "Other."],
    ]
    page.evaluate(FORM, drawn)
    for field in page.locator("#drafted > *").all():
        field.fill("Typed.")
    drawn[4] = ["input", "other", "Changed by somebody else."]
    page.evaluate(FORM, drawn)
    assert values(page, "#drafted > *") == [
        *("First.", "Second."),
        *("Typed.", "Typed."),
        "Changed by somebody else.",
    ]
    expect(page.locator("#sr")).to_have_text("Your draft was restored")


def test_a_draft_is_its_writers_alone_and_goes_with_the_sign_out(
    open_page, people, pending_request
):
    def sign_in(person):
        page.goto(request_url(pending_request))
        page.get_by_label("E-mail").fill(person.email)
        page.get_by_label("Password").fill(factories.PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        comment = page.locator("main textarea").first
        expect(comment).to_have_value("")
        assert page.evaluate(KEPT) == []
        comment.fill(WHY)
        assert len(page.evaluate(KEPT)) == 1

    page = open_page()
    sign_in(people.peer)
    Session.objects.all().delete()
    sign_in(people.approver1)

    page.goto("/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/**")
    assert page.evaluate(KEPT) == []
