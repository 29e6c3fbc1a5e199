"""Where two admins end the read-only state of a log, on record."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from breakglass.errors import PolicyViolation, ReauthenticationRequired
from breakglass.models import Tenant
from breakglass.queries import access
from breakglass.services.logs import reanchoring
from portal.forms.reanchor import ReanchorForm, ReanchorStepForm
from portal.http import tenancy
from portal.http.accounts import adapter
from portal.http.errors import put_on
from portal.http.htmx import PageRequest, go, render_page


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Says what happened and what it means; takes one admin's proposal."""
    tenant = tenancy.of_request(request, tenant_slug)
    form = ReanchorForm(request.POST if request.method == "POST" else None)
    at = adapter.fresh_authentication(request)
    if form.is_valid():
        try:
            reanchoring.propose(
                tenant=tenant,
                person=request.user,
                reason=form.cleaned_data["reason"],
                authenticated_at=at,
            )
        except (PolicyViolation, ReauthenticationRequired) as error:
            put_on(form, error, field="reason")
        else:
            messages.success(request, _("Proposed. Now another admin has to confirm."))
            return go(request, "audit-reanchor", tenant.slug)
    return _page(request, tenant, form)


@require_POST
def confirm(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The second admin's yes: the log goes on, and is sealed."""
    tenant = tenancy.of_request(request, tenant_slug)
    try:
        reanchoring.confirm(
            tenant=tenant,
            person=request.user,
            proposal_id=_proposal(request),
            authenticated_at=adapter.fresh_authentication(request),
        )
    except ReauthenticationRequired:
        return go(request, sign_in_address(tenant))
    messages.success(request, _("The log is re-anchored and takes entries again."))
    return go(request, "audit-reanchor", tenant.slug)


@require_POST
def drop(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Takes a proposal back; the log stays read-only."""
    tenant = tenancy.of_request(request, tenant_slug)
    reanchoring.drop(tenant=tenant, person=request.user, proposal_id=_proposal(request))
    messages.success(request, _("The proposal is dropped. The log stays read-only."))
    return go(request, "audit-reanchor", tenant.slug)


def sign_in_address(tenant: Tenant) -> str:
    """Returns where to sign in again, to come back to this page."""
    back = reverse("audit-reanchor", args=[tenant.slug])
    return f"{reverse('stepup')}?{urlencode({'next': back})}"


def _proposal(request: PageRequest) -> int:
    """A number that is none names no proposal, as one that is gone."""
    form = ReanchorStepForm(request.POST)
    return form.cleaned_data["proposal"] if form.is_valid() else 0


def _page(request: PageRequest, tenant: Tenant, form: ReanchorForm) -> HttpResponse:
    situation = reanchoring.situation(tenant=tenant)
    waiting = situation.proposal
    context = {
        "tenant": tenant,
        "form": form,
        "situation": situation,
        "may_manage": access.may(
            user=request.user, permission="manage_tenant", on=tenant
        ),
        "is_own": waiting is not None and waiting.proposed_by_id == request.user.pk,
        "is_fresh": adapter.fresh_authentication(request) is not None,
        "sign_in": sign_in_address(tenant),
        "now": situation.now,
    }
    status = 422 if form.errors else 200
    return render_page(request, "audit/reanchor.html", context, status=status)
