"""Headers that every answer carries, beside the CSP of django-csp."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

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
_STATIC: Final = frozenset({"text/css", "text/javascript"})


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


class CompressionMiddleware(GZipMiddleware):
    """
    Compresses pages, and styles and scripts that no installation compressed before.

    A page has a fifth of its size then, on a phone; downloads stay as they are. What a
    page reflects cannot be guessed by its length (BREACH): Django masks the form's
    token anew and pads each answer at random.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Leaves everything else alone, and what is compressed already."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        is_page = kind == "text/html" and not response.streaming
        if not is_page and kind not in _STATIC:
            return response
        return super().process_response(request, response)
