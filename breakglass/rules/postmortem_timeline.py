"""The timeline of a write-up: a table of lines that the log vouches for, and others."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from breakglass.errors import InvalidInput
from breakglass.texts import text

HEADER: Final = "| When | What | Log |"
RULE: Final = "|---|---|---|"
_COLUMNS: Final = 3
_CELLS: Final = re.compile(r"(?<!\\)\|")
_ENTRY: Final = re.compile(r"entry ([0-9]{1,18})")
_WHEN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:\.\d+)?(?: ?UTC|Z)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Line:
    """What happened when. `seq` is the audit entry behind it; 0: somebody's own."""

    when: str
    what: str
    seq: int = 0


def stands_in(text: str) -> bool:
    """Says whether the text has a timeline's table."""
    return any(line.strip() == HEADER for line in text.splitlines())


def read(text: str) -> tuple[tuple[Line, ...], str]:
    """Returns the lines of the table, and the text around it without empty ends."""
    lines: list[Line] = []
    around: list[str] = []
    inside = False
    for raw in text.splitlines():
        line = raw.strip()
        cells = _cells(line) if inside else None
        if line == HEADER and not lines:
            inside = True
        elif inside and line == RULE:
            continue
        elif cells is not None:
            entry = _ENTRY.fullmatch(cells[2])
            lines.append(Line(cells[0], cells[1], int(entry[1]) if entry else 0))
        else:
            inside = False
            around.append(raw)
    return tuple(lines), "\n".join(around).strip("\n")


def write(*, lines: Sequence[Line], note: str) -> str:
    """Returns the table by time, and the note below it."""
    ordered = sorted(lines, key=lambda line: (line.when, line.seq))
    rows = [
        f"| {_cell(line.when)} | {_cell(line.what)} | {_log(line.seq)}|"
        for line in ordered
    ]
    table = "\n".join([HEADER, RULE, *rows])
    return f"{table}\n\n{note}" if note else table


def check_when(value: str) -> str:
    """
    Returns a typed moment as the table has it: `2026-11-25 02:04:00 UTC`.

    Raises InvalidInput for anything but a date and a time of day, with or without
    seconds.
    """
    found = _WHEN.fullmatch(value.strip())
    spelled = f"{found[1]} {found[2]}{found[3] or ':00'}" if found else ""
    try:
        moment = datetime.strptime(spelled, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        msg = text("write the time in UTC as 2026-11-25 02:04")
        raise InvalidInput(msg, field="timeline") from error
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _cells(line: str) -> tuple[str, str, str] | None:
    if not (line.startswith("|") and line.endswith("|")) or len(line) < _COLUMNS + 1:
        return None
    cells = [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line[1:-1])]
    return (cells[0], cells[1], cells[2]) if len(cells) == _COLUMNS else None


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _log(seq: int) -> str:
    return f"entry {seq} " if seq else ""
