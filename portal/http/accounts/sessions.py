"""Where a person is signed in: the live sessions, and the end of some of them."""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from portal.http.accounts.session_end import ENDS_AT
from portal.http.htmx import PageRequest

_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "CrOS", "Linux")
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"))
_MORE_BROWSERS = (("Chrom", "Chrome"), ("Safari", "Safari"))


@dataclass(frozen=True, slots=True)
class Place:
    """One signed-in browser."""

    id: int
    is_current: bool
    browser: str
    system: str
    address: str
    began_at: datetime
    ends_at: datetime


def of(request: PageRequest) -> list[Place]:
    """Returns the person's live sessions, this one first: two queries in all."""
    known = {row.session_key: row for row in _rows(request)}
    live = Session.objects.filter(pk__in=known, expire_date__gt=timezone.now())
    now, own_hash = timezone.now(), request.user.get_session_auth_hash()
    places = []
    for session in live:
        held, row = session.get_decoded(), known[session.session_key]
        ends = held.get(ENDS_AT)
        end = datetime.fromisoformat(ends) if ends else session.expire_date
        # A password that was changed elsewhere has ended it, whatever its row says.
        is_valid = constant_time_compare(held.get(HASH_SESSION_KEY, ""), own_hash)
        if is_valid and end > now:
            places.append(_place(request, row, end))
    return sorted(places, key=lambda p: (not p.is_current, -p.began_at.timestamp()))


def end(request: PageRequest, *, place: int) -> bool:
    """Ends one of the person's own other sessions; says whether there was one."""
    return bool(_end(request, [row for row in _others(request) if row.pk == place]))


def end_others(request: PageRequest) -> int:
    """Ends every session of the person but this one; returns how many."""
    return _end(request, _others(request))


def _rows(request: PageRequest) -> list[UserSession]:
    return list(UserSession.objects.filter(user=request.user))


def _others(request: PageRequest) -> list[UserSession]:
    mine = request.session.session_key
    return [row for row in _rows(request) if row.session_key != mine]


def _end(request: PageRequest, rows: list[UserSession]) -> int:
    keys = [row.session_key for row in rows]
    ended, _ = Session.objects.filter(pk__in=keys).delete()
    UserSession.objects.filter(user=request.user, session_key__in=keys).delete()
    return ended


def _place(request: PageRequest, row: UserSession, end: datetime) -> Place:
    agent = row.user_agent
    kinds = (*_BROWSERS, *_MORE_BROWSERS)
    return Place(
        id=row.pk,
        is_current=row.session_key == request.session.session_key,
        browser=next((name for mark, name in kinds if mark in agent), ""),
        system=next((name for name in _SYSTEMS if name in agent), ""),
        address=row.ip,
        began_at=row.created_at,
        ends_at=end,
    )
