"""A person's own page: how breakglass looks to them, tells them, and knows them."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from breakglass.errors import NotFound
from breakglass.queries.people import profile as queries
from breakglass.services.people import preferences
from breakglass.texts import text
from portal.forms.profile import ProfileForm
from portal.http import cookies, tenancy
from portal.http.accounts import sessions
from portal.http.htmx import PageRequest, go, render_page


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: PageRequest) -> HttpResponse:
    """Shows the choices; a POST stores them, here and on this device."""
    chosen = preferences.of(user=request.user)
    initial = {name: getattr(chosen, name) for name in chosen.__slots__}
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        wanted = preferences.Preferences(**form.cleaned_data)
        preferences.choose(user=request.user, chosen=wanted)
        messages.success(request, _("Your choices are saved."))
        response = redirect("profile")
        cookies.keep(request, response, cookies.THEME, wanted.theme or "auto")
        name = settings.LANGUAGE_COOKIE_NAME
        cookies.keep(request, response, name, wanted.language)
        return response
    tenants = [one.tenant for one in tenancy.memberships(request, request.user)]
    context = {
        "form": form,
        "about": queries.about(user=request.user, tenants=tenants),
        "zone_of_browser": cookies.zone_of(request, None),
    }
    status = 422 if form.errors else 200
    return render_page(request, "profile/index.html", context, status=status)


@require_POST
def send_test(request: PageRequest) -> HttpResponse:
    """Promises a message to the person; a worker sends it within seconds."""
    preferences.send_test(user=request.user)
    said = _("a test message to %(address)s is on its way. It takes some seconds.")
    messages.success(request, said % {"address": request.user.email})
    return go(request, "profile")


@require_GET
def sessions_page(request: PageRequest) -> HttpResponse:
    """Lists where the person is signed in."""
    return render_page(
        request, "profile/sessions.html", {"places": sessions.of(request)}
    )


@require_POST
def end_session(request: PageRequest) -> HttpResponse:
    """Signs out one of the person's other browsers, or all of them."""
    wanted = request.POST.get("place", "")
    if wanted == "others":
        count = sessions.end_others(request)
        said = ngettext(
            "%(count)s other browser is signed out.",
            "%(count)s other browsers are signed out.",
            count,
        )
        messages.success(request, said % {"count": count})
    elif not (wanted.isdecimal() and sessions.end(request, place=int(wanted[:18]))):
        msg = text("this session is none of yours, or it has ended already")
        raise NotFound(msg)
    else:
        messages.success(request, _("That browser is signed out."))
    return go(request, "profile-sessions")
