"""
`make screenshots`: pictures of every page of the running demo, to be looked at.

Signs in as each person of `var/demo.json` and saves a full-page picture of every page
at two widths, light and dark, into `var/screenshots/`: `<page>-<width>-<scheme>.png`.
Nothing is sent and no decision is made, so the sign-in before a decision is not among
them. What a page needs is found by its links.
SCREENSHOTS_ARGS="--only inbox --language de" narrows it down.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS

VAR = Path(os.environ.get("BREAKGLASS_VAR_DIR", "var"))
WIDTHS = {1280: 900, 390: 844}
SCHEMES = ("light", "dark")

Step = Callable[[Page], object]


@dataclass(frozen=True, slots=True)
class Shot:
    """One page: its picture's name, where it is, and what is done there first."""

    name: str
    path: str
    # The links to follow from there: of each page the first that fits the pattern.
    links: tuple[str, ...] = ()
    steps: tuple[Step, ...] = field(default=())


def _press(selector: str) -> Step:
    return lambda page: page.locator(selector).first.click()


def _open_menu(page: Page) -> None:
    if page.locator(".navbar-toggler").is_visible():
        page.locator(".navbar-toggler").click()
        page.wait_for_timeout(400)  # the menu slides
    page.locator("details.menu summary").last.click()


def _keys(page: Page) -> None:
    page.keyboard.press("?")


T = "/t/acme"
REQUESTS = f"{T}/requests"
A_REQUEST = rf"^{REQUESTS}/BG-[0-9A-Z]+(\?.*)?$"
AN_ENTRY = rf"^{T}/audit/\d+$"
A_POSTMORTEM = rf"^{T}/postmortems/BG-[0-9A-Z]+$"
A_ROW = r"/admin/breakglass/{}/[^/]+/change/".format
ADMIN = (
    "tenant", "policy", "gate", "rolegroup", "user", "channel", "finding",
    "bypassrequest", "grant", "auditentry",
)  # fmt: skip


PEOPLE: dict[str, tuple[Shot, ...]] = {
    "": (
        Shot("login", "/accounts/login/"),
        Shot(
            "login-refused",
            "/accounts/login/",
            steps=(_press("form:has([name=password]) [type=submit]"),),
        ),
    ),
    "oncall@acme.example": (
        Shot("dashboard-oncall", "/"),
        Shot("menu", "/", steps=(_open_menu,)),
        Shot("keys", "/", steps=(_keys,)),
        Shot("requests", REQUESTS),
        Shot("request-new", f"{REQUESTS}/new"),
        Shot(
            "request-new-filled",
            f"{REQUESTS}/new?gate=change-freeze&service=checkout&branch=main"
            "&incident=INC-731&ttl=15",
        ),
        Shot("request-new-errors", f"{REQUESTS}/new", steps=(_press(".js-send"),)),
        *(
            Shot(f"request-{state}", f"{REQUESTS}?state={state}", links=(A_REQUEST,))
            for state in ("pending", "approved", "rejected", "withdrawn", "lapsed")
        ),
        Shot("request-active", f"{REQUESTS}?state=active", links=(A_REQUEST,)),
        Shot("close", f"{REQUESTS}?state=active", links=(A_REQUEST, r"/close$")),
        Shot("ask-again", f"{REQUESTS}?state=expired", links=(A_REQUEST, r"/new\?")),
        Shot("postmortems", f"{T}/postmortems"),
        Shot("postmortems-all", f"{T}/postmortems?tab=all"),
        *(
            Shot(f"postmortem-{tab}", f"{T}/postmortems?tab={tab}", (A_POSTMORTEM,))
            for tab in ("overdue", "done")
        ),
        Shot("gates-member", f"{T}/gates"),
        Shot("gate-health", f"{T}/gates/health"),
        Shot("profile", "/profile"),
        Shot("passkeys", "/profile/passkeys"),
        Shot("identities", "/profile/identities"),
        Shot("codes", "/accounts/2fa/"),
        Shot("sign-out", "/accounts/logout/"),
        Shot("sessions", "/profile/sessions"),
        Shot("not-found", f"{REQUESTS}/BG-000000"),
    ),
    "approver1@acme.example": (
        Shot("dashboard-approver", "/"),
        Shot("inbox", "/inbox"),
        Shot("inbox-others", "/inbox?tab=others"),
        Shot("inbox-decided", "/inbox?tab=decided"),
        Shot("request-to-decide", "/inbox", links=(A_REQUEST,)),
    ),
    "auditor@acme.example": (
        Shot("audit", f"{T}/audit"),
        Shot("audit-filtered", f"{T}/audit?event=request.approved"),
        Shot("audit-nothing", f"{T}/audit?actor=nobody"),
        Shot(
            "audit-entry",
            f"{T}/audit?event=request.approved",
            links=(AN_ENTRY,),
        ),
        *(
            Shot(f"audit-{event}", f"{T}/audit?event={event}", links=(AN_ENTRY,))
            for event in ("request.opened", "grant.issued", "log.sealed")
        ),
        Shot("audit-export", f"{T}/audit/export"),
        Shot("gate-health-auditor", f"{T}/gates/health"),
    ),
    "admin@acme.example": (
        Shot("gates", f"{T}/gates"),
        Shot("gate", f"{T}/gates/change-freeze"),
        Shot("gate-new", f"{T}/gates/new"),
        Shot("gate-test", f"{T}/gates/change-freeze/test"),
        Shot("gate-retire", f"{T}/gates/change-freeze/retire"),
        Shot("finding", f"{T}/gates/health", links=(rf"^{T}/findings/",)),
        Shot("outbox", "/outbox"),
        Shot("api-docs", "/api/docs"),
        Shot("admin", "/admin/"),
        *(Shot(f"admin-{name}", f"/admin/breakglass/{name}/") for name in ADMIN),
        *(
            Shot(f"admin-{name}-one", f"/admin/breakglass/{name}/", (A_ROW(name),))
            for name in ADMIN
        ),
        *(
            Shot(f"admin-{name}-new", f"/admin/breakglass/{name}/add/")
            for name in ("gate", "rolegroup", "user", "channel")
        ),
        Shot("admin-forbidden", "/t/globex/requests"),
    ),
}


