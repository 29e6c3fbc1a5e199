"""A write-up as its sections: cut at `## ` headings, put together again, merged."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from breakglass.errors import Conflict
from breakglass.rules import postmortem_timeline as timeline
from breakglass.rules.postmortem_timeline import Line

HEADING: Final = re.compile(r"(#{1,6})[ \t]+(.*)")
FENCES: Final = ("```", "~~~")
SECTION_LEVEL: Final = 2
DIGEST_LENGTH: Final = 16
_TITLE_ALONE: Final = re.compile(r"\s*(#[ \t][^\n]*)?\s*")


@dataclass(frozen=True, slots=True)
class Section:
    """
    A heading's raw line and the raw text below it.

    The first one, with an empty key, is what stands before any `## ` heading.
    """

    key: str
    heading: str
    head: str
    text: str

    @property
    def shown(self) -> str:
        """The text without the empty lines around it, as an editor shows it."""
        return self.text.strip("\n")

    @property
    def is_title(self) -> bool:
        """True when it is nothing but the `# ` title of the whole, or empty."""
        return not self.key and _TITLE_ALONE.fullmatch(self.text) is not None


@dataclass(frozen=True, slots=True)
class Edit:
    """
    One section as somebody sends it, and `base`: the digest of what they were shown.

    `lines` are their own lines when the section is the timeline, and `hidden` the
    entries that they leave out of it; the text then is what stands below the table.
    """

    key: str
    heading: str
    base: str
    text: str
    lines: tuple[Line, ...] | None = None
    hidden: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """Two people wrote the same section: both texts, so that nothing is lost."""

    key: str
    heading: str
    mine: str
    theirs: str


class SectionClash(Conflict):
    """Somebody changed the same sections meanwhile; nothing was stored."""

    code = "section_clash"

    def __init__(self, *, clashes: Sequence[Clash]) -> None:
        super().__init__("somebody else saved what you changed; nothing is lost")
        self.clashes = tuple(clashes)


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to be stored, if nothing clashes."""

    body: str
    hidden: tuple[int, ...]
    clashes: tuple[Clash, ...]


def split(body: str) -> tuple[Section, ...]:
    """
    Returns the sections in order; their heads and texts joined are the body again.

    A key is the heading in small letters, with its number when it stands twice. What
    stands in a code fence is no heading.
    """
    heads, texts, fence = [""], [""], ""
    for raw in body.splitlines(keepends=True):
        line = raw.strip()
        if line.startswith(FENCES) and fence in ("", line[:3]):
            fence = "" if fence else line[:3]
        found = None if fence else HEADING.fullmatch(line)
        if found is not None and len(found[1]) == SECTION_LEVEL:
            heads.append(raw)
            texts.append("")
        else:
            texts[-1] += raw
    seen: Counter[str] = Counter()
    made = []
    for head, text in zip(heads, texts, strict=True):
        heading = bare(heading=head.strip().removeprefix("##").strip())
        key = heading.casefold()
        seen[key] += 1
        numbered = f"{key}#{seen[key]}" if seen[key] > 1 else key
        made.append(Section(numbered if head else "", heading, head, text))
    return tuple(made)


def bare(*, heading: str) -> str:
    """Takes off closing hashes ("Impact ##", but not "C#")."""
    cut = heading.rstrip("#")
    return (cut if cut.endswith((" ", "\t")) else heading).strip()


def digest(text: str) -> str:
    """Returns what tells one state of a section from another."""
    return sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


def base_of(*, section: Section, hidden: Sequence[int]) -> str:
    """Returns the digest that an editor takes along: of what a person may change."""
    if not timeline.stands_in(section.text):
        return digest(section.shown)
    lines, note = timeline.read(section.text)
    own = [line for line in lines if not line.seq]
    return _timeline_digest(own=own, hidden=hidden, note=note)


def merge(
    *,
    body: str,
    hidden: Sequence[int],
    edits: Sequence[Edit],
    signed: Sequence[Line],
) -> Merged:
    """
    Puts what one person changed into what is stored by now, section by section.

    A section that only one of two people changed takes that change. One that both
    changed differently is a clash. A section that is gone meanwhile comes back at the
    end when it was changed. `signed` are the lines that the log vouches for: they
    are written into the timeline anew, whatever the text said.
    """
    stored = {section.key: section for section in split(body)}
    texts: dict[str, str] = {}
    added: list[Edit] = []
    clashes: list[Clash] = []
    kept = tuple(sorted(set(hidden)))
    for edit in edits:
        mine, section = _plain(edit.text), stored.get(edit.key)
        if section is None:
            if digest(mine) != edit.base:
                added.append(edit)
        elif edit.lines is not None and timeline.stands_in(section.text):
            changed = _timeline_digest(own=edit.lines, hidden=edit.hidden, note=mine)
            stands = base_of(section=section, hidden=kept)
            shown = _seen(signed=signed, hidden=edit.hidden)
            ours = timeline.write(lines=[*shown, *edit.lines], note=mine)
            theirs = _with_signed(section=section, signed=signed, hidden=kept)
            if changed in (edit.base, stands):
                texts[edit.key] = theirs
            elif stands == edit.base:
                texts[edit.key], kept = ours, tuple(sorted(set(edit.hidden)))
            else:
                clashes.append(Clash(edit.key, edit.heading, ours, theirs))
        elif digest(mine) not in (edit.base, digest(section.shown)):
            if digest(section.shown) == edit.base:
                texts[edit.key] = mine
            else:
                clashes.append(Clash(edit.key, edit.heading, mine, section.shown))
    return Merged(
        _composed(sections=stored.values(), texts=texts, added=added),
        kept,
        tuple(clashes),
    )


def _with_signed(
    *, section: Section, signed: Sequence[Line], hidden: Sequence[int]
) -> str:
    lines, note = timeline.read(section.text)
    own = [line for line in lines if not line.seq]
    return timeline.write(lines=[*_seen(signed=signed, hidden=hidden), *own], note=note)


def _seen(*, signed: Sequence[Line], hidden: Sequence[int]) -> list[Line]:
    return [line for line in signed if line.seq not in hidden]


def _timeline_digest(*, own: Sequence[Line], hidden: Sequence[int], note: str) -> str:
    lines = sorted((line.when, line.what) for line in own)
    return digest(repr((lines, sorted(set(hidden)), note)))


def _composed(
    *, sections: Iterable[Section], texts: Mapping[str, str], added: Sequence[Edit]
) -> str:
    """Untouched sections stay as they are, to the byte."""
    parts: list[str] = []
    for section in sections:
        if section.key in texts and texts[section.key] != section.shown:
            parts += _written(head=section.head.strip(), text=texts[section.key])
        else:
            parts += [section.head, section.text]
    for edit in added:
        if parts and not "".join(parts).endswith("\n\n"):
            parts.append("\n\n")
        parts += _written(head=f"## {edit.heading}", text=_plain(edit.text))
    return "".join(parts)


def _written(*, head: str, text: str) -> list[str]:
    """An open code fence is closed, or it would swallow the next heading."""
    fence = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith(FENCES) and fence in ("", line[:3]):
            fence = "" if fence else line[:3]
    closed = f"{text}\n{fence}" if fence else text
    return [f"{head}\n\n" if head else "", f"{closed}\n\n" if closed else ""]


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip("\n")
