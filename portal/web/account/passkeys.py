"""A person's own passkeys: the list, a new one, one less."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from breakglass import clock
from breakglass.errors import BreakglassError, InvalidInput, NotFound
from breakglass.models import Credential
from breakglass.queries.people import passkeys as queries
from breakglass.services.people import passkeys
from breakglass.texts import text
from portal.forms.passkeys import EnrolForm, RemoveForm
from portal.http.accounts import adapter
from portal.http.accounts import passkeys as challenges
from portal.http.errors import put_on
from portal.http.htmx import PageRequest, render_page


@require_GET
def index(request: PageRequest) -> HttpResponse:
    """Lists the person's passkeys, and from when each of them can approve."""
    return _page(request, EnrolForm())


@require_POST
def options(request: PageRequest) -> HttpResponse:
    """Answers with what makes a new passkey; its challenge is good once, and soon."""
    if not adapter.recently_confirmed(request):
        return JsonResponse({"error": "reauthentication_required"}, status=403)
    asked = passkeys.begin_enrolment(user=request.user)
    return JsonResponse(challenges.remember(request, challenges.ENROL, asked))


@require_POST
def add(request: PageRequest) -> HttpResponse:
    """Enrols the passkey that the browser has just made."""
    if not adapter.recently_confirmed(request):
        query = urlencode({"next": reverse("passkeys")})
        return HttpResponseRedirect(f"{reverse('stepup')}?{query}")
    form = EnrolForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        made = passkeys.enrol(
            user=request.user,
            name=form.cleaned_data["name"],
            answer=form.answer(),
            challenge=challenges.take(request, challenges.ENROL),
        )
    except BreakglassError as error:
        put_on(form, error)
        return _page(request, form, status=422)
    messages.success(request, _words(made))
    return HttpResponseRedirect(reverse("passkeys"))


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: PageRequest, public_id: UUID) -> HttpResponse:
    """Asks why, then removes the passkey for good."""
    found = queries.live(user=request.user).filter(public_id=public_id).first()
    if found is None:
        msg = text("there is no such passkey any more")
        raise NotFound(msg)
    form = RemoveForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passkeys.revoke(
                user=request.user,
                public_id=public_id,
                reason=form.cleaned_data["reason"],
                actor=request.user.as_actor(),
            )
        except InvalidInput as error:
            put_on(form, error, field="reason")
        else:
            messages.success(
                request, _("The passkey %(name)s is removed.") % {"name": found.name}
            )
            return HttpResponseRedirect(reverse("passkeys"))
    context = {"passkey": found, "form": form}
    status = 422 if form.errors else 200
    return render_page(request, "account/passkey_remove.html", context, status=status)


def _page(request: PageRequest, form: EnrolForm, *, status: int = 200) -> HttpResponse:
    now = clock.db_now()
    rows: list[dict[str, Any]] = [
        {"passkey": one, "usable_from": queries.usable_from(credential=one)}
        for one in queries.live(user=request.user)
    ]
    context = {
        "rows": rows,
        "now": now,
        "form": form,
        "is_proved": adapter.recently_confirmed(request),
        "is_own_address": challenges.is_own_address(request),
        "own_address": settings.BASE_URL,
    }
    return render_page(request, "account/passkeys.html", context, status=status)


def _words(made: Credential) -> str:
    when = queries.usable_from(credential=made)
    if when is None:
        said = _("The passkey %(name)s is added. It signs you in from now on.")
        return said % {"name": made.name}
    said = _(
        "The passkey %(name)s is added. It signs you in from now on, and can approve "
        "from %(at)s on."
    )
    return said % {"name": made.name, "at": f"{when:%Y-%m-%d %H:%M} UTC"}
