"""What several journeys do, in the words of the pages."""

import re

import pytest
import requests

from tests import factories

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing")
expect = sync_api.expect

PLACEHOLDER = re.compile(r"^_[^_]+_$", re.MULTILINE)


def request_url(bypass):
    """Returns the address of a request's page."""
    return f"/t/acme/requests/{bypass.bypass_id}"


def postmortem_url(bypass):
    """Returns the address of its post-mortem."""
    return f"/t/acme/postmortems/{bypass.bypass_id}"


def heading(page, text):
    """Expects the page's one heading to contain the text."""
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("h1")).to_contain_text(text)


def decision(live_server, token, **fields):
    """Asks as a gate does, over HTTP."""
    answer = requests.post(
        f"{live_server.url}/api/v1/decisions",
        json={
            "gate": "prod-deploy",
            "service": "checkout",
            "deploy_id": "run-1",
            **fields,
        },
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
    )
    answer.raise_for_status()
    return answer.json()


def give_password(page):
    """Answers the step-up page."""
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Approve and sign").click()


def close_early(page, reason):
    """From the request's page, through the page that asks once more."""
    page.get_by_role("link", name="Close now").click()
    heading(page, "now?")
    page.locator("[name=reason]").fill(reason)
    page.get_by_role("button", name="Close now").click()
    expect(page.get_by_text("The gate enforces again")).to_be_visible()


def write_up(page, text):
    """Fills in everything that a pre-filled post-mortem still asks for."""
    for body in page.locator("[name=body]").all():
        if PLACEHOLDER.search(body.input_value()):
            body.fill(PLACEHOLDER.sub(text, body.input_value()))
    page.get_by_label("Yes, it stood in the way").check()
    page.get_by_label("What is to be done").first.fill("Alarm on memory")
    page.get_by_label("Who does it").first.fill("Oncall")
