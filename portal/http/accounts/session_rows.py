"""The list of a person's sessions keeps up with them, however they began."""

from allauth.usersessions.models import UserSession
from django.http import HttpRequest


def add(request: HttpRequest, *, instead_of: str | None = None) -> None:
    """Lists this session, whose person has just signed in; forgets the one before."""
    if instead_of:
        UserSession.objects.filter(session_key=instead_of).delete()
    UserSession.objects.create_from_request(request)


def renumber(request: HttpRequest) -> None:
    """
    Gives the session a new id, and keeps it on the list as what it was.

    So a stolen old id has nothing of the new standing, and the session can still be
    seen and ended from elsewhere.
    """
    before = request.session.session_key
    request.session.cycle_key()
    held = UserSession.objects.filter(user=request.user, session_key=before)
    if not held.update(session_key=request.session.session_key):
        add(request)
