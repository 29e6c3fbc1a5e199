"""A session that ends takes no typed text with it."""

import re

import pytest
from django.contrib.sessions.models import Session

from tests import factories
from tests.browser.steps import expect, request_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WHY = "Not before the database team has looked."


def test_a_comment_typed_when_the_session_ends_is_there_after_the_sign_in(
    open_page, people, pending_request
):
    page = open_page(people.peer)
    page.goto(request_url(pending_request))
    comment = page.locator("textarea[name=comment]").first
    comment.fill(WHY)
    Session.objects.all().delete()
    page.get_by_role("button", name=re.compile("^Reject")).first.click()

    page.wait_for_url("**/accounts/login/?next=*")
    expect(page.locator("main")).to_contain_text("You were signed out.")
    expect(page.locator("main")).to_contain_text("Your draft is kept.")
    expect(page.locator("main")).to_contain_text(
        f"Sign in to see {pending_request.bypass_id}."
    )
    page.get_by_label("E-mail").fill(people.peer.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.locator("textarea[name=comment]").first).to_have_value(WHY)


def test_a_link_opened_signed_out_leads_to_the_place_that_it_names(
    open_page, people, pending_request
):
    sent = f"{pending_request.opened_at:%Y%m%dT%H%M%SZ}"
    links = {
        "as in a message": (f"{request_url(pending_request)}?sent={sent}#decision", 1),
        "as in a message, without scripts": (
            f"{request_url(pending_request)}?sent={sent}#decision",
            0,
        ),
        "as in the inbox": (f"{request_url(pending_request)}#decision", 1),
    }
    for said, (link, has_scripts) in links.items():
        page = open_page(
            viewport={"width": 390, "height": 844},
            java_script_enabled=bool(has_scripts),
        )
        page.goto(link)
        expect(page.get_by_text("You were signed out.")).to_be_hidden()
        page.get_by_label("E-mail").fill(people.peer.email)
        page.get_by_label("Password").fill(factories.PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()

        card = page.locator("#decision")
        expect(card).to_contain_text("Your decision")
        expect(card, said).to_be_focused()
        expect(card.locator("h2")).to_be_in_viewport()
        page.context.close()
