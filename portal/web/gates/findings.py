"""One finding about a gate: what was seen, who answers for it, and their answer."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from breakglass import clock
from breakglass.errors import InvalidInput
from breakglass.models import Finding, Tenant
from breakglass.queries.gates import findings as queries
from breakglass.services.gates import findings
from portal.forms.findings import CloseForm, HandOverForm
from portal.http import tenancy
from portal.http.errors import put_on
from portal.http.htmx import PageRequest, go, render_page


@login_required
@require_GET
def page(request: PageRequest, tenant_slug: str, public_id: UUID) -> HttpResponse:
    """Shows a finding, and its forms to whoever may answer it."""
    tenant = tenancy.of_request(request, tenant_slug)
    finding = queries.finding_for(user=request.user, tenant=tenant, public_id=public_id)
    return _page(request, tenant, finding)


@login_required
@require_POST
def close(request: PageRequest, tenant_slug: str, public_id: UUID) -> HttpResponse:
    """Ends it with a reason."""
    tenant = tenancy.of_request(request, tenant_slug)
    finding = queries.finding_for(user=request.user, tenant=tenant, public_id=public_id)
    form = CloseForm(request.POST)
    if form.is_valid():
        try:
            findings.close(
                tenant=tenant,
                public_id=public_id,
                person=request.user,
                reason=form.cleaned_data["reason"],
            )
        except InvalidInput as error:
            put_on(form, error, field="reason")
        else:
            messages.success(request, _("The finding is closed."))
            return go(request, "gate-health", tenant.slug)
    return _page(request, tenant, finding, closing=form)


@login_required
@require_POST
def hand_over(request: PageRequest, tenant_slug: str, public_id: UUID) -> HttpResponse:
    """Makes somebody else answer for it."""
    tenant = tenancy.of_request(request, tenant_slug)
    finding = queries.finding_for(user=request.user, tenant=tenant, public_id=public_id)
    form = HandOverForm(request.POST, people=_others(finding))
    if form.is_valid():
        to = form.cleaned_data["to"]
        findings.hand_over(
            tenant=tenant, public_id=public_id, person=request.user, to=to
        )
        text = _("%(person)s answers for the finding now.") % {"person": to}
        messages.success(request, text)
        return go(request, "finding", tenant.slug, public_id)
    return _page(request, tenant, finding, handing=form)


def _page(
    request: PageRequest,
    tenant: Tenant,
    finding: Finding,
    *,
    closing: CloseForm | None = None,
    handing: HandOverForm | None = None,
) -> HttpResponse:
    """A form that was refused comes back with 422, what was typed and why."""
    refused = closing or handing
    context: dict[str, Any] = {
        "tenant": tenant,
        "finding": finding,
        "now": clock.db_now(),
        "refused": refused,
    }
    if finding.closed_at is None and queries.may_answer(
        user=request.user, finding=finding
    ):
        context["closing"] = closing or CloseForm()
        context["handing"] = handing or HandOverForm(people=_others(finding))
    status = 422 if refused else 200
    return render_page(request, "findings/page.html", context, status=status)


def _others(finding: Finding) -> list[Any]:
    people = queries.candidates(gate=finding.gate)
    return [person for person in people if person.pk != finding.owner_id]
