"""Every page, light and dark, wide and narrow: accessible, within its CSP."""

import re
from types import SimpleNamespace

import pytest

from breakglass.models import AuditEntry, Intent, RoleGroup, Tenant, Tier, User
from breakglass.queries.people import passkeys
from breakglass.services import grants
from breakglass.services.gates import findings, setups
from breakglass.services.postmortems import writing
from breakglass.services.tenancy import policies
from breakglass.states import FindingKind
from tests import authenticator, factories
from tests.browser.steps import PLACEHOLDER, expect, postmortem_url, request_url

# Four looks at some twenty pages a role; a test makes the world anew, so they share it.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
]

REQUESTS = "/t/acme/requests"
TRIED = "?try-gate=prod-deploy&try-service=checkout&try-impact=high"
TITLE = re.compile(r"\bbreakglass( admin · acme)?$")
WIDE, PHONE, NARROW = 1280, 390, 320
LOOKS = (
    (WIDE, "light", False),
    (WIDE, "dark", True),
    (PHONE, "dark", False),
    (PHONE, "light", True),
)


@pytest.fixture
def world(acme, people, gate, database_gate, gate_token):
    """A request in each state that has a page of its own."""
    made = SimpleNamespace(people=people, gate=gate)
    people.root = factories.person("root@acme.example", "Root", is_staff=True)
    User.objects.filter(pk=people.root.pk).update(is_superuser=True)
    Tenant.objects.filter(pk=acme.pk).update(emergency_text="Call +44 20 7946 0018.")
    made.published = _closed(acme, people, gate, service="search")
    made.closed = _closed(acme, people, gate, service="mail")
    made.active = factories.request(acme, people.oncall, gate, branch="main")
    factories.approve(made.active, people.peer)
    made.pending = factories.request(acme, people.oncall, gate, service="payments")
    made.high = factories.request(
        acme, people.oncall, gate, service="a-service-with-a-rather-long-name/worker",
        impact="high", branch="release/2026.11/hotfix-checkout-connection-pool",
        artifact="sha256:" + "9f" * 32,
    )  # fmt: skip
    factories.approve(made.high, people.approver1, comment="Looks right to me.")
    factories.intend(made.high, people.approver2, comment="Same here.")
    made.intent = Intent.objects.get(signer=people.approver2)
    made.entry = AuditEntry.objects.filter(event="request.approved").latest("seq")
    setup = setups.start(tenant=acme, author=people.admin, kind="jenkins")
    words = {"environment": "", "data_class": "", "owner": None}
    by = people.admin.as_actor()
    setups.name(setup=setup, slug="next", service="mail", **words, actor=by)
    setups.connect(setup=setup, actor=by)
    made.setup = setup.public_id
    made.finding = findings.open_finding(
        gate=gate,
        kind=FindingKind.SCOPE_REPEATED,
        details={"service": "checkout", "branch": "", "bypasses": 3, "days": 30},
    )
    made.machine = factories.machine(gate).public_id
    made.draft = policies.new_draft(tenant=acme, author=None)
    Tier.objects.filter(policy=made.draft, slug="low").update(postmortem_days=3)
    authenticator.enrol(people.peer)
    made.person = people.peer.pk
    made.passkey = passkeys.live(user=people.peer).get().public_id
    made.group = RoleGroup.objects.get(tenant=acme, slug="peers").pk
    _publish(acme, people, made.published)
    return made


def _closed(tenant, people, gate, **fields):
    bypass = factories.request(tenant, people.oncall, gate, **fields)
    factories.approve(bypass, people.peer)
    words = {"tenant": tenant, "bypass_id": bypass.bypass_id, "person": people.oncall}
    grants.revoke(**words, reason="The fix is out.")
    return bypass


def _publish(tenant, people, bypass):
    words = {"tenant": tenant, "bypass_id": bypass.bypass_id, "person": people.oncall}
    found = bypass.grant.postmortem
    body = PLACEHOLDER.sub("The cache ran out of memory.", found.body)
    item = writing.ActionItemInput(
        text="Alarm on memory", owner="Oncall", is_done=False
    )
    writing.save_draft(
        **words,
        body=body,
        action_items=[item],
        no_action_reason="",
        gate_blamed="partly",
        revision=found.revision,
    )
    writing.publish(**words)


