"""How each gate fares: bypassed how often, for what, and to what use."""

from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from breakglass import clock
from breakglass.models import Gate, Tenant
from breakglass.queries import access
from breakglass.queries.gates import findings, health
from portal.http import csv_answers, tenancy
from portal.http.htmx import PageRequest, render_page

PERIODS: Final = (7, 30, 90, 365)
PERIOD: Final = 30


@login_required
@require_GET
def page(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The figures of a period, what they mean, and the findings."""
    tenant = tenancy.of_request(request, tenant_slug)
    now, days = clock.db_now(), _days(request)
    seen = access.gates_visible(user=request.user, tenant=tenant)
    context = {
        "tenant": tenant,
        "now": now,
        "days": days,
        "since": now - timedelta(days=days),
        "periods": PERIODS,
        "rows": _rows(tenant, seen, now=now, days=days),
        "thresholds": health.thresholds_of(tenant=tenant),
        "findings": findings.open_of(tenants=[tenant], gates=seen),
        "closed": findings.closed_of(tenant=tenant, gates=seen),
        "may_manage": access.may(
            user=request.user, permission="manage_tenant", on=tenant
        ),
    }
    return render_page(request, "gates/health.html", context)


@login_required
@require_GET
def table(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The same figures for a spreadsheet."""
    tenant = tenancy.of_request(request, tenant_slug)
    now, days = clock.db_now(), _days(request)
    seen = access.gates_visible(user=request.user, tenant=tenant)
    rows = _rows(tenant, seen, now=now, days=days)
    name = f"gate-health-{tenant.slug}-{now:%Y-%m-%d}-{days}-days.csv"
    return csv_answers.answer(name=name, head=_HEAD, rows=map(_cells, rows))


_HEAD: Final = (
    "gate",
    "bypasses",
    "deploys_admitted",
    "deploys_enforced",
    "bypasses_per_100_deploys",
    "repeated_services",
    "bypasses_closed",
    "bypasses_never_used",
    "postmortems_blame",
    "postmortems_blame_partly",
    "postmortems_do_not_blame",
)


def _cells(row: health.Row) -> list[object]:
    figures = row.figures
    tenths = figures.tenths_per_100
    return [
        row.gate.slug,
        figures.bypasses,
        figures.admitted,
        figures.enforced,
        "" if tenths is None else f"{tenths // 10}.{tenths % 10}",
        " ".join(f"{one.service}:{one.count}" for one in row.repeats),
        figures.closed,
        figures.unused,
        figures.blamed,
        figures.partly,
        figures.cleared,
    ]


def _days(request: PageRequest) -> int:
    """Another number than those offered is ours."""
    asked = request.GET.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else PERIOD


def _rows(
    tenant: Tenant, gates: list[Gate], *, now: datetime, days: int
) -> list[health.Row]:
    return health.report(
        gates=gates,
        tenant=tenant,
        since=now - timedelta(days=days),
        until=now,
    )
