"""Machines that speak for a gate by their platform's tokens: add one, remove one."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from breakglass.errors import BreakglassError, Conflict, NotFound
from breakglass.rules.machine_identity import KINDS
from breakglass.services.gates import machines as services
from breakglass.states import IdentityKind
from breakglass.texts import text
from portal.forms.machines import MachineForm
from portal.http import tenancy
from portal.http.errors import put_on
from portal.http.gates import page
from portal.http.htmx import PageRequest, go, render_page


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(
    request: PageRequest, tenant_slug: str, gate_slug: str, kind: str
) -> HttpResponse:
    """Asks for the ids of one platform's machine; then it speaks for the gate."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = page.managed(request, tenant, gate_slug)
    if kind not in KINDS:
        raise NotFound(text("there is no such kind of machine"))
    if gate.is_retired:
        msg = text("%(gate)s is retired: no machine speaks for it", gate=gate.slug)
        raise Conflict(msg)
    form = MachineForm(request.POST or None, kind=kind)
    audience = page.audience_of(gate)
    if request.method == "POST" and form.is_valid():
        try:
            services.add(
                gate=gate,
                kind=kind,
                issuer=form.cleaned_data["issuer"],
                audience=audience,
                claims=form.bound(),
                actor=request.user.as_actor(),
            )
        except BreakglassError as error:
            put_on(form, error)
        else:
            said = _(
                "The machine speaks for %(gate)s as soon as the keys of its issuer are "
                "fetched, within a minute."
            ) % {"gate": gate.slug}
            messages.success(request, said)
            return go(request, "gate", tenant.slug, gate.slug)
    context = {
        "tenant": tenant,
        "gate": gate,
        "form": form,
        "audience": audience,
        "kind": IdentityKind(kind),
    }
    status = 422 if form.errors else 200
    return render_page(request, "gates/machine.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove(
    request: PageRequest, tenant_slug: str, gate_slug: str, public_id: UUID
) -> HttpResponse:
    """Asks first; then its tokens answer 401, at once and for good."""
    tenant = tenancy.of_request(request, tenant_slug)
    gate = page.managed(request, tenant, gate_slug)
    machine = services.live_one(gate=gate, public_id=public_id)
    if request.method == "POST":
        services.remove(gate=gate, public_id=public_id, actor=request.user.as_actor())
        said = _("The machine %(machine)s no longer speaks for %(gate)s.") % {
            "machine": machine.short,
            "gate": gate.slug,
        }
        messages.success(request, said)
        return go(request, "gate", tenant.slug, gate.slug)
    context = {"tenant": tenant, "gate": gate, "machine": machine}
    return render_page(request, "gates/machine_remove.html", context)
