"""What each chart of the dashboard shows and says, in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from breakglass.queries.charts import History
from portal.http.charts import drawing

_MINUTE = 60
_WHOLE_FROM = 10


@dataclass(frozen=True, slots=True)
class Picture:
    """
    One chart: its drawing (a plot, or rows), what it comes to, and its numbers.

    `legend` names the fills of the series, from the first on.
    """

    slug: str
    title: str
    sentence: str
    plot: drawing.Plot | None
    rows: list[drawing.Row]
    legend: list[tuple[int, str]]
    head: list[str]
    table: list[list[str]]

    @property
    def height(self) -> int:
        """How high the drawing is, in its own units."""
        return drawing.HEIGHT if self.plot else len(self.rows) * drawing.ROW


def of_history(history: History) -> list[Picture]:
    """Returns the pictures of a tenant's weeks: four, where there is something."""
    if not history.total:
        return []
    return [
        _by_tier(history),
        _line(
            history,
            slug="to-open",
            title=_("Minutes from request to open (median)"),
            values=[week.to_open for week in history.medians],
            sentence=_to_open(history),
        ),
        _line(
            history,
            slug="open-for",
            title=_("Minutes open (median)"),
            values=[week.open_for for week in history.medians],
            sentence=_open_for(history),
        ),
        *([_by_gate(history)] if history.gates else []),
    ]


def compared(history: History) -> str:
    """Returns how many bypasses there were, and whether that is more than before."""
    values = {
        "count": history.total,
        "weeks": len(history.weeks),
        "difference": abs(history.total - history.before),
    }
    if history.total < history.before:
        text = ngettext(
            "%(count)s bypass in the last %(weeks)s weeks, %(difference)s fewer than "
            "in as long a time before.",
            "%(count)s bypasses in the last %(weeks)s weeks, %(difference)s fewer than "
            "in as long a time before.",
            history.total,
        )
    elif history.total > history.before:
        text = ngettext(
            "%(count)s bypass in the last %(weeks)s weeks, %(difference)s more than in "
            "as long a time before.",
            "%(count)s bypasses in the last %(weeks)s weeks, %(difference)s more than "
            "in as long a time before.",
            history.total,
        )
    else:
        text = ngettext(
            "%(count)s bypass in the last %(weeks)s weeks, as many as in as long a "
            "time before.",
            "%(count)s bypasses in the last %(weeks)s weeks, as many as in as long a "
            "time before.",
            history.total,
        )
    return text % values


def _by_tier(history: History) -> Picture:
    names = _names(history.weeks)
    titles = {
        (tier, column): _("%(tier)s, week of %(week)s: %(count)s")
        % {"tier": tier, "week": names[column], "count": count}
        for tier, counts in history.tiers.items()
        for column, count in enumerate(counts)
    }
    rows = [
        [_full(week), *(str(counts[column]) for counts in history.tiers.values())]
        for column, week in enumerate(history.weeks)
    ]
    return Picture(
        slug="by-tier",
        title=_("Bypasses per week by tier"),
        sentence=compared(history),
        plot=drawing.stacked(series=history.tiers, names=names, titles=titles),
        rows=[],
        legend=[
            (min(number, drawing.SERIES), tier)
            for number, tier in enumerate(history.tiers, start=1)
        ],
        head=[_("Week of"), *history.tiers],
        table=rows,
    )


def _line(
    history: History,
    *,
    slug: str,
    title: str,
    values: Sequence[float | None],
    sentence: str,
) -> Picture:
    names = _names(history.weeks)
    minutes = [None if value is None else value / _MINUTE for value in values]
    shown = [_("none") if value is None else _number(value) for value in minutes]
    titles = [
        _("Week of %(week)s: %(minutes)s min") % {"week": name, "minutes": number}
        for name, number in zip(names, shown, strict=True)
    ]
    return Picture(
        slug=slug,
        title=title,
        sentence=sentence,
        plot=drawing.line(values=minutes, names=names, titles=titles),
        rows=[],
        legend=[],
        head=[_("Week of"), _("Minutes")],
        table=[
            [_full(week), number]
            for week, number in zip(history.weeks, shown, strict=True)
        ],
    )


def _by_gate(history: History) -> Picture:
    slug, most = history.gates[0]
    return Picture(
        slug="by-gate",
        title=_("Gates bypassed most"),
        sentence=_("%(gate)s was bypassed most: %(count)s of %(total)s.")
        % {"gate": slug, "count": most, "total": history.total},
        plot=None,
        rows=drawing.rows(history.gates),
        legend=[],
        head=[_("Gate"), _("Bypasses")],
        table=[[gate, str(count)] for gate, count in history.gates],
    )


def _to_open(history: History) -> str:
    text = _("Half of the bypasses opened within %(length)s of the request.")
    return text % {"length": _length(history.overall.to_open)}


def _open_for(history: History) -> str:
    if history.overall.open_for is None:
        return _("No bypass of this time is over yet.")
    text = _("Half of the bypasses that are over were closed within %(length)s.")
    return text % {"length": _length(history.overall.open_for)}


def _names(weeks: Sequence[date]) -> list[str]:
    return [date_format(week, "j M") for week in weeks]


def _full(week: date) -> str:
    return date_format(week, "j M Y")


def _length(seconds: float | None) -> str:
    minutes = (seconds or 0) / _MINUTE
    if minutes < 1:
        return _("less than a minute")
    return _("%(minutes)s min") % {"minutes": _number(minutes)}


def _number(minutes: float) -> str:
    """Whole minutes, with one digit behind the point when there are few."""
    return number_format(minutes, 0 if minutes >= _WHOLE_FROM else 1)
