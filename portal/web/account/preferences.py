"""Small choices of one person, made from any page."""

from django.http import HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from breakglass.services.people import preferences
from portal.http import cookies
from portal.http.accounts import adapter
from portal.http.htmx import PageRequest


@require_POST
def theme(request: PageRequest) -> HttpResponse:
    """Keeps the colours: on this device, and with the person."""
    wanted = request.POST.get("theme", "")
    chosen = wanted if wanted in cookies.THEMES else "auto"
    preferences.choose_theme(
        user=request.user, theme="" if chosen == "auto" else chosen
    )
    response = HttpResponseRedirect(adapter.next_address(request, "/"))
    cookies.keep(request, response, cookies.THEME, chosen)
    return response


@require_POST
def shortcuts(request: PageRequest) -> HttpResponse:
    """Switches single keys on or off, from the list of keys."""
    preferences.choose_shortcuts(
        user=request.user, on=request.POST.get("shortcuts") == "on"
    )
    return HttpResponseRedirect(adapter.next_address(request, "/"))
