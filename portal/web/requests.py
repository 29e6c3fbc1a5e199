"""Requests: the list, the form with its preview, the page, and the decisions."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from breakglass import clock
from breakglass.errors import NotPermitted, PolicyViolation
from breakglass.models import BypassRequest, Gate, Tenant
from breakglass.queries import access, outage
from breakglass.queries import requests as queries
from breakglass.queries.requests import Preview
from breakglass.services import approvals
from breakglass.services import requests as services
from breakglass.services.freezing import RequestWish
from portal.forms.approvals import ApprovalForm, RejectionForm
from portal.forms.requests import RequestForm, minutes
from portal.http import request_page, stepup, tenancy
from portal.http.errors import sentence
from portal.http.htmx import PageRequest, go, render_page

STATES = (
    ("", "All"),
    ("pending", "Pending"),
    ("approved", "Granted"),
    ("rejected", "Rejected"),
    ("withdrawn", "Withdrawn"),
    ("lapsed", "Lapsed"),
)
_PREFILLED = (
    "gate",
    "service",
    "branch",
    "artifact",
    "impact",
    "justification",
    "incident_url",
    "ttl",
    "renews",
)
# Until a gate is chosen no tier is known; these are the product's own.
_USUAL_LENGTHS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))


@require_GET
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Lists the tenant's requests, newest first."""
    tenant = tenancy.of_request(request, tenant_slug)
    state = request.GET.get("state", "")
    page = queries.page(
        tenant=tenant, state=state, before=request.GET.get("before", "")
    )
    now = clock.db_now()
    context = {
        "tenant": tenant,
        "flagged": outage.flagged(requests=page.rows),
        "rows": [_row(bypass, now) for bypass in page.rows],
        "next": page.next,
        "state": state,
        "states": STATES,
        "now": now,
    }
    return render_page(request, "requests/index.html", context, fragment="rows")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Shows the form, filled in from the address; takes it when it is sent."""
    tenant = tenancy.of_request(request, tenant_slug)
    gates = _gates(request, tenant)
    if request.method != "POST":
        form = RequestForm(gates=gates, initial=_prefill(request, tenant))
        return _form_page(request, tenant, gates, form)
    form = RequestForm(request.POST, gates=gates)
    bypass = _open(request, tenant, form) if form.is_valid() else None
    if bypass is None:
        return _form_page(request, tenant, gates, form, status=422)
    messages.success(request, f"{bypass.bypass_id} is sent. The approvers are told.")
    return go(request, "request-detail", tenant.slug, bypass.bypass_id)


@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Shows what would happen; the whole page, as typed, without JavaScript."""
    tenant = tenancy.of_request(request, tenant_slug)
    gates = _gates(request, tenant)
    typed = request.POST if request.method == "POST" else request.GET
    plain = {name: str(text).replace("\0", "") for name, text in typed.items()}
    form = RequestForm(gates=gates, initial=plain)
    return _form_page(request, tenant, gates, form, fragment="preview")


