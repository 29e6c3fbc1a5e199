"""The audit browser: the log page by page, how it stands, and a check of all of it."""

from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from breakglass.audit import narrowing
from breakglass.errors import Conflict
from breakglass.models import AuditEntry
from breakglass.queries.logs import entries as log
from breakglass.services.logs import checks
from portal.forms.audit import AuditFilterSet
from portal.http import numbers
from portal.http.audit import checks as audit_checks
from portal.http.audit import standing as audit_standing
from portal.http.audit import words
from portal.http.audit.standing import Standing, readable
from portal.http.errors import sentence
from portal.http.htmx import (
    PageRequest,
    go,
    render_live,
    render_page,
    state_hash,
    wants_fragment,
)

NEW_AT_MOST: Final = 100
_SEEN_AT_MOST: Final = 50


@login_required
@require_GET
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The log, newest first. Filters that do not parse are named, and show nothing."""
    tenant = readable(request, tenant_slug)
    standing = audit_standing.of(tenant)  # before the rows: what is newer is new
    chosen = AuditFilterSet(request.GET, tenant=tenant, reach=standing.reach)
    valid = chosen.is_valid()
    rows, standing = _rows(chosen, standing) if valid else ({"rows": []}, standing)
    context = {
        "tenant": tenant,
        "form": chosen.form,
        "filters": chosen,
        "actors": log.actors(tenant=tenant),
        "gates": log.gates(tenant=tenant),
        "now": standing.now,
        **rows,
        **_headline(standing),
    }
    status = 200 if valid else 422
    response = render_page(
        request, "audit/index.html", context, fragment="rows", status=status
    )
    if valid and wants_fragment(request):
        keys = {
            name: key for name in ("before", "after") if (key := chosen.cursor(name))
        }
        response.headers["HX-Push-Url"] = _url(tenant.slug, chosen.address(**keys))
    return response


@login_required
@require_GET
def standing(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The headline alone, for the page that polls it."""
    tenant = readable(request, tenant_slug)
    if not wants_fragment(request):
        return redirect("audit", tenant.slug)
    told = map(numbers.whole, request.GET.get("seen", "").split(","))
    seen = [one for one in told if one is not None]
    found = audit_standing.of(tenant, seen=seen[:_SEEN_AT_MOST])
    context = {"tenant": tenant, "now": found.now, **_headline(found)}
    return render_live(
        request, "audit/parts/standing.html", context, fragment="", state=found.state
    )


@login_required
@require_GET
def fresh(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """How many entries came since the page was made: "4 new entries. Show"."""
    tenant = readable(request, tenant_slug)
    if not wants_fragment(request):
        return redirect("audit", tenant.slug)
    chosen = AuditFilterSet(
        request.GET, tenant=tenant, reach=narrowing.reach_of(tenant)
    )
    after = chosen.cursor("after") if chosen.is_valid() else None
    count = 0
    if after is not None:
        rows = chosen.qs.filter(seq__gt=after)
        count = log.count_upto(rows=rows, limit=NEW_AT_MOST)
    context = {
        "tenant": tenant,
        "fresh": count,
        "fresh_is_many": count == NEW_AT_MOST,
        "fresh_after": after,
        "filters": chosen,
    }
    return render_live(
        request, "audit/parts/fresh.html", context, fragment="", state=(count,)
    )


@login_required
@require_POST
def check(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Has the whole log checked in the background; its page shows what comes of it."""
    tenant = readable(request, tenant_slug)
    try:
        checks.ask(tenant=tenant, person=request.user)
    except Conflict as error:
        messages.warning(request, sentence(error))
    else:
        messages.success(
            request, _("The whole log is being checked. The result appears here.")
        )
    return go(request, "audit", tenant.slug)


def _rows(
    chosen: AuditFilterSet, standing: Standing
) -> tuple[dict[str, Any], Standing]:
    """Returns the page's rows, and the headline with what they say against it."""
    page = log.page(
        rows=chosen.qs, before=chosen.cursor("before"), after=chosen.cursor("after")
    )
    standing = replace(
        standing, failing=audit_standing.failing_of(standing.tenant, page.rows)
    )
    newest = max(standing.size, page.rows[0].seq if page.rows else 0)
    is_newest = page.newer is None and chosen.cursor("before") is None
    found = {
        "rows": [_row(standing, entry) for entry in page.rows],
        "newer": chosen.address(after=page.newer) if page.newer is not None else "",
        "older": chosen.address(before=page.older) if page.older is not None else "",
        "fresh_after": newest if is_newest else None,
        "fresh_v": state_hash(0),
    }
    return found, standing


def _row(standing: Standing, entry: AuditEntry) -> dict[str, Any]:
    is_failing = entry.seq in standing.failing
    return {
        "entry": entry,
        "deed": words.deed(entry),
        "hash": bytes(entry.entry_hash).hex()[:8],
        "state": narrowing.FAILED if is_failing else standing.reach.state(entry.seq),
        "signed": bool(audit_checks.names_bundle(entry)),
    }


def _headline(found: Standing) -> dict[str, Any]:
    seen = ",".join(str(seq) for seq in found.failing)
    return {"standing": found, "standing_v": state_hash(*found.state), "seen": seen}


def _url(slug: str, address: str) -> str:
    path = reverse("audit", args=[slug])
    return path + address if address != "?" else path
