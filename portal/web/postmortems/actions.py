"""What is done around a post-mortem: reviewed, handed over, ticked, noted, kept."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from breakglass.errors import Conflict, PolicyViolation
from breakglass.services.postmortems import drafts, handing, reviews
from breakglass.states import ReviewOutcome
from portal.http import numbers, postmortem_page, tenancy
from portal.http.errors import sentence
from portal.http.htmx import PageRequest, go


@login_required
@require_POST
def review(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """A reviewer's answer: done, which publishes, or what should change."""
    is_done = request.POST.get("outcome") == ReviewOutcome.DONE
    revision = numbers.whole(request.POST.get("revision", ""))
    published = _("Reviewed and published.")
    return _act(
        request,
        tenant_slug,
        bypass_id,
        reviews.end,
        said=published if is_done else _("The owner is told what should change."),
        outcome=ReviewOutcome.DONE if is_done else ReviewOutcome.CHANGES_ASKED,
        comment=request.POST.get("comment", ""),
        revision=-1 if revision is None else revision,
    )


@login_required
@require_POST
def hand_over(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Makes another member the owner."""
    tenancy.of_request(request, tenant_slug)  # a stranger learns nothing, first
    to = postmortem_page.ids([request.POST.get("to", "")])
    if not to:
        messages.error(request, _("Choose who takes it over."))
        return go(request, "postmortem", tenant_slug, bypass_id)
    return _act(
        request,
        tenant_slug,
        bypass_id,
        handing.hand_over,
        said=_("Handed over. The new owner is told."),
        to=to[0],
        note=request.POST.get("note", ""),
    )


@login_required
@require_POST
def tick(
    request: PageRequest, tenant_slug: str, bypass_id: str, position: int
) -> HttpResponse:
    """Says of a published action item whether it is done."""
    is_done = request.POST.get("done") == "1"
    return _act(
        request,
        tenant_slug,
        bypass_id,
        handing.tick,
        said=_("Marked as done.") if is_done else _("Marked as not done."),
        position=position,
        is_done=is_done,
    )


@login_required
@require_POST
def note(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Adds a note below a published post-mortem."""
    return _act(
        request,
        tenant_slug,
        bypass_id,
        handing.add_note,
        said=_("The note is added."),
        text=request.POST.get("text", ""),
    )


@login_required
@require_POST
def keep(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Keeps what was typed, for its writer; the editor sends it by itself."""
    tenant = tenancy.of_request(request, tenant_slug)
    typed = request.POST.copy()
    typed.pop("csrfmiddlewaretoken", None)
    drafts.keep(
        tenant=tenant,
        bypass_id=bypass_id,
        person=request.user,
        typed=typed.urlencode(),
    )
    return HttpResponse(status=204)


@login_required
@require_POST
def discard(request: PageRequest, tenant_slug: str, bypass_id: str) -> HttpResponse:
    """Throws away what this person typed and had not saved."""
    said = _("Your unsaved text is thrown away.")
    return _act(request, tenant_slug, bypass_id, drafts.drop, said=said)


def _act(
    request: PageRequest,
    tenant_slug: str,
    bypass_id: str,
    action: Callable[..., object],
    *,
    said: str,
    **given: Any,
) -> HttpResponse:
    """Does it and goes back to the page; a refusal is said there."""
    tenant = tenancy.of_request(request, tenant_slug)
    words = {"tenant": tenant, "bypass_id": bypass_id, "person": request.user}
    try:
        action(**words, **given)
    except (Conflict, PolicyViolation) as error:
        messages.error(request, sentence(error))
    else:
        messages.success(request, said)
    return go(request, "postmortem", tenant.slug, bypass_id)
