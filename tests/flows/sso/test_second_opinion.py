"""
The same ways with a provider that we did not write: node's certified `oidc-provider`.

It is fetched into a temporary folder, so this runs where node and npm are, and where
npm reaches its registry; everywhere else it is skipped with the reason.
"""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from django.core.cache import cache

from breakglass.actors import OPERATOR
from breakglass.models import Authentication, Grant
from breakglass.services.people import identities
from portal.runtime.ports import free_port
from portal.settings.providers import Provider
from tests import factories
from tests.flows.sso.steps import address_in, come_back, decide, leave, page_of, text

NODE, NPM = shutil.which("node"), shutil.which("npm")
PACKAGE = "oidc-provider@9.13.3"
SECRET = "only for a test, and for nothing else 0123456789"
SCRIPT = Path(__file__).with_name("second_opinion.mjs")
PORTAL = "http://testserver/accounts/oidc"
PROMPT = re.compile(r'name="prompt" value="(\w+)"')
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not (NODE and NPM), reason="node and npm are not on the path"),
]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oidc-provider")
    words = [NPM, "install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
    limits = ["--fetch-retries=0", "--fetch-timeout=20000"]
    try:
        done = subprocess.run(  # noqa: S603 - npm, with words of our own
            [*words, *limits, "--prefix", str(folder), PACKAGE],
            cwd=folder, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip("npm took too long to fetch oidc-provider")
    if done.returncode:
        pytest.skip("npm cannot fetch oidc-provider here")
    port = free_port()
    redirects = [f"{PORTAL}/stepup/callback", f"{PORTAL}/node/login/callback/"]
    script = shutil.copy(SCRIPT, folder)
    with subprocess.Popen(  # noqa: S603 - our own script
        [NODE, script, str(port), SECRET, *redirects],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        assert b"listening" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture
def provider(issuer, settings):
    cache.clear()
    settings.OIDC_PROVIDERS = (
        Provider(
            id="node",
            name="Node ID",
            issuer=issuer,
            client_id="breakglass",
            client_secret=SECRET,
        ),
    )
    return settings.OIDC_PROVIDERS[0]


def sign_in_there(browser, url, person):
    """Fills in the provider's own pages until it sends the browser back."""
    for _ in range(12):
        answer = browser.get(url, allow_redirects=False, timeout=20)
        if not answer.is_redirect:
            form = {"prompt": PROMPT.search(answer.text)[1]}
            if form["prompt"] == "login":
                form |= {"login": person, "password": "any"}
            answer = browser.post(url, data=form, allow_redirects=False, timeout=20)
        url = urljoin(url, answer.headers["Location"])
        if url.startswith(PORTAL):
            return url
    pytest.fail("the provider does not send the browser back")


def test_an_approval_and_a_login_with_a_provider_of_others(
    provider, acme, people, gate, signed_in, client, issuer
):
    identities.link(user=people.peer, issuer=issuer, subject="sub-peer", actor=OPERATOR)
    bypass = factories.request(acme, people.oncall, gate)
    portal, there = signed_in(people.peer), requests.Session()

    url = address_in(leave(portal, decide(portal, bypass), "node"))
    come_back(portal, sign_in_there(there, url, "sub-peer"))

    assert Grant.objects.exists(), text(portal.get(page_of(bypass)))
    kept = Authentication.objects.get()
    assert (kept.issuer, kept.subject) == (issuer, "sub-peer")
    assert kept.auth_time is not None

    # Its own session is young by now, and it still asks: prompt=login.
    other = factories.request(acme, people.oncall, gate, service="mail")
    url = address_in(leave(portal, decide(portal, other), "node"))
    asked = there.get(url, timeout=20)
    assert PROMPT.search(asked.text)[1] == "login"
    come_back(portal, sign_in_there(requests.Session(), url, "somebody-else"))
    assert "You signed in as somebody else" in text(portal.get(page_of(other)))
    assert Grant.objects.count() == 1

    start = client.get("/accounts/oidc/node/login/?next=/inbox").headers["Location"]
    back = come_back(client, sign_in_there(requests.Session(), start, "sub-peer"))
    assert back.headers["Location"] == "/inbox"
