"""What a write-up says beside its text, and whose change of it wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that will be done; `due_on` is an ISO date or empty."""

    text: str
    owner: str
    due_on: str
    link: str
    is_done: bool


class Choice(Enum):
    """Whose answer stands after two people gave one."""

    STORED = "stored"
    MINE = "mine"
    CLASH = "clash"


def choose(*, mine: str, base: str, stored: str) -> Choice:
    """
    Says whose answer stands; all three are comparable texts, `base` what was shown.

    Only one of two changed it: theirs. Both did, differently: a clash.
    """
    if mine in (base, stored):
        return Choice.STORED
    return Choice.MINE if stored == base else Choice.CLASH


def in_words(*, items: Sequence[Item], why: str) -> str:
    """Returns action items, and the reason why there is none, as lines to read."""
    lines = []
    for item in items:
        details = ", ".join(filter(None, (item.owner, item.due_on, item.link)))
        box = "[x]" if item.is_done else "[ ]"
        lines.append(f"- {box} {item.text}" + (f" ({details})" if details else ""))
    return "\n".join([*lines, why.strip()]).strip()
