"""Full page or fragment: decided once, here (style.md 5.2, ux.md 6)."""

import hashlib
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from breakglass.models import User

_HASH_LENGTH: Final = 16
# Asked for while somebody types, so a login wall must not move the page: the address,
# where the note goes instead, how, and whether the page keeps the text on the device.
_TYPING: Final = {
    "request-preview": ("#preview .preview", "innerHTML", True),
    "postmortem-preview": ("#preview", "innerHTML", False),
    "postmortem-rows": ("#items", "beforeend", False),
}


class PageRequest(HttpRequest):
    """What a view behind the login gets: a person, and what htmx said."""

    user: User
    htmx: HtmxDetails


def wants_fragment(request: HttpRequest) -> bool:
    """
    False for plain, boosted and history-restore requests.

    htmx 2 sends HX-Request when it refills the page after Back, yet needs all of it.
    """
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    if not htmx:
        return False
    return not htmx.boosted and not htmx.history_restore_request


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str = "",
    status: int = 200,
) -> HttpResponse:
    """Renders the template, or only its named partial when htmx asks for it."""
    part = bool(fragment) and wants_fragment(request)
    name = f"{template}#{fragment}" if part else template
    context = {**context, "is_fragment": part}
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def render_live(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str,
    state: tuple[object, ...],
) -> HttpResponse:
    """
    As `render_page`, for a part that polls itself: 204 while `state` is the same.

    The template puts `{{ v }}` into the address it polls (`?v=`). An unchanged part
    is not swapped, so nobody loses focus or place.
    """
    version = state_hash(*state)
    if wants_fragment(request) and request.GET.get("v") == version:
        unchanged = HttpResponse(status=204)
        patch_vary_headers(unchanged, ["HX-Request"])
        return unchanged
    return render_page(request, template, {**context, "v": version}, fragment=fragment)


def state_hash(*parts: object) -> str:
    """Returns a short hash of what a polled part shows."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_HASH_LENGTH]


def go(request: HttpRequest, to: object, *args: object) -> HttpResponse:
    """Redirects after a good POST: 302 when plain, HX-Redirect when htmx asked."""
    url = resolve_url(to, *args)  # type: ignore[arg-type] # models and names alike
    if getattr(request, "htmx", None):
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url)


class LoginRedirectMiddleware:
    """
    Moves the whole page when an htmx request meets the login wall.

    htmx follows redirects, and would swap the login form into a live fragment. Where
    somebody types, the page stays and a note with the way to the login is shown.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers 204 with HX-Redirect instead of a redirect to the login page."""
        response = self.get_response(request)
        htmx: HtmxDetails | None = getattr(request, "htmx", None)
        if response.status_code != HttpResponseRedirect.status_code:
            return response
        login = resolve_url(settings.LOGIN_URL)
        location = urlsplit(response.headers["Location"])
        if location.path != login or location.netloc:
            return response
        if not htmx:
            if not location.query:  # not the wall's own redirect
                return response
            if request.method == "POST":
                # Back to the page with the form, where the text is kept; the address
                # of the POST answers no GET.
                response.headers["Location"] = back_to_sign_in(request)
            response.headers["Location"] += _ended(request)
            return response
        back = htmx.current_url_abs_path or "/"
        to = f"{login}?{urlencode({'next': back})}{_ended(request)}"
        name = request.resolver_match.url_name if request.resolver_match else None
        if name in _TYPING:
            return _signed_out(request, to, name)
        moved = HttpResponse(status=204)
        moved.headers["HX-Redirect"] = to
        return moved


def back_to_sign_in(request: HttpRequest) -> str:
    """Returns the sign-in's address, which leads back to the page of the form."""
    came_from, back = request.headers.get("Referer", ""), "/"
    if url_has_allowed_host_and_scheme(came_from, allowed_hosts={request.get_host()}):
        page = urlsplit(came_from)
        back = f"{page.path}?{page.query}" if page.query else page.path or "/"
    return f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': back})}"


def _ended(request: HttpRequest) -> str:
    """Returns what tells the sign-in page that a session was there, and is over."""
    had_one = settings.SESSION_COOKIE_NAME in request.COOKIES
    return "&ended=1" if had_one and request.session.is_empty() else ""


def _signed_out(request: HttpRequest, to: str, name: str) -> HttpResponse:
    target, swap, is_kept = _TYPING[name]
    context = {"login": to, "is_kept": is_kept}
    note = render(request, "parts/signed_out.html", context)
    patch_vary_headers(note, ["HX-Request"])
    note.headers["HX-Retarget"], note.headers["HX-Reswap"] = target, swap
    return note