def _empty_send(page):
    page.locator(".js-send").click()
    expect(page.locator("#errors")).to_be_focused()


def _wrong_password(page):
    page.get_by_label("E-mail").fill("nobody@acme.example")
    page.get_by_label("Password").fill("a wrong password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#errors")).to_be_visible()


def _open_menu(page):
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.locator("details.menu summary").last.click()
    expect(page.get_by_text("Signed in as")).to_be_visible()


def _open_keys(page):
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def _close_without_a_reason(page):
    page.get_by_role("button", name="Close the finding").click()
    expect(page.locator("#errors")).to_be_focused()


def _open_tables(page):
    for summary in page.get_by_text("Show as table").all():
        summary.click()
    expect(page.locator(".chart-data table").last).to_be_visible()


def _wrong_tier(page):
    page.locator("[name$=-needs]").first.fill("2 of nobody")
    page.locator("[name=_save]").click()
    expect(page.locator(".errorlist")).to_be_visible()


def _empty_save(page):
    page.locator("[name=_save]").click()
    expect(page.locator(".errorlist").first).to_be_visible()


def _issue(page):
    page.get_by_role("button", name="Issue a token").click()
    expect(page.locator("#token")).to_be_visible()


def _preview(page):
    page.locator("[name=preview]").first.click()
    expect(page.locator("#preview-0 p").first).to_be_visible()


def _too_early_send(page):
    page.get_by_role("button", name="Save and publish").click()
    expect(page.locator("#errors")).to_be_focused()


def _oncall(world):
    yield "dashboard", "/", None
    yield "menu", "/", _open_menu
    yield "keys", "/", _open_keys
    yield "requests", REQUESTS, None
    yield "new", f"{REQUESTS}/new", None
    yield "requests, none", f"{REQUESTS}?state=pending&gate=db-migrate&q=zzz", None
    yield "new, bad link", f"{REQUESTS}/new?gate=nope&service=a%20b&ttl=soon", None
    yield "new, filled in", f"{REQUESTS}/new?gate=db-migrate&service=checkout", None
    yield "new, in error", f"{REQUESTS}/new", _empty_send
    yield "pending", request_url(world.high), None
    yield "active", request_url(world.active), None
    yield "closed", request_url(world.closed), None
    yield "close", f"{request_url(world.active)}/close", None
    yield "post-mortems", "/t/acme/postmortems?tab=all", None
    yield "too early", postmortem_url(world.active), None
    yield "editor", postmortem_url(world.closed), None
    yield "editor, preview", postmortem_url(world.closed), _preview
    yield "editor, in error", postmortem_url(world.closed), _too_early_send
    yield "published", postmortem_url(world.published), None


def _approver(world):
    yield "inbox", "/inbox", None
    yield "inbox, others", "/inbox?tab=others", None
    yield "decided", "/inbox?tab=decided", None
    yield "to decide", request_url(world.high), None
    yield "step-up", f"/accounts/reauthenticate/?intent={world.intent.public_id}", None
    yield "passkeys", "/profile/passkeys", None
    yield "codes", "/accounts/2fa/", None
    yield "sign out", "/accounts/logout/", None


def _auditor(world):
    yield "inbox, empty", "/inbox", None
    yield "audit", "/t/acme/audit", None
    yield "audit, nothing found", "/t/acme/audit?actor=nobody", None
    yield "entry", f"/t/acme/audit/{world.entry.seq}", None
    yield "take evidence", "/t/acme/audit/export?event=request.opened", None
    yield "404", f"{REQUESTS}/BG-000000", None


