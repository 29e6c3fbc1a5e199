"""
`make screenshots`: pictures of every page of the running demo, to be looked at.

Signs in as each person of `var/demo.json` and saves a full-page picture of every page
at two widths, light and dark, into `var/screenshots/`: `<page>-<width>-<scheme>.png`.
Nothing is sent and no decision is made; what a page needs is found by its links.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS

VAR = Path(os.environ.get("BREAKGLASS_VAR_DIR", "var"))
WIDTHS = {1280: 900, 390: 844}
SCHEMES = ("light", "dark")

Step = Callable[[Page], object]


@dataclass(frozen=True, slots=True)
class Shot:
    """One page: its picture's name, where it is, and what is done there first."""

    name: str
    path: str
    # The link to follow from there: the first that fits this pattern.
    link: str = ""
    steps: tuple[Step, ...] = field(default=())


def _press(name: str) -> Step:
    return lambda page: page.get_by_role("button", name=name).first.click()


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

PEOPLE: dict[str, tuple[Shot, ...]] = {
    "": (
        Shot("login", "/accounts/login/"),
        Shot("login-refused", "/accounts/login/", steps=(_press("Sign in"),)),
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
        Shot("request-new-errors", f"{REQUESTS}/new", steps=(_press("Send"),)),
        *(
            Shot(f"request-{state}", f"{REQUESTS}?state={state}", link=A_REQUEST)
            for state in ("pending", "approved", "rejected", "withdrawn", "lapsed")
        ),
        Shot("close", f"{REQUESTS}?state=active", link=A_REQUEST),
        Shot("postmortems", f"{T}/postmortems"),
        Shot("postmortems-all", f"{T}/postmortems?tab=all"),
        Shot(
            "postmortem",
            f"{T}/postmortems?tab=all",
            link=rf"^{T}/postmortems/BG-[0-9A-Z]+$",
        ),
        Shot("gates-member", f"{T}/gates"),
        Shot("gate-health", f"{T}/gates/health"),
        Shot("profile", "/profile"),
        Shot("passkeys", "/profile/passkeys"),
        Shot("identities", "/profile/identities"),
        Shot("codes", "/accounts/2fa/"),
        Shot("sign-out", "/accounts/logout/"),
        Shot("not-found", f"{REQUESTS}/BG-000000"),
    ),
    "approver1@acme.example": (
        Shot("dashboard-approver", "/"),
        Shot("inbox", "/inbox"),
        Shot("inbox-others", "/inbox?tab=others"),
        Shot("inbox-decided", "/inbox?tab=decided"),
        Shot("request-to-decide", "/inbox", link=A_REQUEST),
    ),
    "auditor@acme.example": (
        Shot("audit", f"{T}/audit"),
        Shot("audit-filtered", f"{T}/audit?event=request.approved"),
        Shot("audit-nothing", f"{T}/audit?actor=nobody"),
        Shot(
            "audit-entry",
            f"{T}/audit?event=request.approved",
            link=rf"^{T}/audit/\d+$",
        ),
        Shot("audit-export", f"{T}/audit/export"),
    ),
    "admin@acme.example": (
        Shot("gates", f"{T}/gates"),
        Shot("gate", f"{T}/gates/change-freeze"),
        Shot("gate-new", f"{T}/gates/new"),
        Shot("outbox", "/outbox"),
        Shot("api-docs", "/api/docs"),
        Shot("admin", "/admin/"),
        Shot("admin-policies", "/admin/breakglass/policy/"),
        Shot(
            "admin-policy",
            "/admin/breakglass/policy/",
            link=r"/admin/breakglass/policy/\d+/change/",
        ),
        Shot("admin-people", "/admin/breakglass/user/"),
        Shot("admin-roles", "/admin/breakglass/rolegroup/"),
        Shot("admin-tenants", "/admin/breakglass/tenant/"),
        Shot("admin-forbidden", "/t/globex/requests"),
    ),
}


def main(only: str = "") -> int:
    """Takes the pictures whose name holds `only`; returns 1 when a page failed."""
    report = VAR / "demo.json"
    if not report.exists():
        sys.stderr.write("Start the demo first: make demo\n")
        return 2
    demo = json.loads(report.read_text(encoding="utf-8"))
    passwords = {person["email"]: person["password"] for person in demo["people"]}
    folder = VAR / "screenshots"
    folder.mkdir(exist_ok=True)
    failed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for email, shots in PEOPLE.items():
            wanted = [shot for shot in shots if only in shot.name]
            if not wanted:
                continue
            page = _signed_in(browser, demo["url"], email, passwords.get(email, ""))
            for shot in wanted:
                problems = list(_take(page, shot, folder))
                failed += [f"{shot.name}: {problem}" for problem in problems]
            page.context.close()
        browser.close()
    sys.stdout.write(f"Pictures are in {folder}.\n")
    sys.stderr.writelines(f"{line}\n" for line in failed)
    return 1 if failed else 0


def _signed_in(browser: Browser, url: str, email: str, password: str) -> Page:
    context = browser.new_context(base_url=url, reduced_motion="reduce")
    context.set_default_timeout(20_000)
    page = context.new_page()
    if email:
        page.goto("/accounts/login/")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(lambda address: "/accounts/login" not in address)
    return page


def _take(page: Page, shot: Shot, folder: Path) -> Iterator[str]:
    """Takes the pictures of one page; yields what could not be taken, and why."""
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="light")
        page.goto(shot.path)
        if shot.link:
            target = _first_link(page, shot.link)
            if target is None:
                yield f"{shot.path} has no link like {shot.link}"
                return
            page.goto(target)
        for step in shot.steps:
            step(page)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(
                path=folder / f"{shot.name}-{width}-{scheme}.png", full_page=True
            )


def _first_link(page: Page, pattern: str) -> str | None:
    found = page.locator("main a[href]").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    return next((href for href in found if re.search(pattern, href)), None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
