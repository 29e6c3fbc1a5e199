"""Sent messages: what went to whom, and what did not arrive."""

from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from breakglass import clock
from breakglass.errors import NotPermitted
from breakglass.models import OutboxMessage, Tenant
from breakglass.queries import messages as queries
from breakglass.states import DeliveryState
from breakglass.texts import text
from portal.http import numbers, tenancy
from portal.http.htmx import PageRequest, render_page

PER_PAGE: Final = 50


@login_required
@require_GET
def index(request: PageRequest) -> HttpResponse:
    """The newest messages of the tenants that the person runs."""
    tenants = _run_by(request)
    before = numbers.whole(request.GET.get("before", ""))
    found = queries.sent(tenants=tenants, before=before, limit=PER_PAGE)
    context = {
        "tenants": tenants,
        "now": clock.db_now(),
        "rows": found,
        "on_their_way": _on_their_way(tenants),
        "older": f"?before={found[-1].pk}" if len(found) == PER_PAGE else "",
        "newer": "?" if before is not None else "",
    }
    return render_page(request, "messages/index.html", context, fragment="rows")


def _on_their_way(tenants: list[Tenant]) -> int:
    """How many messages are due and have not been written out to people yet."""
    return OutboxMessage.objects.filter(
        tenant__in=tenants, state=DeliveryState.PENDING, due_at__lte=clock.DbNow()
    ).count()


def _run_by(request: PageRequest) -> list[Tenant]:
    """Sent messages name people and their addresses: for those who run the tenant."""
    tenants = [
        one.tenant
        for one in tenancy.memberships(request, request.user)
        if "manage_tenant" in one.permissions
    ]
    if not tenants:
        msg = text("sent messages are for people who run a tenant: ask for that role")
        raise NotPermitted(msg)
    return tenants