def _admin(world):
    yield "gates", "/t/acme/gates", None
    yield "gate", f"/t/acme/gates/{world.gate.slug}", None
    yield "token", f"/t/acme/gates/{world.gate.slug}", _issue
    yield "gate, test", f"/t/acme/gates/{world.gate.slug}/test", None
    yield "gate, retire", f"/t/acme/gates/{world.gate.slug}/retire", None
    machines = f"/t/acme/gates/{world.gate.slug}/machines"
    for kind in ("github_actions", "kubernetes"):
        yield f"machine, {kind}", f"{machines}/new/{kind}", None
    yield "machine, remove", f"{machines}/{world.machine}/remove", None
    for step in ("kind", "name", "connect", "test", "check"):
        yield f"set-up, {step}", f"/t/acme/gates/new/{world.setup}/{step}", None
    finding = f"/t/acme/findings/{world.finding.public_id}"
    yield "gate health", "/t/acme/gates/health", None
    yield "finding", finding, None
    yield "finding, in error", finding, _close_without_a_reason
    yield "charts as tables", "/", _open_tables
    yield "outbox", "/outbox", None
    yield "api", "/api/docs", None
    yield from _operator(world)


def _operator(world):
    """Django's admin: each of its templates once, and each of ours."""
    rows = "/admin/breakglass"
    draft, person = f"{rows}/policy/{world.draft.pk}", f"{rows}/user/{world.person}"
    yield "admin", "/admin/", None
    yield "admin, list", f"{rows}/bypassrequest/?state__exact=pending", None
    yield "admin, entry", f"{rows}/auditentry/{world.entry.pk}/change/", None
    yield "admin, person", f"{person}/change/", None
    yield "admin, passkey", f"{person}/passkeys/{world.passkey}/remove/", None
    yield "admin, group", f"{rows}/rolegroup/{world.group}/change/", None
    yield "admin, draft", f"{draft}/change/{TRIED}", _wrong_tier
    yield "admin, publish", f"{draft}/publish/", None


def _root(_world):
    """What only a superuser may: the first tenant is made here."""
    yield "admin, new tenant, in error", "/admin/breakglass/tenant/add/", _empty_save


def _nobody(world):
    yield "login", "/accounts/login/", None
    yield "login, wrong", "/accounts/login/", _wrong_password


ROLES = {
    "oncall": _oncall,
    "approver2": _approver,
    "auditor": _auditor,
    "admin": _admin,
    "root": _root,
    "nobody": _nobody,
}


def test_the_watchers_see_what_they_look_for(open_page, watch, axe):
    page = open_page()
    page.goto("/accounts/login/")
    with page.expect_console_message(lambda said: said.text.startswith("CSP: img-src")):
        page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', "
            "'<img src=http://elsewhere.example/><p class=text-nowrap>'"
            " + 'too wide '.repeat(99))"
        )
    assert [text for text in watch.take() if "CSP: img-src" in text]
    assert [text for text in axe(page) if text.startswith("axe image-alt")]
    assert page.evaluate(TOO_WIDE)


@pytest.mark.parametrize("roles", ["oncall", "approver2 auditor nobody", "admin root"])
def test_every_page_is_clean_in_every_look(open_page, watch, axe, world, roles):
    watch.allow(404, 422)
    found = []
    for role in roles.split():
        page = open_page(getattr(world.people, role, None), stale=role == "approver2")
        for name, path, prepare in ROLES[role](world):
            page.set_viewport_size({"width": WIDE, "height": 900})
            page.emulate_media(color_scheme="light")
            page.goto(path)
            if prepare:
                prepare(page)
            found += [f"{role}, {name}: {text}" for text in _looks(page, axe)]
            found += [f"{role}, {name}: {text}" for text in watch.take()]
    assert not found, "\n".join(found)


def _looks(page, axe):
    """Yields what is wrong with the page as it stands."""
    if not TITLE.search(page.title()):
        yield f"title {page.title()!r}"
    if page.locator("h1").count() != 1:
        yield f"{page.locator('h1').count()} headings of the first level"
    for width, scheme, is_recoloured in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        found = axe(page, colours=is_recoloured)
        yield from (f"{width} {scheme}: {text}" for text in found)
    page.emulate_media(forced_colors="active")
    yield from (f"forced colours: {text}" for text in page.evaluate(FORCED))
    page.emulate_media(forced_colors="none", media="print", color_scheme="dark")
    yield from (f"printed: {text}" for text in page.evaluate(PRINTED))
    page.emulate_media(media="screen")
    for width in (PHONE, NARROW):
        page.set_viewport_size({"width": width, "height": 844})
        if wide := page.evaluate(TOO_WIDE):
            yield f"{width}: sideways scroll {wide}"
        yield from (f"{width}: out of sight {tab}" for tab in page.evaluate(HIDDEN))


