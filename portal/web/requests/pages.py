"""Requests: the page of one, and the decisions on it."""

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from breakglass.errors import PolicyViolation
from breakglass.queries import access
from breakglass.services.approving import approvals
from portal.forms.approvals import ApprovalForm, RejectionForm
from portal.http import tenancy
from portal.http.accounts import stepup
from portal.http.errors import put_on
from portal.http.htmx import PageRequest, go
from portal.http.requests import page


@require_GET
def detail(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Shows one request, to everybody of the tenant."""
    return page.show(request, tenant_slug, bypass_id)


@require_POST
def approve(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Stores a yes as a draft, and goes on to sign it."""
    tenant = tenancy.of_request(request, tenant_slug)
    access.request_for(tenant=tenant, bypass_id=bypass_id)
    form = ApprovalForm(request.POST)
    if not form.is_valid():
        return page.show(request, tenant_slug, bypass_id, form=form)
    try:
        intent = approvals.intend(
            tenant=tenant,
            bypass_id=bypass_id,
            approver=request.user,
            digest=form.cleaned_data["digest"],
            ttl=form.length,
            comment=form.cleaned_data["comment"],
        )
    except PolicyViolation as error:
        put_on(form, error)
        return page.show(request, tenant_slug, bypass_id, form=form)
    return stepup.proceed(request, intent, back=request.POST.get("back", ""))


@require_POST
def reject(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Ends the request with a no."""
    tenant = tenancy.of_request(request, tenant_slug)
    access.request_for(tenant=tenant, bypass_id=bypass_id)
    form = RejectionForm(request.POST)
    if not form.is_valid():
        return page.show(request, tenant_slug, bypass_id, form=form)
    try:
        approvals.reject(
            tenant=tenant,
            bypass_id=bypass_id,
            approver=request.user,
            **form.cleaned_data,
        )
    except PolicyViolation as error:
        put_on(form, error)
        return page.show(request, tenant_slug, bypass_id, form=form)
    said = _("%(bypass)s is rejected. The requester is told.")
    messages.success(request, said % {"bypass": bypass_id})
    if request.POST.get("back") == stepup.BACK_TO_INBOX:
        return go(request, "inbox")
    return go(request, "request-detail", tenant.slug, bypass_id)
