"""Login: allauth does it; here is what we change, and when somebody last did it."""

from datetime import datetime, timedelta
from typing import Final

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from breakglass import clock
from breakglass.models import User

# When the person of this session last proved who they are, by the database's clock.
AUTHENTICATED_AT: Final = "breakglass_authenticated_at"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # untyped package
    """Accounts are made by operators; a login records its time in the session."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nobody signs up by themselves."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Logs in, and records when."""
        super().login(request, user)
        record_authentication(request)

    def add_message(self, *args: object, **kwargs: object) -> None:
        """Says nothing: "signed in as …" is no news to who has just signed in."""


def record_authentication(request: HttpRequest) -> datetime:
    """Notes in the session that this person has just authenticated; returns when."""
    now = clock.db_now()
    request.session[AUTHENTICATED_AT] = now.isoformat()
    return now


def authenticated_at(request: HttpRequest) -> datetime | None:
    """Returns when the person of this session last authenticated, if we know."""
    stored = request.session.get(AUTHENTICATED_AT)
    if not isinstance(stored, str):
        return None
    try:
        at = datetime.fromisoformat(stored)
    except ValueError:
        return None
    return at if at.tzinfo else None


def fresh_authentication(request: HttpRequest) -> datetime | None:
    """Returns the last authentication if it is young enough to sign a decision."""
    at = authenticated_at(request)
    if at is None:
        return None
    age = clock.db_now() - at
    return at if timedelta(0) <= age < settings.STEP_UP_MAX_AGE else None
