"""How long a grant lasts: whole minutes, half-open, never longer than proposed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from breakglass.errors import InvalidInput, PolicyViolation
from breakglass.texts import Text, any_of, joined, plural, text

MINIMUM_TTL: Final = timedelta(minutes=1)
MAXIMUM_TTL: Final = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open span `[starts_at, expires_at)`; both are aware datetimes."""

    starts_at: datetime
    expires_at: datetime

    def covers(self, moment: datetime) -> bool:
        """Says whether `moment` is inside; the end itself is outside."""
        return self.starts_at <= moment < self.expires_at


def open_window(*, now: datetime, ttl: timedelta, cap: timedelta) -> Window:
    """
    Returns the window that starts at `now` (the database's clock) and lasts `ttl`.

    A longer `ttl` is cut to `cap`. Raises PolicyViolation when less than a minute
    would be left: there is nothing to grant.
    """
    length = min(ttl, cap)
    if length < MINIMUM_TTL:
        raise PolicyViolation(
            text(
                "the time allowed is under %(length)s, so there is "
                "nothing to grant: ask again under the current policy",
                length=in_words(MINIMUM_TTL),
            ),
            field="ttl",
        )
    return Window(starts_at=now, expires_at=now + length)


def check_ttl(
    *, ttl: timedelta, choices: Sequence[timedelta], field: str = "ttl"
) -> timedelta:
    """
    Returns `ttl` when it is one of the tier's choices.

    Raises InvalidInput for `field` otherwise, listing the choices in words.
    """
    if ttl in choices:
        return ttl
    if not choices:
        raise InvalidInput(
            text("this tier offers no times to choose from"), field=field
        )
    offered = any_of([in_words(choice) for choice in choices])
    raise InvalidInput(
        text("choose one of the times offered: %(offered)s", offered=offered),
        field=field,
    )


def check_set_ttl(*, ttl: timedelta, proposed: timedelta) -> timedelta:
    """
    Returns the TTL that an approver sets in an approval.

    Whole minutes, at least one, and never longer than `proposed` (design.md
    section 12). Raises InvalidInput for the field `ttl` otherwise.
    """
    if ttl > proposed:
        raise InvalidInput(
            text(
                "the request asks for %(proposed)s: you may shorten that, not "
                "extend it",
                proposed=in_words(proposed),
            ),
            field="ttl",
        )
    if ttl < MINIMUM_TTL:
        raise InvalidInput(
            text("set at least %(length)s", length=in_words(MINIMUM_TTL)),
            field="ttl",
        )
    if ttl % timedelta(minutes=1):
        raise InvalidInput(text("set whole minutes"), field="ttl")
    return ttl


def granted_ttl(
    *,
    proposed: timedelta,
    set_by_approvers: Sequence[timedelta],
    caps: Sequence[timedelta],
) -> timedelta:
    """
    Returns the shortest of what was proposed, approved and capped.

    Only the counted approvals belong in `set_by_approvers`. The answer may be
    too short to grant; `open_window` refuses that.
    """
    return min([proposed, *set_by_approvers, *caps])


def in_words(ttl: timedelta) -> Text:
    """
    Returns a length for people: "15 minutes", "1 hour", "1 hour 30 minutes".

    Rounded down to the second; nothing and less than nothing is "0 minutes".
    """
    seconds = max(0, int(ttl.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = []
    if hours:
        parts.append(plural("%(count)s hour", "%(count)s hours", count=hours))
    if minutes or not (hours or seconds):
        parts.append(plural("%(count)s minute", "%(count)s minutes", count=minutes))
    if seconds:
        parts.append(plural("%(count)s second", "%(count)s seconds", count=seconds))
    return joined(parts, between=" ")
