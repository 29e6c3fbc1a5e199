"""The single place where domain errors become HTTP status codes."""

from collections.abc import Callable
from typing import Final

from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import reswap, retarget

from breakglass.errors import (
    BreakglassError,
    Conflict,
    NotFound,
    NotPermitted,
    PolicyViolation,
    Unavailable,
)
from breakglass.texts import translated
from portal.http.htmx import wants_fragment

_NOT_FOUND: Final = 404
STATUS: Final[tuple[tuple[type[BreakglassError], int], ...]] = (
    (NotFound, _NOT_FOUND),
    (NotPermitted, 403),
    (Conflict, 409),
    (PolicyViolation, 422),
    (Unavailable, 503),
)
HEADINGS: Final = {
    403: gettext_lazy("You may not do this"),
    404: gettext_lazy("Page not found"),
    409: gettext_lazy("This changed since you looked at it"),
    422: gettext_lazy("This cannot be done"),
    503: gettext_lazy("A part of breakglass does not answer"),
}


def status_for(error: BreakglassError) -> int:
    """Returns the status code of a domain error; 500 for one nobody mapped."""
    return next((code for kind, code in STATUS if isinstance(error, kind)), 500)


def sentence(text: object) -> str:
    """
    Returns an error's words as a sentence: a capital first, a full stop last.

    In the language of the reader, where the error was made of a `Text`.
    """
    words = translated(text).strip()
    if not words:
        return ""
    ends = "" if words[-1] in ".!?…" else "."
    return f"{words[0].upper()}{words[1:]}{ends}"


def refusal(error: BreakglassError) -> str:
    """Returns an error's words as a form shows them beside a field: no stop."""
    return sentence(error).rstrip(".")


def put_on(form: Form, error: BreakglassError, *, field: str = "") -> None:
    """
    Puts a refusal on a form, in the reader's language: on the field that it names.

    Else on `field`, and where the form has neither, on the form as a whole.
    """
    wanted = (getattr(error, "field", ""), field)
    named = next((name for name in wanted if name in form.fields), None)
    form.add_error(named, refusal(error))


def answer(request: HttpRequest, error: BreakglassError) -> HttpResponse:
    """Returns the error as JSON for the API, in `#flash` for htmx, else as a page."""
    status = status_for(error)
    if request.path.startswith("/api/"):
        body = {"error": error.code, "detail": str(error), "decision": "enforce"}
        return JsonResponse(body, status=status)
    context = {
        "status": status,
        "heading": HEADINGS.get(status, _("Something went wrong")),
        # A 404 says the same for everything: what exists elsewhere is not told.
        "detail": "" if status == _NOT_FOUND else sentence(error),
    }
    if wants_fragment(request):
        part = render(request, "error.html#message", context, status=status)
        patch_vary_headers(part, ["HX-Request"])
        return reswap(retarget(part, "#flash"), "innerHTML")
    return render(request, "error.html", context, status=status)


class DomainErrorMiddleware:
    """Turns a domain error that left a view into its answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Passes on; errors arrive in `process_exception`."""
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        """Answers domain errors; every other one stays a 500."""
        if isinstance(exception, BreakglassError):
            return answer(request, exception)
        return None
