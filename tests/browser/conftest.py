"""
Chromium, people signed in without the form, and what must never happen on a page.

Debian's Chromium is used as it is; Playwright brings no browser. Where either is
missing the folder is skipped with a reason, and `REQUIRE_BROWSER=1` (CI) makes that an
error instead.
"""

import importlib.resources
import importlib.util
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from breakglass import clock
from portal.http.accounts import adapter
from tests.browser.chromium import CHROMIUM, FLAGS
from tests.browser.watching import SCRIPT, Watch

TIMEOUT_MS = 20_000  # for two busy cores; nothing waits for it when all is well
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES_OF_COLOUR = ["color-contrast", "link-in-text-block"]
# Django's admin has style sheets that import others. Axe reads those by way of a style
# element, which the CSP refuses, so there it goes without (and without judging whether
# a style sheet locks the orientation).
AXE = """(runOnly) => {
  const isImport = (rule) => rule instanceof CSSImportRule;
  const imports = [...document.styleSheets].some((s) => [...s.cssRules].some(isImport));
  return axe.run(document, {runOnly, resultTypes: ['violations'], preload: !imports});
}"""
_HERE = Path(__file__).parent


def _missing():
    """Says why there is no browser, or nothing."""
    if not importlib.util.find_spec("pytest_playwright"):
        return "Playwright is missing: pip install -r requirements-dev.txt"
    if not CHROMIUM:
        return "no browser: apt-get install -y --no-install-recommends chromium"
    return ""


def pytest_collection_modifyitems(items):
    """Skips this folder without a browser, or refuses to when one is required."""
    why = _missing()
    if why and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.exit(why, returncode=3)
    for item in items:
        if why and _HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def browser_type_launch_args():
    """What pytest-playwright starts."""
    return {"executable_path": CHROMIUM, "args": FLAGS, "headless": True}


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch):
    """Python's own sockets end at this machine too."""
    connect = socket.socket.connect

    def _connect(self, address):
        if self.family != socket.AF_UNIX:
            assert address[0] in ("127.0.0.1", "::1", "localhost"), address
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", _connect)


@pytest.fixture
def watch():
    """Notes what the browser complains about; the test fails if it did."""
    watch = Watch()
    yield watch
    watch.check()


@pytest.fixture
def open_page(live_server, browser, watch):
    """
    Opens a page in a browser profile of its own: `open_page(user, **options)`.

    Without a user nobody is signed in; `stale=True` is somebody who signed in too long
    ago to approve without being asked again. All are closed before the database is
    emptied, so that none polls into the next test.
    """
    from playwright.sync_api import expect  # noqa: PLC0415 - may be missing

    expect.set_options(timeout=TIMEOUT_MS)
    contexts = []

    def _open(user=None, *, stale=False, **options):
        context = browser.new_context(
            base_url=live_server.url,
            reduced_motion="reduce",  # no colour is caught in the middle of a fade
            **{"viewport": {"width": 1280, "height": 900}, **options},
        )
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        context.add_init_script(SCRIPT)
        watch.follow(context)
        if user is not None:
            login(context, live_server.url, user, stale=stale)
        return context.new_page()

    yield _open
    for context in contexts:
        context.close()


def login(context, url, user, *, stale):
    """Signs the person in without the form: the session's cookie is put in place."""
    client = Client()
    client.force_login(user)
    session = client.session
    age = timedelta(minutes=6 if stale else 0)
    session[adapter.AUTHENTICATED_AT] = (clock.db_now() - age).isoformat()
    session.save()
    cookie = {"name": "sessionid", "value": session.session_key, "url": url}
    context.add_cookies([cookie])


@pytest.fixture(scope="session")
def axe():
    """
    Checks a page's accessibility: `axe(page)` returns a list of what is wrong.

    `colours=True` checks those only, for a page that was just checked in another theme.
    """
    folder = importlib.resources.files("axe_playwright_python")
    source = (folder / "axe.min.js").read_text(encoding="utf-8")

    def _run(page, *, colours=False):
        if not page.evaluate("'axe' in window"):
            page.evaluate(source)  # DevTools is not subject to the page's CSP
        found = page.evaluate(
            AXE,
            RULES_OF_COLOUR if colours else RULES,
        )
        return [
            f"axe {rule['id']}: {node['target']} {node['failureSummary']}"
            for rule in found["violations"]
            for node in rule["nodes"][:3]
        ]

    return _run