@require_GET
def detail(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Shows one request, to everybody of the tenant."""
    return request_page.show(request, tenant_slug, bypass_id)


@require_POST
def approve(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Stores a yes as a draft, and goes on to sign it."""
    tenant = tenancy.of_request(request, tenant_slug)
    access.request_for(tenant=tenant, bypass_id=bypass_id)
    form = ApprovalForm(request.POST)
    if not form.is_valid():
        return request_page.show(request, tenant_slug, bypass_id, form=form)
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
        _put_on(form, error)
        return request_page.show(request, tenant_slug, bypass_id, form=form)
    return stepup.proceed(request, intent, back=request.POST.get("back", ""))


@require_POST
def reject(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Ends the request with a no."""
    tenant = tenancy.of_request(request, tenant_slug)
    access.request_for(tenant=tenant, bypass_id=bypass_id)
    form = RejectionForm(request.POST)
    if not form.is_valid():
        return request_page.show(request, tenant_slug, bypass_id, form=form)
    try:
        approvals.reject(
            tenant=tenant,
            bypass_id=bypass_id,
            approver=request.user,
            **form.cleaned_data,
        )
    except PolicyViolation as error:
        _put_on(form, error)
        return request_page.show(request, tenant_slug, bypass_id, form=form)
    messages.success(request, f"{bypass_id} is rejected. The requester is told.")
    if request.POST.get("back") == stepup.BACK_TO_INBOX:
        return go(request, "inbox")
    return go(request, "request-detail", tenant.slug, bypass_id)


def _gates(request: PageRequest, tenant: Tenant) -> list[Gate]:
    """The gates that this person may ask for: nobody gets a form they cannot send."""
    gates = access.gates_requestable(user=request.user, tenant=tenant)
    if not gates and not access.may(
        user=request.user, permission="request_bypass", on=tenant
    ):
        msg = f"You may not ask for a bypass in {tenant.name}: an admin can let you."
        raise NotPermitted(msg)
    return gates


def _open(
    request: PageRequest, tenant: Tenant, form: RequestForm
) -> BypassRequest | None:
    """Sends the request; None, with the refusal on the form, when it is not allowed."""
    typed = {**form.cleaned_data, "ttl": timedelta(minutes=form.cleaned_data["ttl"])}
    try:
        return services.open_request(
            tenant=tenant,
            requester=request.user,
            wish=RequestWish(**typed),
        )
    except PolicyViolation as error:
        _put_on(form, error)
        return None


def _form_page(
    request: PageRequest,
    tenant: Tenant,
    gates: list[Gate],
    form: RequestForm,
    *,
    status: int = 200,
    fragment: str = "form",
) -> HttpResponse:
    context: dict[str, Any] = {"tenant": tenant, "form": form, "gates": gates}
    try:
        found = _preview(request, tenant, gates, form)
    except PolicyViolation as error:
        found, context["refusal"] = None, sentence(error)
    form.offer(found.ttl_choices if found else _USUAL_LENGTHS)
    context |= {"preview": found, "now": clock.db_now()}
    return render_page(
        request, "requests/new.html", context, fragment=fragment, status=status
    )


def _preview(
    request: PageRequest, tenant: Tenant, gates: list[Gate], form: RequestForm
) -> Preview | None:
    chosen = str(form["gate"].value() or "")
    gate = next((gate for gate in gates if gate.slug == chosen), None)
    if gate is None:
        return None
    names = ("service", "branch", "artifact")
    typed = {name: str(form[name].value() or "") for name in names}
    impact = str(form["impact"].value() or "")
    return queries.preview(
        tenant=tenant,
        requester=request.user,
        gate=gate,
        impact=impact if impact in ("low", "high") else "low",
        **typed,
    )


def _prefill(request: PageRequest, tenant: Tenant) -> dict[str, str]:
    """From the address, or from the request that this one follows ("ask again")."""
    given = {name: request.GET[name] for name in _PREFILLED if request.GET.get(name)}
    if "renews" not in given:
        return given
    old = access.request_for(tenant=tenant, bypass_id=given["renews"])
    return {
        "gate": old.gate.slug,
        "service": old.service,
        "branch": old.branch,
        "artifact": old.artifact,
        "impact": old.impact,
        "justification": old.justification,
        "incident_url": old.incident_url,
        "ttl": str(minutes(old.ttl)),
        **given,
    }


def _row(bypass: BypassRequest, now: Any) -> dict[str, Any]:
    grant = getattr(bypass, "grant", None)
    status = queries.status_of(bypass=bypass, grant=grant, now=now)
    return {"bypass": bypass, "grant": grant, "status": status}


def _put_on(form: Any, error: PolicyViolation) -> None:
    field = error.field if error.field in form.fields else None
    form.add_error(field, sentence(error).rstrip("."))
