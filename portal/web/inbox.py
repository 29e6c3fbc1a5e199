"""The approver's inbox, across tenants, with the decisions in place."""

from datetime import datetime, timedelta

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from breakglass import clock
from breakglass.models import BypassRequest
from breakglass.queries import inbox, passkeys
from breakglass.queries import requests as queries
from portal.http import stepup
from portal.http.htmx import PageRequest, render_live

TABS = (("", "Waiting for you"), ("decided", "Decided by you"))


@require_GET
def index(request: PageRequest) -> HttpResponse:
    """Shows what waits for this person; polls only whether that changed."""
    now = clock.db_now()
    rows = inbox.waiting_for(user=request.user, now=now)
    unfinished = stepup.unfinished(request.user)
    ready = passkeys.tenants_ready(user=request.user)
    begun = {intent.request_id for intent in unfinished}
    tab = "decided" if request.GET.get("tab") == "decided" else ""
    decided = inbox.decided_by(user=request.user) if tab else []
    context = {
        "rows": [
            {
                "row": row,
                "lengths": _lengths(row),
                "roles": _roles(row),
                "passkey": row.tenant.pk in ready,
            }
            for row in rows
            if row.bypass.pk not in begun
        ],
        "count": len(rows),
        "unfinished": unfinished,
        "decided": [_decided(bypass, now) for bypass in decided],
        "tab": tab,
        "tabs": TABS,
        "now": now,
    }
    state = (
        [(row.bypass.pk, row.quorum.filled) for row in rows],
        [(intent.pk, intent.state) for intent in unfinished],
    )
    return render_live(
        request, "inbox/index.html", context, fragment="news", state=state
    )


def _lengths(row: inbox.InboxRow) -> list[timedelta]:
    """The proposed length first, then the tier's shorter ones."""
    bypass = row.bypass
    offered = (timedelta(seconds=seconds) for seconds in bypass.tier.ttl_choices)
    shorter = {length for length in offered if length < bypass.ttl}
    return sorted({bypass.ttl, *shorter}, reverse=True)


def _roles(row: inbox.InboxRow) -> list[str]:
    """In which of their roles the person is asked, by name where we know it."""
    names = {need.group: need.name for need in row.needs}
    return [names.get(group, group) for group in row.groups]


def _decided(bypass: BypassRequest, now: datetime) -> dict[str, object]:
    grant = getattr(bypass, "grant", None)
    status = queries.status_of(bypass=bypass, grant=grant, now=now)
    return {"bypass": bypass, "grant": grant, "status": status}
