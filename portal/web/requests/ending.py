"""The requester takes a request back; whoever may ends a bypass early."""

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from breakglass import clock
from breakglass.errors import Conflict, NotPermitted, PolicyViolation
from breakglass.queries import access
from breakglass.queries.requests import detail as queries
from breakglass.rules import postmortem
from breakglass.services import grants
from breakglass.services import requests as services
from breakglass.states import DeployState
from breakglass.texts import text
from portal.forms.approvals import CloseForm
from portal.http import tenancy
from portal.http.errors import put_on
from portal.http.htmx import PageRequest, go, render_page


@require_POST
def withdraw(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Ends one's own pending request."""
    tenant = tenancy.of_request(request, tenant_slug)
    services.withdraw(tenant=tenant, bypass_id=bypass_id, requester=request.user)
    messages.success(
        request, _("%(bypass_id)s is withdrawn.") % {"bypass_id": bypass_id}
    )
    return go(request, "request-detail", tenant.slug, bypass_id)


@require_http_methods(["GET", "HEAD", "POST"])
def close(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Asks whether to close now; closes."""
    tenant = tenancy.of_request(request, tenant_slug)
    form = CloseForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            grants.revoke(
                tenant=tenant,
                bypass_id=bypass_id,
                person=request.user,
                reason=form.cleaned_data["reason"],
            )
        except PolicyViolation as error:
            put_on(form, error, field="reason")
        else:
            said = _("%(bypass_id)s is closed. The gate enforces again.") % {
                "bypass_id": bypass_id
            }
            messages.success(request, said)
            return go(request, "request-detail", tenant.slug, bypass_id)
    return _ask(request, tenant_slug, bypass_id, form)


def _ask(
    request: PageRequest, tenant_slug: str, bypass_id: str, form: CloseForm
) -> HttpResponse:
    tenant = tenancy.of_request(request, tenant_slug)
    bypass = access.request_for(tenant=tenant, bypass_id=bypass_id)
    now = clock.db_now()
    detail = queries.detail(bypass=bypass, viewer=request.user, now=now)
    if not detail.in_force:
        msg = text(
            "%(bypass_id)s is not open, so there is nothing to close.",
            bypass_id=bypass.bypass_id,
        )
        raise Conflict(msg)
    if not detail.may_close:
        msg = text(
            "Only the person who asked, its approvers and people with the right to "
            "close bypasses may end this one early."
        )
        raise NotPermitted(msg)
    context = {
        "tenant": tenant,
        "bypass": bypass,
        "detail": detail,
        "grant": detail.grant,
        "form": form,
        "now": now,
        "due_at": postmortem.due_at(
            opened_at=now, business_days=bypass.tier.postmortem_days
        ),
        "in_flight": detail.grant.deploys.filter(state=DeployState.ADMITTED).count()
        if detail.grant
        else 0,
    }
    status = 422 if form.errors else 200
    return render_page(request, "requests/close.html", context, status=status)
