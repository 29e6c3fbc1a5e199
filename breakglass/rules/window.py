"""How long a grant lasts: whole minutes, half-open, never longer than proposed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from breakglass.errors import InvalidInput, PolicyViolation

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
            f"the time allowed is under {in_words(MINIMUM_TTL)}, so there is nothing "
            "to grant: ask again under the current policy",
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
        raise InvalidInput("this tier offers no times to choose from", field=field)
    offered = _either([in_words(choice) for choice in choices])
    raise InvalidInput(f"choose one of the times offered: {offered}", field=field)


def check_set_ttl(*, ttl: timedelta, proposed: timedelta) -> timedelta:
    """
    Returns the TTL that an approver sets in an approval.

    Whole minutes, at least one, and never longer than `proposed` (design.md
    section 12). Raises InvalidInput for the field `ttl` otherwise.
    """
    if ttl > proposed:
        raise InvalidInput(
            f"the request asks for {in_words(proposed)}: you may shorten that, "
            "not extend it",
            field="ttl",
        )
    if ttl < MINIMUM_TTL:
        raise InvalidInput(f"set at least {in_words(MINIMUM_TTL)}", field="ttl")
    if ttl % timedelta(minutes=1):
        raise InvalidInput("set whole minutes", field="ttl")
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


def in_words(ttl: timedelta) -> str:
    """
    Returns a length for people: "15 minutes", "1 hour", "1 hour 30 minutes".

    Rounded down to the second; nothing and less than nothing is "0 minutes".
    """
    seconds = max(0, int(ttl.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    units = ((hours, "hour"), (minutes, "minute"), (seconds, "second"))
    parts = [
        f"{count} {unit}" if count == 1 else f"{count} {unit}s"
        for count, unit in units
        if count
    ]
    return " ".join(parts) or "0 minutes"


def _either(words: Sequence[str]) -> str:
    """Joins ["a", "b", "c"] to "a, b or c"."""
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} or {words[-1]}"
