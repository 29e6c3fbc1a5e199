"""
Three journeys in Chromium with a cold cache, on a demo with a log of 100,000 entries.

A robot fills in at once and presses without thinking, so a figure is what the portal
and the browser take. Each walk has a browser of its own, which has seen no page yet;
who is signed in already has a session, made beforehand.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

from portal.runtime import parts, ports

ENTRIES: Final = 100_000
ROUNDS: Final = 7
PHONE: Final = {"width": 390, "height": 844}
DESKTOP: Final = {"width": 1280, "height": 900}
TENANT: Final = "/t/acme"
GATE: Final = "change-freeze"
ASKER: Final = "oncall@acme.example"
PEER: Final = "peer@acme.example"
AUDITOR: Final = "auditor@acme.example"
PROOFS: Final = 6  # bytes, link, signature, certificate, transparency log, checkpoint
SENT_FORMAT: Final = "%Y%m%dT%H%M%SZ"  # as links in messages have it (notify/stamps.py)
_WAITED_FOR: Final = frozenset({"document", "fetch", "xhr"})
_ON_THE_LINE: Final = "encodedDataLength"
_PATIENCE: Final = 600.0
# Of the caller's settings: none, so that all demos that are measured are alike.
_KEPT: Final = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "PYTHONDONTWRITEBYTECODE"})


def measure(*, entries: int = ENTRIES) -> dict[str, Any]:
    """Prints median and worst of the rounds; returns the same as a dictionary."""
    from playwright.sync_api import sync_playwright

    walked: dict[str, list[Walk]] = {}
    with _demo() as demo:
        ready = _prepare(demo, entries)
        with sync_playwright() as playwright:
            for number in range(ROUNDS):
                for name, walk in _round(playwright, ready, number):
                    walked.setdefault(name, []).append(walk)
    return _report(walked, ready.size)


@dataclass(frozen=True)
class Ready:
    """A demo with a long log, and what each round needs."""

    url: str
    secrets: dict[str, str]
    size: int
    approved: list[str]
    peers: list[str]
    auditors: list[str]


@dataclass
class Walk:
    """What one walk took: in all, waiting for the server, and on the line."""

    ms: float
    ended_at: str
    server_ms: float
    requests: int
    kilobytes: float


def _round(playwright: Any, ready: Ready, number: int) -> Iterator[tuple[str, Walk]]:
    """Goes the three ways; what the first one asks for, the second one approves."""
    asked = _walk(playwright, ready, PHONE, "", _request(ready, number))
    yield "request from the link", asked
    peer = ready.peers[number]
    approving = _walk(playwright, ready, PHONE, peer, _approve(ready, asked.ended_at))
    yield "approve from the link", approving
    auditor = ready.auditors[number]
    proving = _walk(playwright, ready, DESKTOP, auditor, _prove(ready.approved[number]))
    yield "find and prove an entry", proving


def _walk(
    playwright: Any,
    ready: Ready,
    viewport: dict[str, int],
    session: str,
    steps: Callable[[Any], None],
) -> Walk:
    """Starts a browser, takes the steps on its first page, and measures them."""
    from tests.browser.chromium import CHROMIUM, FLAGS

    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    context = browser.new_context(base_url=ready.url, viewport=viewport)
    context.set_default_timeout(30_000)
    if session:
        cookie = {"name": "sessionid", "value": session, "url": ready.url}
        context.add_cookies([cookie])
    page, answers, weights = context.new_page(), [], []
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.on("Network.loadingFinished", lambda one: weights.append(one[_ON_THE_LINE]))
    page.on("requestfinished", lambda one: answers.append(_waited(one)))
    began = time.perf_counter()
    steps(page)
    walk = Walk(
        ms=1000 * (time.perf_counter() - began),
        ended_at=page.url,
        server_ms=sum(answers),
        requests=sum(map(bool, weights)),  # what the cache answers weighs nothing
        kilobytes=sum(weights) / 1000,
    )
    browser.close()
    return walk


def _waited(answer: Any) -> float:
    """Returns for how long the server was waited for, in ms; files are not counted."""
    if answer.resource_type not in _WAITED_FOR:
        return 0.0
    return float(answer.timing["responseStart"] - answer.timing["requestStart"])


def _request(ready: Ready, number: int) -> Callable[[Any], None]:
    """Signed out, on a phone: the link, sign in, one sentence, send."""

    def steps(page: Any) -> None:
        page.goto(
            f"{TENANT}/requests/new?gate={GATE}&service=checkout-{number}"
            "&branch=main&ttl=15&incident=https://incidents.example/1"
        )
        page.get_by_label("E-mail").fill(ASKER)
        page.get_by_label("Password").fill(ready.secrets[ASKER])
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_label("Why is this needed now?").fill(
            "Checkout answers 5xx for a third of all users."
        )
        page.locator(".js-send").click()
        page.get_by_text("is sent. The approvers are told.").wait_for()

    return steps


def _approve(ready: Ready, asked: str) -> Callable[[Any], None]:
    """Signed in too long ago, on a phone: the link, approve, the password, signed."""
    sent = f"{datetime.now(UTC):{SENT_FORMAT}}"

    def steps(page: Any) -> None:
        page.goto(f"{urlsplit(asked).path}?sent={sent}#decision")
        page.locator("#decision .btn-success").click()
        page.get_by_label("Password").fill(ready.secrets[PEER])
        page.get_by_role("button", name="Approve and sign").click()
        page.get_by_text(f"signed as {PEER}").first.wait_for()

    return steps


def _prove(sought: str) -> Callable[[Any], None]:
    """The log, narrowed to a request, its approval, and every line of proof green."""

    def steps(page: Any) -> None:
        page.goto(f"{TENANT}/audit")
        request = page.get_by_label("Request", exact=True)
        request.fill(sought)
        request.press("Enter")
        page.locator("#rows .chips a", has_text=sought).wait_for()
        page.locator("#rows tr", has_text="approved").last.locator("[data-row]").click()
        page.locator(".checks li").first.wait_for()
        if page.locator(".checks .tag-ok").count() < PROOFS:
            raise SystemExit(page.locator(".checks").inner_text())

    return steps


def _prepare(demo: dict[str, Any], entries: int) -> Ready:
    """Makes the log long, waits until it is checked, and signs people in."""
    os.environ.update(
        DATABASE_URL=demo["database_url"],
        BREAKGLASS_SECRET_KEY=demo["secret_key"],
        DJANGO_SETTINGS_MODULE="portal.settings.dev",
        BREAKGLASS_LOG_LEVEL="ERROR",
    )
    import django

    django.setup()
    from bench import seed_log
    from breakglass.audit import events
    from breakglass.models import AuditEntry, Tenant

    tenant = Tenant.objects.get(slug=demo["tenant"])
    signed = AuditEntry.objects.filter(tenant=tenant, event=events.REQUEST_APPROVED)
    oldest = signed.order_by("seq").values_list("bypass_id", flat=True)
    approved = list(dict.fromkeys(oldest))[:ROUNDS]
    size = seed_log.seed(tenant, entries)
    _await_check(tenant, size)
    return Ready(
        url=demo["url"],
        secrets={person["email"]: person["password"] for person in demo["people"]},
        size=size,
        approved=approved,
        peers=[_session(PEER, age=timedelta(minutes=6)) for _ in range(ROUNDS)],
        auditors=[_session(AUDITOR) for _ in range(ROUNDS)],
    )


def _session(email: str, *, age: timedelta = timedelta(0)) -> str:
    """Signs somebody in, so long ago, without a page; returns the cookie's value."""
    from django.test import Client

    from breakglass import clock
    from breakglass.models import User
    from portal.http.accounts import adapter

    client = Client()
    client.force_login(User.objects.get(email=email))
    session = client.session
    session[adapter.AUTHENTICATED_AT] = (clock.db_now() - age).isoformat()
    session.save()
    return str(session.session_key)