def main() -> int:
    """Takes the pictures; returns 1 when a page failed, 2 without a running demo."""
    asked = argparse.ArgumentParser(prog="make screenshots")
    asked.add_argument("--only", default="", help="pages whose name holds this")
    asked.add_argument("--language", default="en", help="of the browser: en or de")
    asked.add_argument("--folder", type=Path, default=VAR / "screenshots")
    options = asked.parse_args()
    report = VAR / "demo.json"
    if not report.exists():
        sys.stderr.write("Start the demo first: make demo\n")
        return 2
    demo = json.loads(report.read_text(encoding="utf-8"))
    passwords = {person["email"]: person["password"] for person in demo["people"]}
    options.folder.mkdir(exist_ok=True)
    failed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for email, shots in PEOPLE.items():
            wanted = [shot for shot in shots if options.only in shot.name]
            if not wanted:
                continue
            context = browser.new_context(
                base_url=demo["url"], reduced_motion="reduce", locale=options.language
            )
            page = _signed_in(context, email, passwords.get(email, ""))
            for shot in wanted:
                problems = list(_take(page, shot, options.folder))
                failed += [f"{shot.name}: {problem}" for problem in problems]
            page.context.close()
        browser.close()
    sys.stdout.write(f"Pictures are in {options.folder}.\n")
    sys.stderr.writelines(f"{line}\n" for line in failed)
    return 1 if failed else 0


def _signed_in(context: BrowserContext, email: str, password: str) -> Page:
    context.set_default_timeout(20_000)
    page = context.new_page()
    if email:
        page.goto("/accounts/login/")
        page.locator("[name=login]").fill(email)
        page.locator("[name=password]").fill(password)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(lambda address: "/accounts/login" not in address)
    return page


def _take(page: Page, shot: Shot, folder: Path) -> Iterator[str]:
    """Takes the pictures of one page; yields what could not be taken, and why."""
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="light")
        page.goto(shot.path)
        for link in shot.links:
            target = _first_link(page, link)
            if target is None:
                yield f"{page.url} has no link like {link}"
                return
            page.goto(target)
        for step in shot.steps:
            step(page)
            page.wait_for_load_state("networkidle")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(
                path=folder / f"{shot.name}-{width}-{scheme}.png", full_page=True
            )


def _first_link(page: Page, pattern: str) -> str | None:
    """Returns the first address that fits, of the page's rows before all others."""
    for places in ("table a[href]", "main a[href], #content a[href]"):
        found = page.locator(places).evaluate_all(
            "links => links.map(link => link.getAttribute('href'))"
        )
        for href in found:
            if re.search(pattern, href):
                return str(href)
    return None


if __name__ == "__main__":
    sys.exit(main())
