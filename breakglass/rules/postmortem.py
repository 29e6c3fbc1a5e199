"""The write-up a closed grant owes: its deadline, its template, what it lacks."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from breakglass.rules.postmortem_body import FENCES, HEADING, SECTION_LEVEL, bare
from breakglass.texts import text

_WORKDAYS: Final = 5
_FRIDAY: Final = 4
_PLACEHOLDER: Final = re.compile(r"(?:(?:[-*+]|[0-9]{1,3}[.)])[ \t]+)?_[^_]+_")
_NAME: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_DAY: Final = timedelta(days=1)
GATE: Final = "#gate"
ITEMS: Final = "#items"


@dataclass(frozen=True, slots=True)
class ActionItemView:
    """One thing to do after the incident."""

    text: str
    done: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """
    One thing that publishing waits for.

    `key` is the section's name in small letters, or GATE or ITEMS; `is_there` says
    whether the heading stands in the text already.
    """

    key: str
    heading: str
    is_there: bool


def due_at(*, opened_at: datetime, business_days: int) -> datetime:
    """
    Returns when the post-mortem is due, in UTC, at the same time of day.

    Saturdays and Sundays in UTC do not count (public holidays do). `opened_at` is
    aware. No days, or fewer, means due at once.
    """
    opened = opened_at.astimezone(UTC)
    if business_days < 1:
        return opened
    # From a weekend count as from its Friday: one day on is Monday.
    start = opened - timedelta(days=max(0, opened.weekday() - _FRIDAY))
    weeks, days = divmod(business_days, _WORKDAYS)
    if start.weekday() + days > _FRIDAY:
        days += 2
    return start + timedelta(weeks=weeks, days=days)


def business_days_between(*, start: datetime, end: datetime) -> int:
    """
    Returns how many whole business days lie between two moments; 0 when none does.

    Counted as `due_at` counts: so many days after `start` is at or before `end`.
    """
    whole = max(0, (end - start) // _DAY)
    days = max(0, whole * _WORKDAYS // 7 - 2)
    while days < whole and due_at(opened_at=start, business_days=days + 1) <= end:
        days += 1
    return days


def reminders_due(*, due_at: datetime, now: datetime) -> int:
    """Returns how many daily reminders an unpublished one has earned by now."""
    return max(0, (now - due_at) // _DAY)


def is_soon(*, opens_at: datetime, due_at: datetime, now: datetime) -> bool:
    """
    Says whether the last 24 hours before the deadline have begun, and not ended.

    Never where it opened within them: the message about the opening said it all.
    """
    soon_at = due_at - _DAY
    return opens_at < soon_at <= now < due_at


def missing(
    *,
    body: str,
    action_items: Sequence[ActionItemView],
    no_action_reason: str,
    required_headings: Sequence[str],
    gate_blamed: str,
) -> tuple[Missing, ...]:
    """
    Returns what still blocks publishing; empty when nothing does.

    Each required `## Heading` needs text under it (a line or paragraph that is all
    `_italics_` is the template's, and does not count), somebody must have said
    whether the gate was at fault, and there must be an action item or a reason why
    there is none. Headings compare without case.
    """
    sections = _sections(body=body)
    found = []
    for required in required_headings:
        heading = required.removeprefix("## ").strip()
        lines = sections.get(_name(heading=heading))
        if heading and (lines is None or not _has_text(lines=lines)):
            found.append(Missing(_name(heading=heading), heading, lines is not None))
    if not gate_blamed:
        found.append(Missing(GATE, "", is_there=False))
    if not no_action_reason.strip() and not any(
        item.text.strip() for item in action_items
    ):
        found.append(Missing(ITEMS, "", is_there=False))
    return tuple(found)


def in_words(missing: Missing) -> str:
    """Returns one missing part as an instruction, in plain English."""
    if missing.key == GATE:
        return text("Say whether the gate was at fault.")
    if missing.key == ITEMS:
        return text("Add at least one action item, or say why there is none.")
    if missing.key == "summary" and missing.is_there:
        return text("Write a summary.")
    if missing.is_there:
        return text('Write something under "%(heading)s".', heading=missing.heading)
    return text('Add the heading "## %(heading)s".', heading=missing.heading)


def prefill(*, template: str, values: Mapping[str, str]) -> str:
    """
    Returns the template with each `${name}` replaced by its value.

    Unknown names and any other `$` stay as they are. One pass: what looks like a
    name inside a value is never expanded.
    """
    return _NAME.sub(lambda found: values.get(found[1], found[0]), template)


def _sections(*, body: str) -> dict[str, list[str]]:
    """
    Returns the lines under each `## ` heading, by its folded name.

    Deeper headings belong to the section but are no text; a `# ` heading ends it.
    What stands in a code fence is text and never a heading.
    """
    sections: dict[str, list[str]] = {}
    current: list[str] = []  # what stands before the first heading is dropped
    fence = ""
    for raw in body.splitlines():
        line = raw.strip()
        if line.startswith(FENCES) and fence in ("", line[:3]):
            fence = "" if fence else line[:3]
            current.append("")
            continue
        found = None if fence else HEADING.fullmatch(line)
        if found is None:
            current.append(line)
        elif len(found[1]) == SECTION_LEVEL:
            current = sections.setdefault(_name(heading=found[2]), [])
            current.append("")
        elif len(found[1]) < SECTION_LEVEL:
            current = []
        else:
            current.append("")
    return sections


def _name(*, heading: str) -> str:
    """Folds case and takes off closing hashes ("Impact ##", but not "C#")."""
    return bare(heading=heading).casefold()


def _has_text(*, lines: Sequence[str]) -> bool:
    """Says whether a paragraph holds a letter or digit beside placeholders."""
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line:
            paragraphs[-1].append(line)
        else:
            paragraphs.append([])
    return any(_is_own_text(paragraph=paragraph) for paragraph in paragraphs)


def _is_own_text(*, paragraph: Sequence[str]) -> bool:
    if _PLACEHOLDER.fullmatch(" ".join(paragraph)):
        return False
    own = (line for line in paragraph if not _PLACEHOLDER.fullmatch(line))
    return any(character.isalnum() for line in own for character in line)
