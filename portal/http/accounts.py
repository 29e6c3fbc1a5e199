"""Login: allauth does it; here is what we change, and when somebody last did it."""

from datetime import datetime, timedelta
from typing import Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest

from breakglass import clock
from breakglass.models import User

# When the person of this session last proved who they are, by the database's clock.
AUTHENTICATED_AT: Final = "breakglass_authenticated_at"
# When they last proved it in any way, also by a sign-in that was for something else:
# good for changing one's own account, never for signing a decision.
CONFIRMED_AT: Final = "breakglass_confirmed_at"
SINGLE_SIGN_ON: Final = "socialaccount"  # as allauth records it


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # untyped package
    """Accounts are made by operators; a login records its time in the session."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nobody signs up by themselves."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """
        Logs in, and records when.

        Not after single sign-on: the provider may have let an old session of its own
        through, so it says nothing about who sits there now.
        """
        super().login(request, user)
        methods = [row["method"] for row in get_authentication_records(request, user)]
        if SINGLE_SIGN_ON not in methods:
            record_authentication(request)

    def add_message(self, *args: object, **kwargs: object) -> None:
        """Says nothing: "signed in as …" is no news to who has just signed in."""


def record_authentication(request: HttpRequest) -> datetime:
    """Notes in the session that this person has just authenticated; returns when."""
    now = clock.db_now()
    request.session[AUTHENTICATED_AT] = now.isoformat()
    return now


def record_confirmation(request: HttpRequest) -> None:
    """Notes that this person has just proved who they are, but for no decision."""
    request.session[CONFIRMED_AT] = clock.db_now().isoformat()


def recently_confirmed(request: HttpRequest) -> bool:
    """Says whether the person proved who they are in any way, minutes ago."""
    now = clock.db_now()
    times = (_stored(request, AUTHENTICATED_AT), _stored(request, CONFIRMED_AT))
    return any(
        at is not None and timedelta(0) <= now - at < settings.STEP_UP_MAX_AGE
        for at in times
    )


def authenticated_at(request: HttpRequest) -> datetime | None:
    """Returns when the person of this session last authenticated, if we know."""
    return _stored(request, AUTHENTICATED_AT)


def fresh_authentication(request: HttpRequest) -> datetime | None:
    """Returns the last authentication if it is young enough to sign a decision."""
    at = authenticated_at(request)
    if at is None:
        return None
    age = clock.db_now() - at
    return at if timedelta(0) <= age < settings.STEP_UP_MAX_AGE else None


def _stored(request: HttpRequest, key: str) -> datetime | None:
    stored = request.session.get(key)
    if not isinstance(stored, str):
        return None
    try:
        at = datetime.fromisoformat(stored)
    except ValueError:
        return None
    return at if at.tzinfo else None
