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
    page.get_by_label("E-mail").fill(people.peer.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.locator("textarea[name=comment]").first).to_have_value(WHY)
