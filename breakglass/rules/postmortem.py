"""The write-up a closed grant owes: its deadline, its template, what it lacks."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_WORKDAYS: Final = 5
_FRIDAY: Final = 4
_HEADING: Final = re.compile(r"(#{1,6})[ \t]+(.*)")
_PLACEHOLDER: Final = re.compile(r"(?:(?:[-*+]|[0-9]{1,3}[.)])[ \t]+)?_[^_]+_")
_NAME: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_FENCES: Final = ("```", "~~~")
_SECTION_LEVEL: Final = 2


@dataclass(frozen=True, slots=True)
class ActionItemView:
    """One thing to do after the incident."""

    text: str
    done: bool


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


def missing_parts(
    *,
    body: str,
    action_items: Sequence[ActionItemView],
    no_action_reason: str,
    required_headings: Sequence[str],
) -> tuple[str, ...]:
    """
    Returns what still blocks publishing, in words; empty when nothing does.

    Each required `## Heading` needs text under it (a line or paragraph that is all
    `_italics_` is the template's, and does not count), and there must be an action
    item or a reason why there is none. Headings compare without case.
    """
    sections = _sections(body=body)
    missing = []
    for required in required_headings:
        heading = required.removeprefix("## ").strip()
        lines = sections.get(_name(heading=heading))
        if lines is None:
            missing.append(f'Add the heading "## {heading}".')
        elif not _has_text(lines=lines):
            missing.append(f'Write something under "{heading}".')
    if not no_action_reason.strip() and not any(
        item.text.strip() for item in action_items
    ):
        missing.append("Add an action item, or say why none is needed.")
    return tuple(missing)


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
        if line.startswith(_FENCES) and fence in ("", line[:3]):
            fence = "" if fence else line[:3]
            current.append("")
            continue
        found = None if fence else _HEADING.fullmatch(line)
        if found is None:
            current.append(line)
        elif len(found[1]) == _SECTION_LEVEL:
            current = sections.setdefault(_name(heading=found[2]), [])
            current.append("")
        elif len(found[1]) < _SECTION_LEVEL:
            current = []
        else:
            current.append("")
    return sections


def _name(*, heading: str) -> str:
    """Folds case and takes off closing hashes ("Impact ##", but not "C#")."""
    bare = heading.rstrip("#")
    return (bare if bare.endswith((" ", "\t")) else heading).strip().casefold()


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
