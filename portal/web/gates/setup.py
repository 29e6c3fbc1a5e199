"""Connecting a gate: five questions, one a page, which can be left and continued."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from breakglass import clock
from breakglass.errors import BreakglassError, NotFound
from breakglass.models import GateSetup, Tenant
from breakglass.queries.gates import setups
from breakglass.services.gates import setups as services
from breakglass.texts import text
from portal.forms.gate_setup import KindForm, NameForm, answers
from portal.http import tenancy
from portal.http.errors import put_on
from portal.http.gates import page, recipes
from portal.http.htmx import PageRequest, go, render_live, render_page

STEPS: Final = ("kind", "name", "connect", "test", "check")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The first question, and what can be continued."""
    tenant = tenancy.of_request(request, tenant_slug)
    page.require_manager(request, tenant)
    form = KindForm(_sent(request))
    if request.method == "POST" and form.is_valid():
        setup = services.start(
            tenant=tenant, author=request.user, kind=form.cleaned_data["kind"]
        )
        return go(request, "gate-setup", tenant.slug, setup.public_id, "name")
    unfinished = setups.unfinished(tenant=tenant)
    context = {
        **_place(tenant, "kind"),
        "form": form,
        "unfinished": [(setup, _reached(setup)) for setup in unfinished],
    }
    return render_page(request, "gates/setup/kind.html", context, status=_status(form))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def step(
    request: PageRequest, tenant_slug: str, setup_id: UUID, step: str
) -> HttpResponse:
    """One of the questions; those that cannot be asked yet lead to the one before."""
    tenant = tenancy.of_request(request, tenant_slug)
    page.require_manager(request, tenant)
    setup = setups.setup_for(tenant=tenant, public_id=setup_id)
    if step not in _PAGES:
        msg = text("the set-up has no such step")
        raise NotFound(msg)
    if setup.gate is not None and (setup.finished_at or not setup.gate.in_setup):
        return go(request, "gate", tenant.slug, setup.gate.slug)
    if request.method == "POST" and request.POST.get("act") == "discard":
        services.discard(setup=setup, actor=request.user.as_actor())
        messages.success(request, _("The set-up was dropped."))
        return go(request, "gates", tenant.slug)
    if STEPS.index(step) > STEPS.index(_furthest(setup)):
        return _go(request, setup, _furthest(setup))
    return _PAGES[step](request, tenant, setup)


def _kind(request: PageRequest, tenant: Tenant, setup: GateSetup) -> HttpResponse:
    form = KindForm(_sent(request), initial={"kind": setup.kind})
    if request.method == "POST" and form.is_valid():
        services.choose_kind(
            setup=setup, kind=form.cleaned_data["kind"], actor=request.user.as_actor()
        )
        return _go(request, setup, "check" if setup.gate else "name")
    context = {**_place(tenant, "kind", setup), "form": form}
    return render_page(request, "gates/setup/kind.html", context, status=_status(form))


def _name(request: PageRequest, tenant: Tenant, setup: GateSetup) -> HttpResponse:
    form = NameForm(_sent(request), tenant=tenant, initial=answers(setup))
    if setup.gate is not None:
        form.keep_name(setup.slug)
    if request.method == "POST" and form.is_valid():
        try:
            services.name(
                setup=setup, actor=request.user.as_actor(), **form.cleaned_data
            )
        except BreakglassError as error:
            put_on(form, error, field="slug")
        else:
            return _go(request, setup, "check" if setup.gate else "connect")
    context = {**_place(tenant, "name", setup), "form": form}
    return render_page(request, "gates/setup/name.html", context, status=_status(form))


def _connect(request: PageRequest, tenant: Tenant, setup: GateSetup) -> HttpResponse:
    token = ""
    if request.method == "POST":
        if request.POST.get("act") == "test":
            services.wait(setup=setup)
            return _go(request, setup, "test")
        setup, token = services.connect(setup=setup, actor=request.user.as_actor())
    recipe = recipes.recipe(
        kind=setup.kind,
        base_url=settings.BASE_URL,
        gate=setup.slug,
        service=setup.service,
    )
    context = {
        **_place(tenant, "connect", setup),
        "recipe": recipe,
        "end_call": recipes.end_call(base_url=settings.BASE_URL),
        "new_token": token,
    }
    response = render_page(request, "gates/setup/connect.html", context)
    if token:
        response.headers["Cache-Control"] = "no-store"
    return response


def _test(request: PageRequest, tenant: Tenant, setup: GateSetup) -> HttpResponse:
    if request.method == "POST":
        if request.POST.get("act") == "again":
            services.wait(setup=setup)
            return _go(request, setup, "test")
        if not services.tested(setup=setup):
            services.skip_test(setup=setup)
        return _go(request, setup, "check")
    gate, now = setup.gate, clock.db_now()
    assert gate is not None  # noqa: S101 - this step is out of reach without one
    path = reverse("gate-setup", args=[tenant.slug, setup.public_id, "test"])
    since = setup.waits_since or now
    seen = page.waiting(gate=gate, since=since, now=now, path=path)
    context = {
        **_place(tenant, "test", setup),
        "now": now,
        "waiting": seen,
        "test_call": recipes.dry_run_call(
            base_url=settings.BASE_URL, gate=gate.slug, service=gate.service
        ),
    }
    state = (seen.contact and seen.contact.pk, seen.is_over, seen.is_late)
    template = "gates/setup/test.html"
    return render_live(request, template, context, fragment="waiting", state=state)


def _check(request: PageRequest, tenant: Tenant, setup: GateSetup) -> HttpResponse:
    if request.method == "POST":
        gate = services.turn_on(setup=setup, actor=request.user.as_actor())
        said = _("The gate %(gate)s is on.") % {"gate": gate.slug}
        messages.success(request, said)
        return go(request, "gate", tenant.slug, gate.slug)
    context = {
        **_place(tenant, "check", setup),
        "is_tested": services.tested(setup=setup),
    }
    return render_page(request, "gates/setup/check.html", context)


_PAGES: Final[dict[str, Callable[[PageRequest, Tenant, GateSetup], HttpResponse]]] = {
    "kind": _kind,
    "name": _name,
    "connect": _connect,
    "test": _test,
    "check": _check,
}


def _place(tenant: Tenant, step: str, setup: GateSetup | None = None) -> dict[str, Any]:
    """Returns where in the set-up a page stands, and where Back leads."""
    number = STEPS.index(step) + 1
    back = ""
    if setup is not None and number > 1:
        before = STEPS[number - 2]
        back = reverse("gate-setup", args=[tenant.slug, setup.public_id, before])
    return {
        "tenant": tenant,
        "setup": setup,
        "number": number,
        "total": len(STEPS),
        "numbers": range(1, len(STEPS) + 1),
        "back": back,
    }


def _furthest(setup: GateSetup) -> str:
    """Returns the last step that its answers so far allow."""
    if not setup.slug:
        return "name"
    return "check" if setup.gate else "connect"


def _reached(setup: GateSetup) -> tuple[str, int]:
    """Returns where to continue, and which step that is."""
    step = _furthest(setup)
    if step == "check" and not (setup.test_skipped or services.tested(setup=setup)):
        step = "test"
    return step, STEPS.index(step) + 1


def _go(request: PageRequest, setup: GateSetup, step: str) -> HttpResponse:
    return go(request, "gate-setup", setup.tenant.slug, setup.public_id, step)


def _sent(request: PageRequest) -> QueryDict | None:
    """An empty POST is an answer as well, and a wrong one."""
    return request.POST if request.method == "POST" else None


def _status(form: forms.Form) -> int:
    return 422 if form.errors else 200
