"""Gates: how they fare, what would apply, and the tokens that they ask with."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from breakglass import clock
from breakglass.models import Gate, GateSetup, GateToken, Policy, Tenant
from breakglass.queries import access, policies
from breakglass.queries.gates import findings, machines, overview, setups
from breakglass.services.gates import tokens as gate_tokens
from breakglass.states import IdentityKind
from portal.forms.gates import GateFilters, TierWords, group_names, tiers_for
from portal.http import tenancy
from portal.http.gates import page as gate_page
from portal.http.gates import recipes
from portal.http.gates.contacts import (
    answer_in_words,
    call_in_words,
    last_refused_machine,
)
from portal.http.htmx import PageRequest, go, render_page


@login_required
@require_GET
def index(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The gates that the person may see, with their health."""
    tenant = tenancy.of_request(request, tenant_slug)
    now = clock.db_now()
    policy = policies.current(tenant=tenant)
    rows = overview.rows(user=request.user, tenant=tenant, policy=policy, now=now)
    filters = GateFilters(request.GET)
    manages = "manage_tenant" in tenancy.permissions(request, tenant)
    context = {
        "tenant": tenant,
        "now": now,
        "rows": filters.narrow(rows),
        "any_gates": bool(rows),
        "filters": filters,
        "is_filtered": filters.is_filtered,
        "may_manage": manages,
        "unfinished": setups.unfinished(tenant=tenant) if manages else [],
    }
    return render_page(request, "gates/index.html", context, fragment="rows")


@login_required
@require_GET
def page(request: PageRequest, tenant_slug: str, gate_slug: str) -> HttpResponse:
    """One gate: its state, its tiers in words, its recipe and its tokens."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = access.gate_for(user=request.user, tenant=tenant, slug=gate_slug)
    return _show(request, tenant, gate)


@login_required
@require_POST
def issue(request: PageRequest, tenant_slug: str, gate_slug: str) -> HttpResponse:
    """Makes a token and shows it, this once: on this answer, and nowhere again."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = gate_page.managed(request, tenant, gate_slug)
    token = gate_tokens.issue(gate=gate, actor=request.user.as_actor())
    return _show(request, tenant, gate, token=token)


@login_required
@require_POST
def rotate(
    request: PageRequest, tenant_slug: str, gate_slug: str, token_id: int
) -> HttpResponse:
    """Makes another token in its place, shown once, and says until when it works."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = gate_page.managed(request, tenant, gate_slug)
    token, old = gate_tokens.rotate(
        gate=gate, token_id=token_id, actor=request.user.as_actor()
    )
    return _show(request, tenant, gate, token=token, rotated=old)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(
    request: PageRequest, tenant_slug: str, gate_slug: str, token_id: int
) -> HttpResponse:
    """Asks first; then the token answers 401, at once and for good."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = gate_page.managed(request, tenant, gate_slug)
    now = clock.db_now()
    token = overview.live_token(gate=gate, token_id=token_id, now=now)
    if request.method == "POST":
        gate_tokens.revoke(gate=gate, token_id=token.pk, actor=request.user.as_actor())
        said = _("The token %(token)s no longer works.") % {"token": token}
        messages.success(request, said)
        return go(request, "gate", tenant.slug, gate.slug)
    context = {"tenant": tenant, "gate": gate, "token": token, "now": now}
    return render_page(request, "gates/revoke.html", context)


def _show(
    request: PageRequest,
    tenant: Tenant,
    gate: Gate,
    *,
    token: str = "",
    rotated: GateToken | None = None,
) -> HttpResponse:
    """Answers with the gate's page; with a token on it, the browser keeps no copy."""
    now = clock.db_now()
    contacts = overview.contacts_of(gate=gate)
    policy = policies.current(tenant=tenant)
    tokens = access.may(user=request.user, permission="manage_gate", on=gate)
    context: dict[str, Any] = {
        "tenant": tenant,
        "gate": gate,
        "now": now,
        "state": overview.state_of(gate=gate, contacts=contacts, now=now),
        "policy": policy,
        "tiers": _tiers(policy, gate) if policy else [],
        "findings": findings.of_gate(gate=gate),
        "contacts": [
            (row, call_in_words(row), answer_in_words(row)) for row in contacts
        ],
        "recipe": gate_page.recipe_of(gate),
        "end_call": recipes.end_call(base_url=settings.BASE_URL),
        "tokens": overview.tokens_of(gate=gate, now=now) if tokens else None,
        "machines": machines.of_gate(gate=gate) if tokens else [],
        "machine_kinds": IdentityKind.choices,
        "last_refused": last_refused_machine(contacts),
        "may_test": tokens and not gate.is_retired,
        "may_manage": "manage_tenant" in tenancy.permissions(request, tenant),
        "setup": GateSetup.objects.filter(gate=gate).first() if gate.in_setup else None,
        "new_token": token,
        "rotated": rotated,
    }
    response = render_page(request, "gates/page.html", context)
    if token:
        response.headers["Cache-Control"] = "no-store"
    return response


def _tiers(policy: Policy, gate: Gate) -> list[TierWords]:
    rules = policies.as_rules(policy=policy)
    return tiers_for(policy=rules, gate=gate, names=group_names(policy))
