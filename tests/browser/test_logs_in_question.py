"""The red bar, the finding and the re-anchor page, on a phone at 02:00 too."""

import os
from pathlib import Path

import pytest

from breakglass.services.approving import signatures
from breakglass.services.logs import sealing, standings
from tests import factories
from tests.browser.steps import expect
from tests.browser.test_every_page import _looks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
]
PAGE = "/t/acme/audit/reanchor"
PICTURES = os.environ.get("SCREENSHOTS", "")
REASON = (
    "A signed checkpoint of 412 entries was published, and the log ends at entry 371: "
    "a backup was restored, or its end was cut off."
)


@pytest.fixture
def stopped(acme, people, gate, settings, tmp_path):
    """A sealed log of a tenant with a bypass in force, which then turned read-only."""
    settings.CHECKPOINT_DIR = str(tmp_path)
    factories.join(acme, people.senior, "admins")
    asked = factories.request(acme, people.oncall, gate)
    factories.approve(asked, people.peer)
    sealing.seal_due()
    signatures.sign_due()
    sealing.seal_due()
    standings.note_finding(
        tenant=acme,
        seq=7,
        message="Entry 7 was altered: its bytes do not have the hash.",
    )
    standings.make_read_only(tenant=acme, reason=REASON)
    return acme


def _look(page, axe, name, found):
    found += [f"{name}: {text}" for text in _looks(page, axe)]
    if not PICTURES:
        return
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 844})
            file = Path(PICTURES) / f"{name}-{width}-{scheme}.png"
            page.screenshot(path=str(file), full_page=True)


def test_two_admins_re_anchor_in_the_browser(open_page, watch, axe, stopped, people):
    found = []
    oncall = open_page(people.oncall)
    oncall.goto("/")
    expect(oncall.locator(".logbar")).to_contain_text("Gates enforce")
    _look(oncall, axe, "dashboard", found)
    auditor = open_page(people.auditor)
    auditor.goto("/t/acme/audit")
    _look(auditor, axe, "audit", found)
    first, second = open_page(people.admin), open_page(people.senior)
    first.goto(PAGE)
    _look(first, axe, "propose", found)
    first.get_by_label("What happened").fill("Restored the backup of 02:00.")
    first.get_by_role("button", name="Propose").click()
    expect(first.get_by_text("Another admin has to confirm it")).to_be_visible()
    _look(first, axe, "own", found)
    second.goto(PAGE)
    _look(second, axe, "confirm", found)
    second.get_by_role("button", name="Confirm").click()
    expect(second.get_by_text("takes entries again")).to_be_visible()
    expect(second.locator(".logbar")).to_have_count(0)
    _look(second, axe, "after", found)
    found += watch.take()
    assert not found, "\n".join(found)
