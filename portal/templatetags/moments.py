"""Lengths and moments in the reader's language: words, never HTML."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose own time stands beside UTC; without a zone, nobody's."""

    zone: tzinfo | None = None
    is_24_hour: bool = True

    def local(self, at_time: datetime) -> datetime | None:
        """Returns the moment in the reader's zone, or None where that is UTC's time."""
        if self.zone is None:
            return None
        local = at_time.astimezone(self.zone)
        return local if local.utcoffset() else None


class _Unit(NamedTuple):
    """One unit of time; each way of saying it is a sentence of its own."""

    size: int
    length: Any
    ago: Any
    ahead: Any
    overdue: Any


_SECONDS: Final = ngettext_lazy("%(count)s second", "%(count)s seconds", "count")
_UNITS: Final = (
    _Unit(
        _DAY,
        ngettext_lazy("%(count)s day", "%(count)s days", "count"),
        ngettext_lazy("%(count)s day ago", "%(count)s days ago", "count"),
        ngettext_lazy("in %(count)s day", "in %(count)s days", "count"),
        ngettext_lazy("%(count)s day overdue", "%(count)s days overdue", "count"),
    ),
    _Unit(
        _HOUR,
        ngettext_lazy("%(count)s hour", "%(count)s hours", "count"),
        ngettext_lazy("%(count)s hour ago", "%(count)s hours ago", "count"),
        ngettext_lazy("in %(count)s hour", "in %(count)s hours", "count"),
        ngettext_lazy("%(count)s hour overdue", "%(count)s hours overdue", "count"),
    ),
    _Unit(
        _MINUTE,
        ngettext_lazy("%(count)s minute", "%(count)s minutes", "count"),
        ngettext_lazy("%(count)s minute ago", "%(count)s minutes ago", "count"),
        ngettext_lazy("in %(count)s minute", "in %(count)s minutes", "count"),
        ngettext_lazy("%(count)s minute overdue", "%(count)s minutes overdue", "count"),
    ),
)


def length(whole: timedelta | float) -> str:
    """Returns a length in words, in the two largest units that matter."""
    seconds = max(0, int(_seconds(whole)))
    if seconds < _MINUTE:
        return str(_SECONDS % {"count": seconds})
    parts = []
    for unit in _UNITS:
        number, seconds = divmod(seconds, unit.size)
        if number:
            parts.append(str(unit.length % {"count": number}))
    return " ".join(parts[:2])


def relative(at_time: datetime, now: datetime) -> str:
    """Returns "3 minutes ago" or "in 3 minutes"."""
    left = at_time - now
    if abs(left) < timedelta(seconds=_MINUTE):
        return _("just now") if left <= timedelta(0) else _("in a moment")
    return _said(left, lambda unit: unit.ago if left < timedelta(0) else unit.ahead)


def due(at_time: datetime, now: datetime) -> str:
    """Returns "in 3 days", or "2 days overdue"."""
    left = at_time - now
    if abs(left) < timedelta(seconds=_MINUTE):
        return _("just overdue") if left < timedelta(0) else _("in a moment")
    return _said(left, lambda unit: unit.overdue if left < timedelta(0) else unit.ahead)


def clock_time(at_time: datetime, now: datetime, *, seconds: bool) -> str:
    """Returns "02:41 UTC", with its day when that is not today's."""
    moment, today = at_time.astimezone(UTC), now.astimezone(UTC).date()
    text = f"{moment:%H:%M:%S} UTC" if seconds else f"{moment:%H:%M} UTC"
    if moment.date() == today:
        return text
    return f"{_day(moment.date(), is_this_year=moment.year == today.year)}, {text}"


def in_full(at_time: datetime) -> str:
    """Returns "22 Nov 2026, 02:41:07 UTC"."""
    moment = at_time.astimezone(UTC)
    return f"{_day(moment.date(), is_this_year=False)}, {moment:%H:%M:%S} UTC"


def beside(at_time: datetime, reader: Reader) -> str:
    """Returns " (08:11 your time)", with the day where that is not UTC's, or ""."""
    local = reader.local(at_time)
    if local is None:
        return ""
    shown = _hour(local, reader, seconds=False)
    if local.date() != at_time.astimezone(UTC).date():
        shown = f"{_day(local.date(), is_this_year=True)}, {shown}"
    return " " + _("(%(time)s your time)") % {"time": shown}


def in_both(at_time: datetime, reader: Reader) -> str:
    """Returns the moment in full: in UTC, and in the reader's own time."""
    local = reader.local(at_time)
    if local is None:
        return in_full(at_time)
    day = _day(local.date(), is_this_year=False)
    shown = f"{day}, {_hour(local, reader, seconds=True)}"
    return f"{in_full(at_time)} " + _("(%(time)s your time)") % {"time": shown}


def _hour(local: datetime, reader: Reader, *, seconds: bool) -> str:
    if reader.is_24_hour:
        return f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f"{local:%-I:%M:%S %p}" if seconds else f"{local:%-I:%M %p}"


def _said(left: timedelta, way: Callable[[_Unit], Any]) -> str:
    seconds = int(abs(left).total_seconds())
    unit = next(unit for unit in _UNITS if seconds >= unit.size)
    return str(way(unit) % {"count": seconds // unit.size})


def _day(day: date, *, is_this_year: bool) -> str:
    return date_format(day, "MONTH_DAY_FORMAT" if is_this_year else "DATE_FORMAT")


def _seconds(whole: timedelta | float) -> float:
    return whole.total_seconds() if isinstance(whole, timedelta) else whole