# On white paper, also from a dark screen: dark words, no navigation, where and when.
PRINTED = """() => {
  if (!document.querySelector('.site-footer')) return [];  // Django's own admin
  const found = [], seen = (el) => el.checkVisibility();
  for (const el of document.querySelectorAll('nav, form, header.navbar, .btn, .skip'))
    if (seen(el)) found.push(`not for paper: ${el.outerHTML.slice(0, 120)}`);
  for (const el of document.querySelectorAll('h1, h2, main p, main dd, .tag, .livebar'))
    if (seen(el) && getComputedStyle(el).color.match(/\\d+/g).slice(0, 3)
        .some((part) => part > 140))
      found.push(`too pale: ${el.outerHTML.slice(0, 120)}`);
  const stamps = [...document.querySelectorAll('.print-only')].filter(seen);
  const said = stamps.map((el) => el.innerText).join();
  if (document.querySelector('.server-time')
      && !(stamps.length === 1 && said.includes(location.href.split('#')[0])
        && /\\d\\d:\\d\\d:\\d\\d UTC/.test(said)))
    found.push(`no address and time: ${said}`);
  return found;
}"""
# No background is left then: a state has a line around it, an icon and a word.
FORCED = """() => {
  const found = [], style = (el) => getComputedStyle(el);
  const ground = style(document.body).backgroundColor;
  const lined = (el) => ['Top', 'Bottom', 'Left'].some((side) =>
    parseFloat(style(el)[`border${side}Width`])
    && style(el)[`border${side}Style`] !== 'none'
    && style(el)[`border${side}Color`] !== ground);
  const all = (css) => [...document.querySelectorAll(css)].filter(
    (el) => el.checkVisibility());
  const note = (what, el) => found.push(`${what}: ${el.outerHTML.slice(0, 120)}`);
  for (const el of all('.tag, .count, .note, .btn:not(.btn-link), .livebar, .logbar,'
      + '.card, .tile, progress.used, .form-control, .form-select,'
      + '.tabs [aria-current]'))
    if (!lined(el)) note('no line', el);
  for (const el of all('.tabs a:not([aria-current])'))
    if (lined(el)) note('looks current', el);
  for (const el of all('.tag, .livebar, .logbar'))
    if (!el.innerText.trim()) note('no word', el);
  for (const el of all('.livebar, .logbar, .tag-wait, .tag-ok, .tag-fail, .tag-active'))
    if (!el.querySelector('svg')) note('no icon', el);
  for (const el of all('svg [class*=chart-fill], .chart-line, .chart-dot'))
    if ([ground, 'none'].includes(style(el).fill)
        && [ground, 'none'].includes(style(el).stroke))
      note('not seen', el);
  return found;
}"""
# A row of tabs may be wider than the page; the one that is open is in sight.
HIDDEN = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [...document.querySelectorAll('.tabs [aria-current]')].filter((tab) => {
    const at = tab.getBoundingClientRect();
    const row = tab.parentElement.getBoundingClientRect();
    return at.left < row.left - 1 || at.right > row.right + 1;
  }).map((tab) => tab.innerText);
}"""
TOO_WIDE = """() => {
  const root = document.scrollingElement;
  if (root.scrollWidth <= innerWidth) return null;
  const beyond = [...document.body.querySelectorAll('*')].filter(
    (el) => el.getBoundingClientRect().right > innerWidth + 1);
  const last = beyond.slice(-3).map((el) => el.outerHTML.slice(0, 120));
  return `${root.scrollWidth}: ${last.join(' | ')}`;
}"""
