"""Going to the provider and back, as a browser does."""

import re
from html import unescape

import requests

STEPUP = "/accounts/reauthenticate/"
GO_ON = re.compile(r'http-equiv="refresh" content="0;url=([^"]+)"')


def text(answer):
    return unescape(answer.content.decode())


def page_of(bypass):
    return f"/t/acme/requests/{bypass.bypass_id}"


def address_in(answer):
    """The address that a page of ours refreshes to."""
    assert answer.status_code == 200, answer.headers.get("Location")
    return unescape(GO_ON.search(answer.content.decode())[1])


def at_the_provider(url):
    """Signs in there; returns the address that it sends the browser back to."""
    answer = requests.get(url, allow_redirects=False, timeout=20)
    assert answer.status_code == 302
    return answer.headers["Location"]


def come_back(browser, location):
    """Follows a redirect of the provider into the portal."""
    assert location.startswith("http://testserver/")
    return browser.get(location.removeprefix("http://testserver"))


def decide(browser, bypass, **fields):
    """Says yes on the request's page; returns the step-up page's address."""
    data = {"digest": bypass.digest_hex, "comment": "Looks right.", **fields}
    answer = browser.post(f"{page_of(bypass)}/approve", data)
    assert answer.headers["Location"].startswith(STEPUP)
    return answer.headers["Location"]


def leave(browser, stepup, provider="fake"):
    """Presses the provider's button of the step-up page; returns where to."""
    query = stepup.partition("?")[2]
    return browser.post(f"{STEPUP}?{query}", {"provider": provider})


def approve(browser, bypass):
    """The whole way; returns the answer of our callback."""
    answer = leave(browser, decide(browser, bypass))
    return come_back(browser, at_the_provider(address_in(answer)))
