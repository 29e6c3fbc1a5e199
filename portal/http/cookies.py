"""What a device remembers of its person: colours, language, and the browser's zone."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from breakglass.models import User

THEME: Final = "theme"
THEMES: Final = ("auto", "light", "dark")
ZONE: Final = "tz"  # written by times.js; read here, and never more than a zone's name
_YEAR: Final = 365 * 86400
_SERVER_ERROR: Final = 500


def theme_of(request: HttpRequest, user: User | None) -> str:
    """Returns the colours: the person's choice, else this device's, else auto."""
    found = (user.theme if user else "") or request.COOKIES.get(THEME, "")
    return found if found in THEMES else "auto"


def zone_of(request: HttpRequest, user: User | None) -> ZoneInfo | None:
    """Returns the zone to show times in beside UTC; None when nobody said one."""
    for name in (user.time_zone if user else "", request.COOKIES.get(ZONE, "")):
        if name and name in _zones():
            return ZoneInfo(name)
    return None


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Returns the zones there are: to read them walks through the zones' folders."""
    return frozenset(available_timezones())


def keep(request: HttpRequest, response: HttpResponse, name: str, value: str) -> None:
    """Sets a cookie that lasts a year, or takes it away where the value is empty."""
    if not value:
        response.delete_cookie(name, samesite="Lax")
        return
    response.set_cookie(
        name,
        value,
        max_age=_YEAR,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


class PreferencesMiddleware:
    """
    Lets the device remember what its person chose on another one.

    The pages before the next sign-in then have the same colours and language.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Adds the cookies that are missing; asks the database for nothing."""
        response = self.get_response(request)
        if response.status_code >= _SERVER_ERROR or not request.session.accessed:
            return response
        user = request.user
        if not user.is_authenticated:
            return response
        chosen = {THEME: user.theme, settings.LANGUAGE_COOKIE_NAME: user.language}
        for name, value in chosen.items():
            known = name in response.cookies or request.COOKIES.get(name) == value
            if value and not known:
                keep(request, response, name, value)
        return response
