"""The first page, and the frame's own live part."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from breakglass.models import Gate, LogStanding, Tenant
from breakglass.queries import charts, dashboard, policies
from breakglass.queries.dashboard import Overview
from portal.http import tenancy
from portal.http.accounts import stepup
from portal.http.charts import pictures
from portal.http.htmx import PageRequest, render_live, wants_fragment
from portal.http.shell import Shell

LIVE = "live"


@login_required
@require_GET
def index(request: PageRequest) -> HttpResponse:
    """Shows what is open, what waits, what is due, and how the last weeks were."""
    shell = Shell(request, request.user)
    overview = dashboard.overview(
        user=request.user,
        tenants=shell.tenants,
        in_force=shell.in_force,
        closes={
            one.tenant.pk
            for one in tenancy.memberships(request, request.user)
            if "close_grant" in one.permissions
        },
        now=shell.now,
    )
    shell.inbox_count = len(overview.waiting)
    unfinished = stepup.unfinished(request.user)
    begun = {intent.request_id for intent in unfinished}
    context: dict[str, Any] = {
        "shell": shell,  # the frame shows the same: nothing is asked twice
        "now": shell.now,
        "tenants": shell.tenants,
        "overview": overview,
        "unfinished": unfinished,
        "waiting": [row for row in overview.waiting if row.bypass.pk not in begun],
        "unwell": [gate for gate in overview.gates if gate.state not in _WELL],
        "healthy": sum(gate.state == "healthy" for gate in overview.gates),
        "setup": _setup(shell.tenant) if shell.tenant and not overview.gates else None,
    }
    if not wants_fragment(request):
        context |= _charts(request, shell, gates=overview.gates_seen)
    state = _state(overview, begun, shell.logs)
    return render_live(
        request, "dashboard/index.html", context, fragment=LIVE, state=state
    )


@login_required
@require_GET
def live(request: PageRequest) -> HttpResponse:
    """Answers with the red bar and the inbox's count, which every page polls."""
    return render(request, "parts/livebar.html", {"is_fragment": True})


_WELL = ("healthy", "bypassed", "setup", "paused", "retired")


def _charts(request: PageRequest, shell: Shell, *, gates: list[Gate]) -> dict[str, Any]:
    """The current tenant's last weeks; another number than those offered is ours."""
    asked = request.GET.get("weeks", "")
    weeks = int(asked) if asked in map(str, charts.PERIODS) else charts.PERIOD
    found = {"periods": charts.PERIODS, "weeks": weeks}
    if shell.tenant is None:
        return found
    history = charts.history(
        tenant=shell.tenant, weeks=weeks, now=shell.now, gates=gates
    )
    return {**found, "pictures": pictures.of_history(history)}


def _setup(tenant: Tenant) -> dict[str, Any]:
    """How far a team without gates has come."""
    policy = policies.current(tenant=tenant)
    return {
        "policy": policy,
        "lacking": dashboard.empty_groups(policy=policy) if policy else [],
        "sso": bool(settings.OIDC_PROVIDERS),
    }


def _state(
    overview: Overview, begun: set[int | None], logs: list[LogStanding]
) -> tuple[object, ...]:
    """What the live part shows; it is swapped only when this changes."""
    return (
        [(one.grant.pk, one.may_close, one.is_unconfirmed) for one in overview.active],
        overview.last and overview.last.pk,
        [(row.bypass.pk, row.quorum.filled) for row in overview.waiting],
        [bypass.pk for bypass in overview.own_pending],
        [(item.pk, item.assignee_id) for item in overview.due],
        (overview.due_count, overview.overdue),
        [(gate.gate.pk, gate.state) for gate in overview.gates],
        [(finding.pk, finding.owner_id) for finding in overview.findings],
        sorted(pk for pk in begun if pk),
        [(log.pk, log.read_only_at, log.finding_at) for log in logs],
    )
