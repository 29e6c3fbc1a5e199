"""The sections of a write-up as fields: one text each, and the timeline's lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.http import QueryDict

from breakglass.errors import InvalidInput
from breakglass.models import PostMortem
from breakglass.rules import postmortem_timeline as timeline
from breakglass.rules.postmortem_body import Clash, Edit, base_of, digest, split
from breakglass.rules.postmortem_timeline import Line
from portal.http.errors import refusal

MAX_SECTIONS: Final = 60
MAX_LINES: Final = 100


@dataclass
class OwnLine:
    """A line that somebody wrote into the timeline, as the form has it."""

    when: str
    what: str
    error: str = ""


@dataclass
class SectionField:
    """One section: what is typed, what was shown, and what another one saved."""

    number: int
    key: str
    heading: str
    base: str
    text: str
    is_facts: bool = False
    is_timeline: bool = False
    signed: list[tuple[Line, bool]] = field(default_factory=list)
    own: list[OwnLine] = field(default_factory=list)
    theirs: str = ""
    said: str = ""

    @property
    def element(self) -> str:
        """The id of its text."""
        return f"section-{self.number}"


class Sections:
    """All of them, in the order of the text."""

    def __init__(
        self, fields: list[SectionField], hidden: tuple[int, ...] = ()
    ) -> None:
        self.fields, self.hidden = fields, hidden

    @classmethod
    def of(
        cls, *, postmortem: PostMortem, body: str, signed: Sequence[Line]
    ) -> "Sections":
        """Shows a text section by section; the title alone is not for editing."""
        facts = {part.key for part in split(postmortem.template) if "${" in part.text}
        made: list[SectionField] = []
        for part in split(body):
            if part.is_title and body.strip():
                continue
            one = SectionField(
                number=len(made),
                key=part.key,
                heading=part.heading,
                base=base_of(section=part, hidden=postmortem.hidden_lines),
                text=part.shown,
                is_facts=part.key in facts,
            )
            if timeline.stands_in(part.text):
                _open_timeline(one, signed, postmortem.hidden_lines)
            made.append(one)
        return cls(made, tuple(postmortem.hidden_lines))

    def posted(self, data: QueryDict) -> "Sections":
        """
        Returns what was sent, over what is stored.

        Three lists run side by side: `section` (its key), `base` and `body`.
        """
        known = {one.key: one for one in self.fields}
        sent = zip(
            data.getlist("section"),
            data.getlist("base"),
            data.getlist("body"),
            strict=False,
        )
        hidden = tuple(int(seq) for seq in data.getlist("hide") if _is_number(seq))
        made = []
        for number, (key, base, text) in enumerate(list(sent)[:MAX_SECTIONS]):
            old = known.get(key)
            one = SectionField(
                number=number,
                key=key,
                heading=old.heading if old else key.partition("#")[0].capitalize(),
                base=base,
                text=text.replace("\r\n", "\n"),
                is_facts=old.is_facts if old else False,
                is_timeline=old.is_timeline if old else False,
            )
            if one.is_timeline and old:
                one.signed = [(line, line.seq in hidden) for line, _is in old.signed]
                one.own = _own_of(data)
            made.append(one)
        return Sections(made, hidden) if made else self

    def is_valid(self) -> bool:
        """Whether each line of the timeline says when and what."""
        for one in self.fields:
            for line in one.own:
                if not (line.when or line.what):
                    continue
                try:
                    line.when = timeline.check_when(line.when)
                    line.error = "" if line.what else "say what happened then"
                except InvalidInput as error:
                    line.error = refusal(error)
        return not self.problems()

    def problems(self) -> list[tuple[str, str]]:
        """Returns what is wrong, and the element that it is about."""
        return [
            (f"when-{number}", line.error)
            for one in self.fields
            for number, line in enumerate(one.own)
            if line.error
        ]

    def edits(self) -> list[Edit]:
        """Returns the sections as the service takes them."""
        return [
            Edit(
                key=one.key,
                heading=one.heading,
                base=one.base,
                text=one.text,
                lines=_lines(one) if one.is_timeline else None,
                hidden=self.hidden if one.is_timeline else (),
            )
            for one in self.fields
        ]

    def clashed(self, clash: Clash, said: str) -> None:
        """Shows the other text beside mine; the next save stands on the other."""
        for one in self.fields:
            if one.key == clash.key:
                one.theirs, one.said = clash.theirs, said
                one.base = digest(clash.theirs)

    def rebased(self, stored: "Sections") -> None:
        """Where a timeline clashed, what it is compared with is not its text."""
        bases = {one.key: one.base for one in stored.fields}
        for one in self.fields:
            if one.said:
                one.base = bases.get(one.key, one.base)

    def target(self, key: str) -> str:
        """Returns the element of a section, or of the first one."""
        found = [one.element for one in self.fields if one.key == key]
        return found[0] if found else "editor"


def _open_timeline(
    one: SectionField, signed: Sequence[Line], hidden: Sequence[int]
) -> None:
    lines, note = timeline.read(one.text)
    one.is_timeline, one.is_facts, one.text = True, False, note
    one.signed = [(line, line.seq in hidden) for line in signed]
    own = [OwnLine(line.when, line.what) for line in lines if not line.seq]
    one.own = [*own, OwnLine("", "")]


def _own_of(data: QueryDict) -> list[OwnLine]:
    pairs = zip(data.getlist("line-when"), data.getlist("line-what"), strict=False)
    rows = [OwnLine(when.strip(), " ".join(what.split())) for when, what in pairs]
    written = [row for row in rows[:MAX_LINES] if row.when or row.what]
    return [*written, OwnLine("", "")]


def _lines(one: SectionField) -> tuple[Line, ...]:
    return tuple(Line(line.when, line.what) for line in one.own if line.what)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < len(str(2**63))
