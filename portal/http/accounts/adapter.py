"""Login: allauth does it; here is what we change, and when somebody last did it."""

from datetime import datetime, timedelta
from typing import Final

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows import login as flow
from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from breakglass import clock
from breakglass.models import User
from breakglass.services.people import sign_ins
from portal.http.accounts import session_end, session_rows

# When the person of this session last proved who they are, by the database's clock.
AUTHENTICATED_AT: Final = "breakglass_authenticated_at"
# When they last proved it in any way: by a sign-in that was for something else, or by
# a passkey that may still cool down. Good for one's own account, never for a decision.
CONFIRMED_AT: Final = "breakglass_confirmed_at"
SINGLE_SIGN_ON: Final = "socialaccount"  # as allauth records it
PASSWORD: Final = "password"  # noqa: S105 - as allauth records it


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # untyped package
    """Accounts are made by operators; a login records its time in the session."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nobody signs up by themselves."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """
        Logs in, lists the session, and records when.

        Not after single sign-on: the provider may have let an old session of its own
        through, so it says nothing about who sits there now. The password is on record
        and announced where single sign-on is set up, before it lets anybody in.
        """
        methods = [row["method"] for row in get_authentication_records(request, user)]
        ways = [method for method in methods if method in {PASSWORD, SINGLE_SIGN_ON}]
        if settings.OIDC_PROVIDERS and ways[-1:] == [PASSWORD]:
            sign_ins.record_password(user=user)
        before = request.session.session_key
        super().login(request, user)
        session_rows.add(request, instead_of=before)
        session_end.begin(request)
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
    times = (_stored(request, AUTHENTICATED_AT), _stored(request, CONFIRMED_AT))
    return any(_is_fresh(at) for at in times)


def sign_in_by_passkey(request: HttpRequest, user: User) -> None:
    """Logs in whose passkey has just answered; approving still asks for a proof."""
    flow.clear_authentication_records(request)  # of a way that was begun and left
    get_adapter(request).login(request, user)
    request.session.pop(AUTHENTICATED_AT, None)
    record_passkey(request, user)


def record_passkey(request: HttpRequest, user: User) -> None:
    """
    Notes in the session that this person's passkey has just answered.

    It signs no decision: there a passkey answers the decision itself.
    """
    record_confirmation(request)
    flow.record_authentication(request, user, method="mfa", type="webauthn")


def authenticated_at(request: HttpRequest) -> datetime | None:
    """Returns when the person of this session last authenticated, if we know."""
    return _stored(request, AUTHENTICATED_AT)


def _stored(request: HttpRequest, key: str) -> datetime | None:
    stored = request.session.get(key)
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
    return at if _is_fresh(at) else None


def next_address(request: HttpRequest, default: str) -> str:
    """Returns where to go on to; never to another host."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if wanted and safe else default


def _is_fresh(at: datetime | None) -> bool:
    if at is None:
        return False
    return timedelta(0) <= clock.db_now() - at < settings.STEP_UP_MAX_AGE
