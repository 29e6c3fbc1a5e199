"""The audit browser at a short log and at a long one: pages, filters, an entry."""

import time
from collections.abc import Callable
from http import HTTPStatus
from statistics import median

SHORT = 1_000
LONG = 100_000
ROUNDS = 9
BUDGET = 1.5


def measure(*, entries: int = LONG) -> None:
    """Prints each page's time at both lengths; exits above the budget of 1.5."""
    from django.conf import settings
    from django.db import connections
    from django.test import Client

    from bench import seed_log
    from breakglass.services.logs.verification import verify_tenant
    from tests import factories

    settings.ALLOWED_HOSTS = ["*"]
    people = factories.people()
    pages: dict[str, dict[str, Callable[[], object]]] = {}
    for slug, length in (("short", SHORT), ("long", entries)):
        tenant = factories.tenant(slug, slug.title(), people)
        began = time.perf_counter()
        size = seed_log.seed(tenant, length)
        spent = time.perf_counter() - began
        print(f"{size:>9,} entries seeded at {length / spent:,.0f} per second")
        report = verify_tenant(tenant=tenant)
        if not report.ok:
            raise SystemExit(f"the log does not verify: {report.findings[:3]}")
        client = Client()
        client.force_login(people.auditor)
        for name, path in _paths(slug, size).items():
            pages.setdefault(name, {})[slug] = lambda c=client, p=path: _get(c, p)
    with connections["owner"].cursor() as cursor:  # the app's role may not
        cursor.execute("ANALYZE")
    print(f"\n{'page':<26}{'short':>9}{'long':>9}{'long / short':>14}")
    slow = [name for name, both in pages.items() if _compare(name, both) > BUDGET]
    if slow:
        raise SystemExit(f"above {BUDGET}: {', '.join(slow)}")


def _paths(slug: str, size: int) -> dict[str, str]:
    log = f"/t/{slug}/audit"
    return {
        "newest page": log,
        "page in the middle": f"{log}?before={size // 2}",
        "oldest page": f"{log}?before=40",
        "one event": f"{log}?event=token.issued",
        "a rare word": f"{log}?text=admins",
        "a common word": f"{log}?text=checkout",
        "a gate": f"{log}?gate=checkout-6",
        "one entry": f"{log}/{size // 2}",
    }


def _get(client, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != HTTPStatus.OK:
        raise SystemExit(f"{path} answered {answer.status_code}")


def _compare(name: str, both: dict[str, Callable[[], object]]) -> float:
    """Interleaved, so that what the machine does meanwhile meets both alike."""
    found: dict[str, list[float]] = {slug: [] for slug in both}
    for _ in range(ROUNDS):
        for slug, load in both.items():
            began = time.perf_counter()
            load()
            found[slug].append(time.perf_counter() - began)
    short, long = (1000 * median(found[slug]) for slug in ("short", "long"))
    print(f"{name:<26}{short:>6.1f} ms{long:>6.1f} ms{long / short:>14.2f}")
    return long / short
