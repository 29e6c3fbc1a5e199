"""The list of requests: filters in the address, pages by keyset."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from breakglass import clock
from breakglass.models import BypassRequest, Gate, User
from breakglass.queries import access, outage
from breakglass.queries.requests import listing
from breakglass.queries.requests.decidable import status_of
from breakglass.queries.requests.listing import Filters, RequestPage
from portal.http import tenancy
from portal.http.htmx import PageRequest, render_live

STATES: Final = (
    ("", gettext_lazy("All")),
    ("pending", gettext_lazy("Pending")),
    ("active", gettext_lazy("Active")),
    ("closed", gettext_lazy("Closed")),
    ("rejected", gettext_lazy("Rejected")),
    ("withdrawn", gettext_lazy("Withdrawn")),
    ("lapsed", gettext_lazy("Lapsed")),
)
LIVE: Final = frozenset({"pending", "active"})
TEXT_MAXIMUM: Final = 100


@require_GET
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Lists the tenant's requests, newest first; polls while something is open."""
    tenant = tenancy.of_request(request, tenant_slug)
    filters = _filters(request)
    page = listing.page(
        tenant=tenant,
        filters=filters,
        before=request.GET.get("before", ""),
        after=request.GET.get("after", ""),
    )
    now = clock.db_now()
    rows = [_row(bypass, now) for bypass in page.rows]
    flagged = outage.flagged(requests=page.rows)
    gates = access.gates_visible(user=request.user, tenant=tenant)
    people = listing.requesters(tenant=tenant)
    address = reverse("requests", args=[tenant.slug])
    context: dict[str, Any] = {
        "tenant": tenant,
        "rows": rows,
        "flagged": flagged,
        "filters": filters,
        "tabs": _tabs(address, filters),
        "chips": _chips(address, filters, gates, people),
        "gates": gates,
        "people": people,
        "is_live": any(row["status"] in LIVE for row in rows),
        "is_first": not page.newer,
        "now": now,
        **_addresses(request, address, filters, page),
    }
    state = tuple((row["bypass"].pk, row["status"]) for row in rows)
    return render_live(
        request,
        "requests/index.html",
        context,
        fragment="rows",
        state=(state, sorted(flagged), page.newer, page.older),
    )


def _filters(request: PageRequest) -> Filters:
    asked = request.GET
    return Filters(
        state=asked.get("state", ""),
        gate=asked.get("gate", ""),
        requester=asked.get("requester", ""),
        text=asked.get("q", "").strip()[:TEXT_MAXIMUM],
    )


def _query(filters: Filters, **other: str) -> dict[str, str]:
    """The filters as parameters of an address, without the empty ones."""
    asked = {
        "q" if name == "text" else name: value
        for name, value in asdict(filters).items()
    }
    return {name: value for name, value in {**asked, **other}.items() if value}


def _address(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _tabs(path: str, filters: Filters) -> list[dict[str, Any]]:
    """One link for each state; the other filters stay."""
    return [
        {
            "href": _address(path, _query(filters, state=state)),
            "word": word,
            "is_current": state == filters.state,
        }
        for state, word in STATES
    ]


def _chips(
    path: str, filters: Filters, gates: list[Gate], people: list[User]
) -> list[dict[str, str]]:
    """What is filtered for, each with the address that no longer asks for it."""
    names = {gate.slug: gate.name or gate.slug for gate in gates}
    persons = {str(person.public_id): str(person) for person in people}
    words = {
        "gate": _("Gate: %(value)s") % {"value": names.get(filters.gate, filters.gate)},
        "requester": _("Asked by: %(value)s")
        % {"value": persons.get(filters.requester, _("nobody known here"))},
        "q": _("Text: %(value)s") % {"value": filters.text},
    }
    asked = _query(filters)
    return [
        {"word": word, "href": _address(path, _query(filters, **{name: ""}))}
        for name, word in words.items()
        if name in asked
    ]


def _addresses(
    request: PageRequest, path: str, filters: Filters, page: RequestPage
) -> dict[str, str]:
    """Where the pager, the polling and a look without filters lead."""
    here = {
        name: request.GET[name] for name in ("before", "after") if name in request.GET
    }
    return {
        "newer": _address(path, _query(filters, after=page.newer))
        if page.newer
        else "",
        "older": _address(path, _query(filters, before=page.older))
        if page.older
        else "",
        "polled": f"{path}?{urlencode({**_query(filters, **here), 'v': ''})}",
        "unfiltered": _address(path, _query(Filters(state=filters.state))),
    }


def _row(bypass: BypassRequest, now: datetime) -> dict[str, Any]:
    grant = getattr(bypass, "grant", None)
    status = status_of(bypass=bypass, grant=grant, now=now)
    return {"bypass": bypass, "grant": grant, "status": status}