def _await_check(tenant: Any, size: int) -> None:
    """Waits until the demo's own worker has sealed and checked the log so far."""
    from breakglass.audit.narrowing import reach_of

    until = time.monotonic() + _PATIENCE
    while reach_of(tenant).sound < size:
        if time.monotonic() > until:
            raise SystemExit(f"the log is not checked: {reach_of(tenant)}")
        time.sleep(2)


@contextmanager
def _demo() -> Iterator[dict[str, Any]]:
    """Serves a demo of its own until the block ends; yields what its file says."""
    with tempfile.TemporaryDirectory(prefix="bg-journeys-") as name:
        folder = Path(name)
        ours = {"BREAKGLASS_VAR_DIR": name, "PORT": str(ports.free_port())}
        kept = {key: os.environ[key] for key in _KEPT & os.environ.keys()}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=parts.ROOT,
            env={**kept, **ours},
            stdout=subprocess.DEVNULL,
        )
        try:
            report = folder / "demo.json"
            while not report.exists():
                if process.poll() is not None:
                    raise SystemExit("the demo did not start")
                time.sleep(0.2)
            found = json.loads(report.read_text(encoding="utf-8"))
            yield {**found, "secret_key": (folder / "secret_key").read_text().strip()}
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _report(walked: dict[str, list[Walk]], size: int) -> dict[str, Any]:
    found: dict[str, Any] = {"entries": size, "load": os.getloadavg()[0]}
    print(f"{size:,} entries, {ROUNDS} rounds; load average {found['load']:.1f}")
    print(f"{'':<26}{'median':>9}{'worst':>9}{'server':>9}{'requests':>10}{'kB':>6}")
    for name, walks in walked.items():
        took = [walk.ms for walk in walks]
        found[name] = {
            "median ms": median(took),
            "worst ms": max(took),
            "server ms": median(walk.server_ms for walk in walks),
            "requests": median(walk.requests for walk in walks),
            "kB": median(walk.kilobytes for walk in walks),
        }
        print(
            "{:<26}{:>9,.0f}{:>9,.0f}{:>9,.0f}{:>10.0f}{:>6.0f}".format(
                name, *found[name].values()
            )
        )
    print()
    return found
