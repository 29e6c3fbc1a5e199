"""Exports: ask for one, see how big it gets, watch it being made, take it home."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from breakglass import clock
from breakglass.errors import NotFound, PolicyViolation
from breakglass.models import Export, Tenant
from breakglass.queries import access
from breakglass.queries.logs import exports as queries
from breakglass.services.logs import exports
from breakglass.states import ExportFormat, ExportState
from breakglass.texts import text
from portal.forms.exports import BYPASS, FILTER, ExportForm
from portal.http import tenancy
from portal.http.errors import put_on
from portal.http.htmx import PageRequest, go, render_live, render_page, wants_fragment

_MOVING: Final = (ExportState.WAITING, ExportState.RUNNING)
_TYPES: Final = {
    ExportFormat.ARCHIVE: "application/zip",
    ExportFormat.LINES: "application/jsonl; charset=utf-8",
    ExportFormat.TABLE: "text/csv; charset=utf-8",
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """What was taken so far, and the form to ask for more; a POST asks."""
    tenant = _exporting(request, tenant_slug)
    if request.method != "POST":
        form = ExportForm.from_address(request.GET, tenant=tenant)
        return _page(request, tenant, form)
    form = ExportForm(request.POST, tenant=tenant)
    if form.is_valid() and _asked(request, tenant, form):
        messages.success(request, _("The export is being made. It is in the log."))
        return go(request, "audit-export", tenant.slug)
    return _page(request, tenant, form)


@login_required
@require_GET
def estimate(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """How much the form as it is filled in would take, while it is filled in."""
    tenant = _exporting(request, tenant_slug)
    if not wants_fragment(request):
        return redirect("audit-export", tenant.slug)
    form = ExportForm(request.GET, tenant=tenant)
    context = {"tenant": tenant, "estimate": _estimate(tenant, form)}
    return render_page(request, "audit/parts/estimate.html", context)


@login_required
@require_GET
def download(request: PageRequest, tenant_slug: str, export_id: UUID) -> FileResponse:
    """The file itself; that it was taken is on record since it was asked for."""
    tenant = _exporting(request, tenant_slug)
    made = queries.one(tenant=tenant, public_id=export_id)
    path = exports.path_of(made)
    if path is None:
        msg = text("this export is not there to download: ask for it again")
        raise NotFound(msg)
    response = FileResponse(path.open("rb"), as_attachment=True, filename=_name(made))
    response.headers["Content-Type"] = _TYPES[ExportFormat(made.format)]
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _exporting(request: PageRequest, slug: str) -> Tenant:
    tenant = tenancy.of_request(request, slug)
    access.require_evidence(user=request.user, tenant=tenant)
    return tenant


def _asked(request: PageRequest, tenant: Tenant, form: ExportForm) -> bool:
    """Puts the export on record; what the service refuses is put on the form."""
    try:
        exports.ask(
            tenant=tenant,
            person=request.user,
            scope=_scope(form) or exports.WHOLE_LOG,
            reason=form.cleaned_data["reason"],
            kind=form.kind(),
        )
    except PolicyViolation as error:
        put_on(form, error)
    except NotFound as error:
        put_on(form, error, field="bypass_id")
    return form.is_valid()


def _scope(form: ExportForm) -> dict[str, Any] | None:
    """Returns what the form asks for, or None while that is not filled in."""
    chosen = form.chosen("scope")
    if chosen == BYPASS:
        name = form.chosen("bypass_id").strip().upper()
        return exports.one_bypass(name) if name else None
    if chosen == FILTER:
        filters = form.filter_form()
        return exports.filtered(filters.chosen()) if filters.is_valid() else None
    return exports.WHOLE_LOG


def _estimate(tenant: Tenant, form: ExportForm) -> queries.Estimate | None:
    scope = _scope(form)
    if scope is None:
        return None
    return queries.estimate(tenant=tenant, scope=scope, kind=form.kind())


def _page(request: PageRequest, tenant: Tenant, form: ExportForm) -> HttpResponse:
    rows = queries.recent(tenant=tenant)
    is_poll = wants_fragment(request)  # of the list: the form is not part of it
    context = {
        "tenant": tenant,
        "form": form,
        "chips": form.filter_form().chips(),
        "estimate": None if is_poll else _estimate(tenant, form),
        "rows": rows,
        "ready": {made.pk for made in rows if exports.path_of(made) is not None},
        "kept_for": exports.KEPT_FOR,
        "is_moving": any(made.state in _MOVING for made in rows),
        "now": clock.db_now(),
    }
    if form.errors:
        return render_page(request, "audit/export.html", context, status=422)
    state = tuple((made.pk, made.state, made.done, made.file) for made in rows)
    return render_live(
        request, "audit/export.html", context, fragment="live", state=state
    )


def _name(made: Export) -> str:
    what = made.scope.get("bypass_id") or f"{made.created_at:%Y%m%d}"
    if made.format == ExportFormat.ARCHIVE:
        return f"evidence-{made.tenant.slug}-{what}.zip"
    suffix = exports.SUFFIXES[ExportFormat(made.format)]
    return f"audit-{made.tenant.slug}-{what}.{suffix}"
