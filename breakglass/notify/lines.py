"""Foreign text made safe for one line, or quoted so that it cannot pose as ours."""

import unicodedata
from datetime import UTC, datetime
from typing import Final

from breakglass.texts import text

SUBJECT_MAX: Final = 200
_ELLIPSIS: Final = "…"

# Controls, format characters (which reverse or hide text), lone surrogates, and the
# line and paragraph separators. All of them could break a header or fake a line.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def line(value: str, *, most: int) -> str:
    """Returns `value` as one line of at most `most` characters, nothing invisible."""
    plain = "".join(
        " " if unicodedata.category(character) in _UNSAFE else character
        for character in value
    )
    return _clip(" ".join(plain.split()), most=most)


def subject(value: str) -> str:
    """Returns a subject without header injection, cut to its column's size."""
    return line(value, most=SUBJECT_MAX)


def quote(value: str, *, most: int = 600, most_lines: int = 12) -> str:
    """
    Returns what somebody wrote, each line behind `> `.

    The mark keeps a justification from imitating the rest of the message, say with a
    link of its own after "Decide here:". What is cut off stands on the page.
    """
    clipped = _clip(value.strip(), most=most)
    lines = [line(raw, most=most) for raw in clipped.splitlines()]
    if len(lines) > most_lines:
        lines = [*lines[:most_lines], _ELLIPSIS]
    return "\n".join(f"> {one}".rstrip() for one in lines) or text("> (nothing)")


def minute(moment: datetime) -> str:
    """Returns a moment as messages write it: `2026-11-22 02:41 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def clock(moment: datetime) -> str:
    """Returns a moment of today: `02:41 UTC`."""
    return moment.astimezone(UTC).strftime("%H:%M UTC")


def day(moment: datetime) -> str:
    """Returns a day: `2026-11-22`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d")


def _clip(value: str, *, most: int) -> str:
    return value if len(value) <= most else value[: most - 1].rstrip() + _ELLIPSIS
