"""The request form: filled in from an address, previewed, sent."""

from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from breakglass import clock
from breakglass.errors import (
    InvalidInput,
    NotFound,
    NotPermitted,
    PolicyViolation,
    SentAlready,
    Unavailable,
)
from breakglass.models import BypassRequest, Gate, Tenant
from breakglass.queries import access
from breakglass.queries.requests import previews
from breakglass.queries.requests.previews import Preview
from breakglass.rules.identifiers import is_bypass_id
from breakglass.rules.scopes import Scope
from breakglass.rules.tiers import Impact
from breakglass.services import requests as services
from breakglass.services.approving.freezing import RequestWish
from breakglass.texts import text
from portal.forms import prefill
from portal.forms.requests import SCOPE, RequestForm
from portal.http import tenancy
from portal.http.errors import put_on, sentence
from portal.http.htmx import PageRequest, go, render_page, wants_fragment

TEMPLATE: Final = "requests/new.html"
_REFUSED, _UNAVAILABLE = 422, 503
# Until a gate is chosen no tier is known; these are the product's own.
_USUAL_LENGTHS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Shows the form, filled in from the address; takes it when it is sent."""
    tenant = tenancy.of_request(request, tenant_slug)
    gates = _gates(request, tenant)
    if request.method != "POST":
        given = prefill.read(
            request.GET.dict(), gates=gates, old=_followed(request, tenant)
        )
        form = RequestForm(gates=gates, initial=given.values)
        return _page(request, tenant, gates, form, remarks=given.remarks)
    form = RequestForm(request.POST, gates=gates)
    if not form.is_valid():
        return _page(request, tenant, gates, form, status=_REFUSED)
    try:
        bypass = _open(request, tenant, form)
    except (PolicyViolation, NotPermitted, SentAlready, Unavailable) as error:
        return _refused(request, tenant, gates, form, error)
    said = _("%(bypass)s is sent. The approvers are told.")
    messages.success(request, said % {"bypass": bypass.bypass_id})
    return go(request, "request-detail", tenant.slug, bypass.bypass_id)


@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Shows what would happen; the whole page, as typed, without JavaScript."""
    tenant = tenancy.of_request(request, tenant_slug)
    gates = _gates(request, tenant)
    typed = request.POST if request.method == "POST" else request.GET
    plain = {name: str(value).replace("\0", "") for name, value in typed.items()}
    if not plain.get("form_key"):
        plain.pop("form_key", None)
    form = RequestForm(gates=gates, initial=plain)
    return _page(request, tenant, gates, form, fragment="preview")


def _gates(request: PageRequest, tenant: Tenant) -> list[Gate]:
    """The gates that this person may ask for: nobody gets a form they cannot send."""
    gates = access.gates_requestable(user=request.user, tenant=tenant)
    if not gates and not access.may(
        user=request.user, permission="request_bypass", on=tenant
    ):
        msg = text(
            "You may not ask for a bypass in %(tenant)s: an admin can let you.",
            tenant=tenant.name,
        )
        raise NotPermitted(msg)
    return gates


def _followed(request: PageRequest, tenant: Tenant) -> BypassRequest | None:
    """The request that this one asks again for, if there is such a one here."""
    bypass_id = request.GET.get("renews", "")
    if not is_bypass_id(bypass_id):
        return None
    try:
        return access.request_for(tenant=tenant, bypass_id=bypass_id)
    except NotFound:
        return None


def _open(request: PageRequest, tenant: Tenant, form: RequestForm) -> BypassRequest:
    typed = {**form.cleaned_data, "ttl": timedelta(minutes=form.cleaned_data["ttl"])}
    return services.open_request(
        tenant=tenant, requester=request.user, wish=RequestWish(**typed)
    )


def _refused(
    request: PageRequest,
    tenant: Tenant,
    gates: list[Gate],
    form: RequestForm,
    error: PolicyViolation | NotPermitted | SentAlready | Unavailable,
) -> HttpResponse:
    """The form again with the refusal on it: nothing that was typed is lost."""
    put_on(form, error)
    if isinstance(error, SentAlready):
        form.renew_key()
    is_down = isinstance(error, Unavailable)
    response = _page(
        request,
        tenant,
        gates,
        form,
        status=_UNAVAILABLE if is_down else _REFUSED,
        is_refused=not isinstance(error, InvalidInput | SentAlready),
    )
    if is_down and wants_fragment(request):
        response.headers["HX-Retarget"] = "#form"  # form.js lets this 503 in
    return response


def _page(
    request: PageRequest,
    tenant: Tenant,
    gates: list[Gate],
    form: RequestForm,
    *,
    status: int = 200,
    fragment: str = "form",
    remarks: tuple[str, ...] = (),
    is_refused: bool = False,
) -> HttpResponse:
    now = clock.db_now()
    context: dict[str, Any] = {
        "tenant": tenant,
        "form": form,
        "gates": gates,
        "query": request.GET.urlencode() if fragment == "form" else "",
        "remarks": remarks,
        "is_refused": is_refused,
        "now": now,
    }
    try:
        found = _preview(request, tenant, gates, form)
    except PolicyViolation as error:
        found, context["refusal"] = None, sentence(error)
    if found:
        asked = form.offer(found.ttl_choices, tier=found.tier.name)
        due_at = found.postmortem_due_at(now=now, ttl=form.length)
        context["postmortem_due_at"] = due_at
    else:
        asked = form.offer(_USUAL_LENGTHS)
    if asked and not form.is_bound and fragment == "form":
        said = _("The link asks for %(count)s minutes, which is not offered here.")
        context["remarks"] = (*remarks, said % {"count": asked})
    context["preview"] = found
    return render_page(request, TEMPLATE, context, fragment=fragment, status=status)


def _preview(
    request: PageRequest, tenant: Tenant, gates: list[Gate], form: RequestForm
) -> Preview | None:
    chosen = str(form["gate"].value() or "")
    gate = next((gate for gate in gates if gate.slug == chosen), None)
    if gate is None:
        return None
    typed = {name: str(form[name].value() or "") for name in SCOPE}
    impact = str(form["impact"].value() or "")
    return previews.preview(
        tenant=tenant,
        requester=request.user,
        gate=gate,
        scope=Scope(gate=gate.slug, **typed),
        impact=impact if impact in set(Impact) else Impact.LOW,
        now=clock.db_now(),
    )
