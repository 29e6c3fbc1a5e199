"""Evidence archives: ask for one, watch it being made, take it home."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from breakglass import clock
from breakglass.errors import NotFound, NotPermitted, PolicyViolation
from breakglass.models import Export, Tenant
from breakglass.queries import access
from breakglass.queries import audit as log
from breakglass.queries import exports as queries
from breakglass.services import exports
from breakglass.states import ExportState
from portal.forms.exports import BYPASS, FILTER, ExportForm
from portal.http import tenancy
from portal.http.htmx import PageRequest, go, render_live, render_page

_MOVING = (ExportState.WAITING, ExportState.RUNNING)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """What was taken so far, and the form to ask for more; a POST asks."""
    tenant = _exporting(request, tenant_slug)
    if request.method != "POST":
        return _page(
            request, tenant, ExportForm.from_address(request.GET, tenant=tenant)
        )
    form = ExportForm(request.POST, tenant=tenant)
    if form.is_valid() and _asked(request, tenant, form):
        messages.success(request, "The archive is being made. It is in the log.")
        return go(request, "audit-export", tenant.slug)
    return _page(request, tenant, form)


@login_required
@require_GET
def download(request: PageRequest, tenant_slug: str, export_id: UUID) -> FileResponse:
    """The archive itself; that it was taken is on record since it was asked for."""
    tenant = _exporting(request, tenant_slug)
    made = queries.one(tenant=tenant, public_id=export_id)
    path = exports.path_of(made)
    if path is None:
        msg = "this archive is not there to download: ask for it again"
        raise NotFound(msg)
    response = FileResponse(path.open("rb"), as_attachment=True, filename=_name(made))
    response.headers["Content-Type"] = "application/zip"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _exporting(request: PageRequest, slug: str) -> Tenant:
    tenant = tenancy.of_request(request, slug)
    if not access.may(user=request.user, permission="export_evidence", on=tenant):
        msg = (
            f"evidence of {tenant.slug} is for its auditors to take: ask for that role"
        )
        raise NotPermitted(msg)
    return tenant


def _asked(request: PageRequest, tenant: Tenant, form: ExportForm) -> bool:
    """Puts the export on record; what the service refuses is put on the form."""
    try:
        exports.ask(
            tenant=tenant,
            person=request.user,
            scope=_scope(form),
            reason=form.cleaned_data["reason"],
        )
    except PolicyViolation as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
    except NotFound as error:
        form.add_error("bypass_id", str(error))
    return form.is_valid()


def _scope(form: ExportForm) -> dict[str, Any]:
    chosen = form.cleaned_data["scope"]
    if chosen == BYPASS:
        return exports.one_bypass(form.cleaned_data["bypass_id"])
    if chosen == FILTER:
        filters = form.filter_form()
        filters.is_valid()
        return exports.filtered(filters.chosen())
    return exports.WHOLE_LOG


def _page(request: PageRequest, tenant: Tenant, form: ExportForm) -> HttpResponse:
    rows = queries.recent(tenant=tenant)
    head = log.head(tenant=tenant)
    context = {
        "tenant": tenant,
        "form": form,
        "chips": form.filter_form().chips(),
        "size": head.seq if head else 0,
        "rows": rows,
        "ready": {made.pk for made in rows if exports.path_of(made) is not None},
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
    return f"evidence-{made.tenant.slug}-{what}.zip"
