"""A gate's care: a test call, and taking it out of use."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from breakglass import clock
from breakglass.errors import BreakglassError, Conflict
from breakglass.models import Gate, Tenant
from breakglass.queries import access, policies
from breakglass.queries.gates import overview
from breakglass.services.gates import registry as services
from breakglass.texts import text
from portal.forms.gates import RetireForm
from portal.http import tenancy
from portal.http.errors import put_on
from portal.http.gates import page, recipes
from portal.http.htmx import PageRequest, go, render_live, render_page


@login_required
@require_GET
def test(request: PageRequest, tenant_slug: str, gate_slug: str) -> HttpResponse:
    """Shows a call to make where the gate runs, and waits for it."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = page.managed(request, tenant, gate_slug)
    now = clock.db_now()
    since = _since(request, now)
    here = reverse("gate-test", args=[tenant.slug, gate.slug])
    path = f"{here}?{urlencode({'since': since.isoformat()})}"
    waiting = page.waiting(gate=gate, since=since, now=now, path=path)
    context = {
        "tenant": tenant,
        "gate": gate,
        "now": now,
        "waiting": waiting,
        "test_call": recipes.dry_run_call(
            base_url=settings.BASE_URL, gate=gate.slug, service=gate.service
        ),
    }
    state = (waiting.contact and waiting.contact.pk, waiting.is_over, waiting.is_late)
    return render_live(
        request, "gates/test.html", context, fragment="waiting", state=state
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pause(request: PageRequest, tenant_slug: str, gate_slug: str) -> HttpResponse:
    """Asks first, listing what refers to the gate; then it is not in use."""
    tenant, gate = _gate(request, tenant_slug, gate_slug)
    if request.method == "POST":
        services.turn(gate=gate, is_active=False, actor=request.user.as_actor())
        said = _("The gate %(gate)s is paused: it enforces.") % {"gate": gate.slug}
        messages.success(request, said)
        return go(request, "gate", tenant.slug, gate.slug)
    if not gate.is_active:
        msg = text("%(gate)s is not in use already", gate=gate.slug)
        raise Conflict(msg)
    return _take_out(request, tenant, gate, form=None)


@login_required
@require_POST
def resume(request: PageRequest, tenant_slug: str, gate_slug: str) -> HttpResponse:
    """Puts a paused gate back in use."""
    tenant, gate = _gate(request, tenant_slug, gate_slug)
    if gate.in_setup:
        msg = text("%(gate)s is being set up: finish that first", gate=gate.slug)
        raise Conflict(msg)
    services.turn(gate=gate, is_active=True, actor=request.user.as_actor())
    said = _("The gate %(gate)s is in use again.") % {"gate": gate.slug}
    messages.success(request, said)
    return go(request, "gate", tenant.slug, gate.slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def retire(request: PageRequest, tenant_slug: str, gate_slug: str) -> HttpResponse:
    """Asks for a reason, listing what refers to the gate; then it is gone for good."""
    tenant, gate = _gate(request, tenant_slug, gate_slug)
    form = RetireForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.retire(
                gate=gate,
                reason=form.cleaned_data["reason"],
                actor=request.user.as_actor(),
            )
        except BreakglassError as error:
            put_on(form, error)
        else:
            said = _("The gate %(gate)s is retired.") % {"gate": gate.slug}
            messages.success(request, said)
            return go(request, "gate", tenant.slug, gate.slug)
    return _take_out(request, tenant, gate, form=form)


def _gate(
    request: PageRequest, tenant_slug: str, gate_slug: str
) -> tuple[Tenant, Gate]:
    tenant = tenancy.of_request(request, tenant_slug)
    gate = access.gate_for(user=request.user, tenant=tenant, slug=gate_slug)
    page.require_manager(request, tenant)
    return tenant, gate


def _take_out(
    request: PageRequest, tenant: Tenant, gate: Gate, *, form: forms.Form | None
) -> HttpResponse:
    now = clock.db_now()
    policy = policies.current(tenant=tenant)
    context = {
        "tenant": tenant,
        "gate": gate,
        "now": now,
        "refers": overview.references(gate=gate, policy=policy, now=now),
        "is_retiring": form is not None,
        "form": form,
    }
    status = 422 if form is not None and form.errors else 200
    return render_page(request, "gates/take_out.html", context, status=status)


def _since(request: PageRequest, now: datetime) -> datetime:
    """Since when the page waits: as its own address says, for a day at most."""
    asked = request.GET.get("since", "")
    try:
        since = parse_datetime(asked)
    except ValueError:
        since = None
    if since is None or since.tzinfo is None:
        return now
    return min(max(since, now - timedelta(days=1)), now)
