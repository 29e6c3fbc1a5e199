"""The first page, and the frame's own live part."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from breakglass import clock
from breakglass.models import Tenant
from breakglass.queries import access, dashboard, postmortems, standing
from portal.http import stepup
from portal.http.htmx import PageRequest, render_live


@require_GET
def index(request: PageRequest) -> HttpResponse:
    """Shows what is open, what waits, what is due, and which gates are not well."""
    now = clock.db_now()
    tenants = access.tenants_of(user=request.user)
    overview = dashboard.overview(user=request.user, tenants=tenants, now=now)
    unfinished = stepup.unfinished(request.user)
    begun = {intent.request_id for intent in unfinished}
    due = [
        (item, postmortems.is_overdue(postmortem=item, now=now))
        for item in overview.postmortems
    ]
    context = {
        "now": now,
        "tenants": tenants,
        "overview": overview,
        "unfinished": unfinished,
        "waiting": [row for row in overview.waiting if row.bypass.pk not in begun],
        "active": [(grant, now - grant.starts_at) for grant in overview.active],
        "due": due,
        "overdue": sum(late for _, late in due),
        "unwell": [gate for gate in overview.gates if gate.state != "healthy"],
        "healthy": sum(gate.state == "healthy" for gate in overview.gates),
    }
    return render_live(
        request,
        "dashboard/index.html",
        context,
        fragment="live",
        state=_state(overview, context["overdue"], begun, _logs(tenants)),
    )


@require_GET
def live(request: PageRequest) -> HttpResponse:
    """Answers with the red bar and the inbox's count, which every page polls."""
    return render(request, "parts/livebar.html", {"is_fragment": True})


def _logs(tenants: list[Tenant]) -> list[object]:
    """A log that turns red redraws the page."""
    troubled = standing.troubled(tenants=tenants)
    return [(log.pk, log.read_only_at, log.finding_at) for log in troubled]


def _state(overview: dashboard.Overview, *more: object) -> tuple[object, ...]:
    return (
        [grant.pk for grant in overview.active],
        [(row.bypass.pk, row.quorum.filled) for row in overview.waiting],
        [bypass.pk for bypass in overview.own_pending],
        [item.pk for item in overview.postmortems],
        [(gate.gate.pk, gate.state) for gate in overview.gates],
        more,
    )
