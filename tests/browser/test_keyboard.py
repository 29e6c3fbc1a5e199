"""With the keys alone: everything is reached and seen, never under a bar that stays."""

import pytest

from breakglass.services import grants
from tests import factories
from tests.browser.steps import expect, postmortem_url, request_url

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(240),
]
REQUESTS = "/t/acme/requests"
MOST = 200  # a page with more to tab through is broken

# The bar that stays at the top is shown, as in the last two minutes of a session.
START = """() => {
  const soon = new Date(Date.now() + 90000).toISOString();
  document.querySelector('#inbox-count').dataset.sessionEnds = soon;
  document.querySelector('#session').dataset.ends = soon;
  window.reached = new Set();
}"""
# What has the focus now: null when the round is over, else what is wrong with it.
STEP = """() => {
  const el = document.activeElement;
  if (el === window.last) return [];  // a date is several stops
  window.last = el;
  if (!el || el === document.body || window.reached.has(el)) return null;
  window.reached.add(el);
  const name = el.outerHTML.slice(0, 100), found = [];
  const shows = (one, pseudo) => {
    const style = getComputedStyle(one, pseudo);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  };
  const holder = el.closest('.inbox-row');
  if (!shows(el) && !shows(el, '::after') && !(holder && shows(holder)))
    found.push(`no focus to see: ${name}`);
  const box = el.getBoundingClientRect();
  const at = (x, y) => document.elementFromPoint(
    box.left + box.width * x, box.top + box.height * y);
  const points = [[.5, .5], [.1, .2], [.1, .8], [.9, .2], [.9, .8]];
  const free = points.map(([x, y]) => at(x, y)).filter(
    (top) => top && (el.contains(top) || top.contains(el)
      || top.closest('label')?.control === el));
  // Of a text it is the line one types in that is scrolled to.
  if (free.length < (el.tagName === 'TEXTAREA' ? 2 : 3))
    found.push(`out of sight (${free.length} of 5): ${name}`);
  return found;
}"""
MISSED = """() => {
  const all = [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary')];
  const reached = [...window.reached];
  const isIn = (el) => el.type === 'radio'  // one of a group has the focus for all
    ? reached.some((one) => one.name === el.name) : reached.includes(el);
  const isThere = (el) => el.checkVisibility({visibilityProperty: true})
    && !el.disabled && el.tabIndex >= 0 && !el.closest('dialog:not([open])');
  return all.filter((el) => isThere(el) && !isIn(el)).map(
    (el) => `not reached: ${el.outerHTML.slice(0, 100)}`);
}"""


def _walk(page, path):
    """Yields what is wrong on one round with Tab from the top of the page."""
    page.goto(path)
    page.evaluate(START)
    expect(page.locator("#session")).to_be_visible()
    for _ in range(MOST):
        page.keyboard.press("Tab")
        found = page.evaluate(STEP)
        if found is None:
            break
        yield from found
    yield from page.evaluate(MISSED)


@pytest.fixture
def world(acme, people, gate, database_gate):
    closed = factories.request(acme, people.oncall, gate, service="mail")
    factories.approve(closed, people.peer)
    pending = factories.request(acme, people.oncall, gate, service="payments")
    return {
        people.oncall: (
            f"{REQUESTS}/new?gate=db-migrate&service=checkout",
            REQUESTS,
            request_url(closed),
            f"{request_url(closed)}/close",
        ),
        people.peer: ("/inbox", request_url(pending)),
        people.auditor: ("/t/acme/audit",),
    }, closed


def test_the_keys_alone_reach_everything_and_the_focus_is_always_in_sight(
    open_page, world, people, acme
):
    pages, closed = world
    found = []
    for person, paths in pages.items():
        page = open_page(person, viewport={"width": 1280, "height": 560})
        page.goto("/")  # the session's end is known from its second page on
        for path in paths:
            found += [f"{path}: {text}" for text in _walk(page, path)]
        page.context.close()
    grants.revoke(
        tenant=acme, bypass_id=closed.bypass_id, person=people.oncall, reason="Fixed."
    )
    page = open_page(people.oncall, viewport={"width": 1280, "height": 560})
    page.goto("/")
    path = postmortem_url(closed)
    found += [f"{path}: {text}" for text in _walk(page, path)]
    assert not found, "\n".join(found)


def test_without_scripts_the_keys_reach_every_tab_of_a_row_wider_than_the_phone(
    open_page, people, acme
):
    phone = {"width": 320, "height": 640}
    page = open_page(people.oncall, viewport=phone, java_script_enabled=False)
    page.goto("/profile")
    tabs = page.get_by_role("navigation", name="Your profile").get_by_role("link")
    expect(tabs.last).not_to_be_in_viewport()
    tabs.first.focus()
    for _ in range(tabs.count() - 1):
        page.keyboard.press("Tab")

    expect(tabs.last).to_be_focused()
    expect(tabs.last).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/2fa/")
