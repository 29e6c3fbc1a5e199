"""In another language: nothing is left in English, and longer words still fit."""

import re

import pytest

from tests import pseudo
from tests.browser import test_every_page as pages
from tests.browser.test_every_page import NARROW, PHONE, TOO_WIDE, WIDE, world

# Every page once, in a language in which each marked text stands in brackets and is
# 40 % longer; a test for some roles, for the world that they share.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
]
__all__ = ["world"]  # a fixture of those pages

# English on purpose: the API's pages.
LEFT_ALONE = ("/api/",)
# What it takes to come this far is typed by its English name.
NOT_HERE = {"login, wrong"}
# Written by people, sent by machines, or a name: shown as they are.
DATA = (
    r"Checkout returns 5xx for a third of all users\.",
    r"Looks right to me\.|Same here\.|The fix is out\.|Call \+44[\d ]+\.",
    r"The cache ran out of memory\.|Alarm on memory",
    r"My key",
    r"request\.approved",
    r"asked for the bypass|approved$|the bypass opened|closed the bypass early",
    # What the tenant's template says, and the log's own words in a write-up.
    r"What happened, in three sentences, for somebody who was asleep\.",
    r"Summary|Impact|The bypass|Timeline|What happened|What went (well|wrong)",
    r"Why a bypass was needed|What changes",
    r"[\w.+-]+@[\w.-]+",
    r"https?://\S*",
    r"BG-[\w…]+|bg_live_\w+",
    r"\bsha256:?\w*|\b[0-9a-f]{8,}\b",
    r"operator at the shell|\bscheduler\b|\binstance\b|\bpassword\b|\bnobody\b",
    r"\b(oncall|peer|approver\d|senior|auditor|security|admin)\b",
    r"\b(acme|globex|breakglass|Sigstore|manage\.py|Python|English|Deutsch)\b",
    r"GitHub Actions|GitLab CI|Argo CD|Gatekeeper|Kyverno|\bOPA\b|^Kubernetes…?$",
    r"\bid_[0-9a-f]{8}\b",  # a machine's short name
    r"\b(prod|db|migrate|deploy|checkout|search|mail|payments|next|main|jenkins)\b",
    r"a-service-with\S+|release/\S+",
    r"\b(Low|High) impact\b|\bProduction database\b|\b(low|high)\b",
    r"\b(Peers|Designated approvers|Named seniors|Auditors|Tenant admins|On-call)\b",
    r"\b(UTC|UTC\W\S+|Europe/\w+|Chrome|Linux|TTL|ID|PDF|CSV|JSON|Markdown|v\d+)\b",
    r"\b\w+\.\w+(_\w+)*\b",  # an event's name: request.approved
    r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*",
)

OUTSIDE = """() => {
  const skipped = 'script,style,template,noscript,svg,code,pre,kbd,textarea,.mono,' +
    '.raw,.prose,select[name="time_zone"]';
  const found = [];
  let depth = 0, text = '';
  const flush = () => {
    if (/[A-Za-z]{2}/.test(text)) found.push(text.trim());
    text = '';
  };
  const root = document.documentElement;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const isSkipped = node.parentElement.closest(skipped);
    if (isSkipped && isSkipped.matches('script,style,template,noscript')) continue;
    for (const letter of node.data) {
      if (letter === '⟦') { depth++; flush(); }
      else if (letter === '⟧') depth--;
      else if (!depth && !isSkipped) text += letter;
    }
    flush();
  }
  for (const name of ['title', 'aria-label', 'placeholder', 'alt', 'data-busy',
                      'data-say', 'data-label']) {
    for (const el of document.querySelectorAll(`[${name}]`)) {
      const value = el.getAttribute(name);
      if (/[A-Za-z]{2}/.test(value) && !value.includes('⟦'))
        found.push(`${name}: ${value}`);
    }
  }
  return [...new Set(found)];
}"""
CLIPPED = """() => [...document.querySelectorAll('body *')].filter((el) => {
  if (!el.offsetParent || el.matches('input,textarea,select,svg *,pre')) return false;
  const style = getComputedStyle(el);
  if (style.overflowX === 'visible' || style.overflowX === 'auto') return false;
  if (el.closest('.visually-hidden, [aria-hidden="true"], thead')) return false;
  return el.scrollWidth > el.clientWidth + 1 && el.textContent.trim();
}).map((el) => el.outerHTML.slice(0, 160))"""

# A column that a longer neighbour has squeezed to a letter a line.
SQUEEZED = """() => [...document.querySelectorAll('main *')].filter((el) => {
  if (!el.offsetParent || el.closest('svg, .visually-hidden')) return false;
  const isLong = (node) => node.nodeType === 3 && node.data.trim().length > 9;
  const words = [...el.childNodes].some(isLong);
  return words && el.clientWidth > 0 && el.clientWidth < 40 && el.clientHeight > 120;
}).map((el) => el.outerHTML.slice(0, 160))"""


def _is_english(text):
    for pattern in DATA:
        text = re.sub(pattern, " ", text, flags=re.IGNORECASE)
    text = re.sub(r"^(title|aria-label|placeholder|alt|data-\w+): ", "", text)
    return re.search(r"[A-Za-z]{2,}", text) is not None


@pytest.mark.parametrize("roles", ["oncall", "approver2 auditor nobody", "admin root"])
def test_no_page_is_left_in_english_or_breaks_under_longer_words(
    open_page, watch, world, settings, tmp_path, roles
):
    pseudo.install(settings, tmp_path)
    watch.allow(404, 422)
    found = []
    for role in roles.split():
        person = getattr(world.people, role, None)
        page = open_page(person, stale=role == "approver2", locale="de-DE")
        for name, path, prepare in pages.ROLES[role](world):
            if path.startswith(LEFT_ALONE) or name in NOT_HERE:
                continue
            page.set_viewport_size({"width": WIDE, "height": 900})
            page.goto(path)
            if prepare:
                prepare(page)
            found += [f"{role}, {name}: {text}" for text in _flaws(page)]
    assert not found, "\n".join(found)


def _flaws(page):
    """Yields what is English, and what does not fit, on the page as it stands."""
    shown = page.evaluate(OUTSIDE)
    yield from (f"English: {text!r}" for text in shown if _is_english(text))
    for width in (WIDE, PHONE, NARROW):
        page.set_viewport_size({"width": width, "height": 844})
        if wide := page.evaluate(TOO_WIDE):
            yield f"{width}: sideways scroll {wide}"
        yield from (f"{width}: clipped {text}" for text in page.evaluate(CLIPPED))
        yield from (f"{width}: squeezed {text}" for text in page.evaluate(SQUEEZED))
