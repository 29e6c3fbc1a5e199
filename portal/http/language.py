"""In which language a page is answered; machines are always answered in English."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

# What programs and probes read. `/api/v1/` never comes this far (portal/api/front.py).
_FOR_MACHINES: Final = ("/api/", "/metrics", "/healthz", "/readyz", "/static/")


def chosen(request: HttpRequest) -> str:
    """
    Returns the language of a page: the person's choice, else the browser's.

    The choice is in the cookie `settings.LANGUAGE_COOKIE_NAME`, which is set from the
    person's preferences, so that pages before the sign-in speak it too. A language
    that we do not have is passed over.
    """
    return translation.get_language_from_request(request)


class LanguageMiddleware:
    """
    Answers each page in its reader's language, and leaves nothing of it behind.

    Unlike Django's own it puts the language back afterwards: a thread that has served
    a German page goes on to answer a gate, whose words are English.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Passes on with the language set, and says in the answer which it is."""
        if request.path_info.startswith(_FOR_MACHINES):
            language = settings.LANGUAGE_CODE
        else:
            language = chosen(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response
