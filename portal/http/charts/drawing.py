"""
Where the marks of a chart stand. Numbers in, numbers out: templates draw the SVG.

Charts are drawn by the server and look the same without JavaScript and on paper; every
length is an SVG attribute, as the CSP allows no style in a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 480
HEIGHT: Final = 214
LEFT: Final = 38
RIGHT: Final = 8
TOP: Final = 12
BOTTOM: Final = 184
ROW: Final = 44
SERIES: Final = 4
"""How many fills there are; a tier beyond shares the last one."""
_LABELS: Final = 5
_TICKS: Final = (1, 2, 5)
_WIDEST: Final = 44


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across with its number."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Label:
    """A word below; `anchor` keeps the outer ones inside."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `series` picks its fill, `title` says what it stands for."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a line, and what it stands for."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """One horizontal bar with its name above it."""

    y: float
    width: float
    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything that stands in one chart."""

    ticks: list[Tick]
    labels: list[Label]
    bars: list[Bar]
    dots: list[Dot]
    lines: list[str]


def stacked(
    *,
    series: Mapping[str, Sequence[int]],
    names: Sequence[str],
    titles: Mapping[tuple[str, int], str],
) -> Plot:
    """Stacks each column's values, the first series at the bottom; 0 has no bar."""
    columns = len(names)
    sums = [sum(values[at] for values in series.values()) for at in range(columns)]
    top = _nice(max(sums, default=0))
    slot = (WIDTH - LEFT - RIGHT) / max(columns, 1)
    width = min(slot * 0.72, _WIDEST)
    bars: list[Bar] = []
    for column in range(columns):
        bottom = float(BOTTOM)
        for number, (name, values) in enumerate(series.items()):
            height = values[column] / top * (BOTTOM - TOP)
            if not height:
                continue
            bottom -= height
            bars.append(
                Bar(
                    x=_round(LEFT + slot * (column + 0.5) - width / 2),
                    y=_round(bottom),
                    width=_round(width),
                    height=_round(height),
                    series=min(number + 1, SERIES),
                    title=titles[name, column],
                )
            )
    return Plot(_ticks(top), _labels(names), bars, [], [])


def line(
    *, values: Sequence[float | None], names: Sequence[str], titles: Sequence[str]
) -> Plot:
    """Joins neighbours that have a value; a column without one is a gap."""
    top = _nice(max((value for value in values if value is not None), default=0))
    slot = (WIDTH - LEFT - RIGHT) / max(len(values), 1)
    dots: list[Dot] = []
    lines: list[str] = []
    run: list[str] = []
    for column, value in enumerate(values):
        if value is None:
            lines, run = _ended(lines, run), []
            continue
        x = _round(LEFT + slot * (column + 0.5))
        y = _round(BOTTOM - value / top * (BOTTOM - TOP))
        dots.append(Dot(x, y, titles[column]))
        run.append(f"{x},{y}")
    return Plot(_ticks(top), _labels(names), [], dots, _ended(lines, run))


def rows(values: Sequence[tuple[str, int]]) -> list[Row]:
    """Lays values out as bars from the top, the longest as wide as the chart."""
    most = max((value for _, value in values), default=0) or 1
    full = WIDTH - 2 * RIGHT
    return [
        Row(number * ROW, _round(max(value / most * full, 2)), name, value)
        for number, (name, value) in enumerate(values)
    ]


def _ended(lines: list[str], run: list[str]) -> list[str]:
    """One point alone is a dot, and no line."""
    return [*lines, " ".join(run)] if len(run) > 1 else lines


def _nice(most: float) -> int:
    """The first of 1, 2, 5, 10, 20, … that is high enough; 2 at least, to halve."""
    scale = 1
    while True:
        for step in _TICKS:
            if step * scale >= most and step * scale > 1:
                return step * scale
        scale *= 10


def _ticks(top: int) -> list[Tick]:
    """Bottom, top, and what divides between them in whole numbers."""
    parts = 5 if top % 5 == 0 else 2
    return [
        Tick(_round(BOTTOM - part / parts * (BOTTOM - TOP)), top * part // parts)
        for part in range(parts + 1)
    ]


def _labels(names: Sequence[str]) -> list[Label]:
    """As many as fit on a phone, counted from the last column, which is now."""
    slot = (WIDTH - LEFT - RIGHT) / max(len(names), 1)
    every = -(-len(names) // _LABELS)
    last = len(names) - 1
    return [
        Label(WIDTH - RIGHT, name, "end")
        if column == last and every > 1
        else Label(_round(LEFT + slot * (column + 0.5)), name, "middle")
        for column, name in enumerate(names)
        if (last - column) % every == 0
    ]


def _round(value: float) -> float:
    return round(value, 1)
