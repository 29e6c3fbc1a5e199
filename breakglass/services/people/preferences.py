"""How pages look to one person, and a message to try how they are told."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import available_timezones

from django.conf import settings
from django.db import transaction

from breakglass import clock, outbox
from breakglass.errors import InvalidInput, NotPermitted
from breakglass.models import User
from breakglass.models.people import Theme
from breakglass.queries import access
from breakglass.texts import text

_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person chose; empty text means: as the browser says."""

    time_zone: str
    is_24_hour: bool
    language: str
    theme: str
    has_shortcuts: bool


def of(*, user: User) -> Preferences:
    """Returns the person's choices as their row has them."""
    return Preferences(
        time_zone=user.time_zone,
        is_24_hour=user.is_24_hour,
        language=user.language,
        theme=user.theme,
        has_shortcuts=user.has_shortcuts,
    )


def choose(*, user: User, chosen: Preferences) -> None:
    """
    Stores the choices; the same twice changes nothing.

    No entry in the log: they change what one person sees, and nothing that anybody
    is asked to trust. Raises InvalidInput for a zone, language or theme there is none
    of.
    """
    if chosen.time_zone and chosen.time_zone not in available_timezones():
        raise InvalidInput(text("there is no such time zone"))
    if chosen.language and chosen.language not in dict(settings.LANGUAGES):
        raise InvalidInput(text("there is no such language here"))
    if chosen.theme not in ("", *Theme.values):
        raise InvalidInput(text("there is no such theme"))
    User.objects.filter(pk=user.pk).update(
        time_zone=chosen.time_zone,
        is_24_hour=chosen.is_24_hour,
        language=chosen.language,
        theme=chosen.theme,
        has_shortcuts=chosen.has_shortcuts,
    )


def choose_theme(*, user: User, theme: str) -> None:
    """Stores the theme alone; InvalidInput for one there is none of."""
    if theme not in ("", *Theme.values):
        raise InvalidInput(text("there is no such theme"))
    User.objects.filter(pk=user.pk).update(theme=theme)


def choose_shortcuts(*, user: User, on: bool) -> None:
    """Stores whether single keys do something."""
    User.objects.filter(pk=user.pk).update(has_shortcuts=on)


@transaction.atomic
def send_test(*, user: User) -> None:
    """
    Promises a message to this person, on the way that all messages take.

    Asked for again within the same minute it is the same message. Raises NotPermitted
    for who is in no tenant: every message is one tenant's.
    """
    tenants = access.tenants_of(user=user)
    if not tenants:
        msg = text("messages come from your teams, and you are in none yet")
        raise NotPermitted(msg)
    now = clock.db_now()
    outbox.promise(
        tenant=tenants[0],
        topic=outbox.PROFILE_TEST,
        subject_id=int(now.timestamp()) // _MINUTE,
        now=now,
        person=user,
    )
