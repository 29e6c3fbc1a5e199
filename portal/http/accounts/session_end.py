"""
When a session ends: a fixed time after the sign-in, or after "Stay signed in".

Nothing else prolongs it. Pages that poll would keep a forgotten screen signed in for
ever; so the end is a moment that stands in the session, and only a person moves it,
never past a day after the sign-in.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.http.accounts import session_rows

ENDS_AT: Final = "breakglass_session_ends_at"
BEGAN_AT: Final = "breakglass_session_began_at"


def ends_at(request: HttpRequest) -> datetime | None:
    """Returns when this session ends; None for who is not signed in."""
    stored = request.session.get(ENDS_AT)
    if SESSION_KEY not in request.session or not isinstance(stored, str):
        return None
    return datetime.fromisoformat(stored)


def begin(request: HttpRequest) -> None:
    """Notes that its person has just signed in, and when the session ends."""
    request.session[BEGAN_AT] = timezone.now().isoformat()
    renew(request)


def renew(request: HttpRequest) -> datetime:
    """Moves the end to a whole session from now, or to the last; returns it."""
    wanted = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    end = min(wanted, _latest(request))
    request.session[ENDS_AT] = end.isoformat()
    return end


def is_last(request: HttpRequest) -> bool:
    """Says whether nothing but a new sign-in could move the end any further."""
    end = ends_at(request)
    return end is not None and end >= _latest(request)


def _latest(request: HttpRequest) -> datetime:
    longest = timedelta(seconds=settings.SESSION_LONGEST_AGE)
    began = request.session.get(BEGAN_AT)
    if isinstance(began, str):
        return datetime.fromisoformat(began) + longest
    # One from before sign-ins were noted: as if it had never been prolonged.
    end = ends_at(request) or timezone.now()
    request.session[BEGAN_AT] = (
        end - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    ).isoformat()
    return _latest(request)


class SessionEndMiddleware:
    """Signs out whose session is over; notes one that has just begun, and its end."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Looks before the page, and after it: a sign-in happens in between."""
        end = ends_at(request)
        if end is not None and end <= timezone.now():
            logout(request)
        response = self.get_response(request)
        session = request.session
        has_begun = session.accessed and SESSION_KEY in session
        if has_begun and ENDS_AT not in session and request.user.is_authenticated:
            session_rows.add(request)
            begin(request)
        return response
