"""Gates: how they fare, what would apply, and the tokens that they ask with."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from breakglass import clock
from breakglass.errors import NotFound, NotPermitted
from breakglass.models import Gate, GateToken, Policy, Tenant
from breakglass.queries import access, dashboard, policies
from breakglass.services import gates
from portal.forms.gates import TierWords, curl_recipe, group_names, tiers_for
from portal.http import tenancy
from portal.http.htmx import PageRequest, go, render_page


@login_required
@require_GET
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The gates that the person may see, with their health."""
    tenant = tenancy.of_request(request, tenant_slug)
    now = clock.db_now()
    context = {
        "tenant": tenant,
        "now": now,
        "rows": _health(request, tenant, now),
        "may_manage": access.may(
            user=request.user, permission="manage_tenant", on=tenant
        ),
    }
    return render_page(request, "gates/index.html", context, fragment="rows")


@login_required
@require_GET
def page(request: PageRequest, tenant_slug: str, gate_slug: str) -> HttpResponse:
    """One gate: its state, its tiers in words, its recipe and its tokens."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = access.gate_for(user=request.user, tenant=tenant, slug=gate_slug)
    return _page(request, tenant, gate)


@login_required
@require_POST
def issue(request: PageRequest, tenant_slug: str, gate_slug: str) -> HttpResponse:
    """Makes a token and shows it, this once: on this answer, and nowhere again."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = _managed(request, tenant, gate_slug)
    token = gates.issue_token(gate=gate, actor=request.user.as_actor())
    return _page(request, tenant, gate, token=token)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(
    request: PageRequest, tenant_slug: str, gate_slug: str, token_id: int
) -> HttpResponse:
    """Asks first; then the token answers 401, at once and for good."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = _managed(request, tenant, gate_slug)
    token = _live(gate, token_id)
    if request.method == "POST":
        gates.revoke_token(gate=gate, token_id=token.pk, actor=request.user.as_actor())
        messages.success(request, f"The token {token} no longer works.")
        return go(request, "gate", tenant.slug, gate.slug)
    context = {"tenant": tenant, "gate": gate, "token": token, "now": clock.db_now()}
    return render_page(request, "gates/revoke.html", context)


def _page(
    request: PageRequest, tenant: Tenant, gate: Gate, *, token: str = ""
) -> HttpResponse:
    now = clock.db_now()
    manages = access.may(user=request.user, permission="manage_gate", on=gate)
    policy = policies.current(tenant=tenant)
    context: dict[str, Any] = {
        "tenant": tenant,
        "gate": gate,
        "now": now,
        "state": _state_of(request, tenant, gate, now),
        "policy": policy,
        "tiers": _tiers(policy, gate) if policy else [],
        "curl": curl_recipe(base_url=settings.BASE_URL, gate=gate),
        "base_url": settings.BASE_URL,
        "tokens": list(gate.tokens.all()) if manages else None,
        "new_token": token,
    }
    response = render_page(request, "gates/page.html", context)
    if token:
        response.headers["Cache-Control"] = "no-store"
    return response


def _tiers(policy: Policy, gate: Gate) -> list[TierWords]:
    rules = policies.as_rules(policy=policy)
    return tiers_for(policy=rules, gate=gate, names=group_names(policy))


def _managed(request: PageRequest, tenant: Tenant, slug: str) -> Gate:
    gate = access.gate_for(user=request.user, tenant=tenant, slug=slug)
    if not access.may(user=request.user, permission="manage_gate", on=gate):
        msg = f"tokens of {gate.slug} are for people who manage the gate"
        raise NotPermitted(msg)
    return gate


def _live(gate: Gate, token_id: int) -> GateToken:
    token = gate.tokens.filter(pk=token_id, revoked_at__isnull=True).first()
    if token is None:
        msg = "this gate has no such token in use"
        raise NotFound(msg)
    return token


def _health(request: PageRequest, tenant: Tenant, now: Any) -> list[dict[str, Any]]:
    """Every visible gate; one that is not in use has no health to speak of."""
    seen = dashboard.gate_health(user=request.user, tenant=tenant, now=now)
    states = {health.gate.pk: health.state for health in seen}
    return [
        {"gate": gate, "state": states.get(gate.pk, "inactive")}
        for gate in access.gates_visible(user=request.user, tenant=tenant)
    ]


def _state_of(request: PageRequest, tenant: Tenant, gate: Gate, now: Any) -> str:
    rows = _health(request, tenant, now)
    return next((row["state"] for row in rows if row["gate"] == gate), "inactive")
