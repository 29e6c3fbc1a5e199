"""Headers that every answer carries, beside the CSP of django-csp."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

# `publickey-credentials-*` stay allowed for ourselves: passkeys need them.
PERMISSIONS: Final = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "camera",
        "geolocation",
        "gyroscope",
        "microphone",
        "payment",
        "usb",
    )
)
HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS,
    # Every page that we render shows names, reasons or a form's token. Static files
    # are answered above this middleware and keep their own, long caching.
    "Cache-Control": "no-store",
}


class NoNulMiddleware:
    """Refuses addresses with a NUL early: the database takes none, and would fail."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers 400 in plain words, or passes on."""
        if request.path_info.startswith("/api/"):
            return self.get_response(request)  # it refuses in its own words
        asked = (request.path, *(v for vs in request.GET.lists() for v in vs[1]))
        if any("\x00" in text for text in asked):
            return HttpResponseBadRequest("This address holds a NUL character.")
        return self.get_response(request)


class HeadersMiddleware:
    """Adds the headers, without replacing one that a view set itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Adds what is missing."""
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
