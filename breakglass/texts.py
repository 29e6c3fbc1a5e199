"""
What the domain says to people: English, and all that is needed to say it otherwise.

A `Text` *is* its English, so whatever stores, signs, logs or sends it has English
bytes without thinking of it. Only `translated`, and a page that shows it, ask for the
language of whoever reads. Rules and services make texts (docs/translation.md).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from django.utils import translation
from django.utils.html import escape


class Text(str):
    """One sentence or word: English as a string, with what it was made from."""

    __slots__ = ("context", "is_lower", "many", "one", "values")

    one: str
    many: str
    context: str
    values: Mapping[str, object]
    is_lower: bool

    def __new__(
        cls,
        one: str,
        many: str = "",
        context: str = "",
        values: Mapping[str, object] | None = None,
        is_lower: bool = False,  # noqa: FBT001, FBT002 - also made by pickle
    ) -> Self:
        """Makes it; `many` is the English plural, chosen by the value `count`."""
        values = values or {}
        pattern = many if many and values["count"] != 1 else one
        english = pattern % values if values else pattern
        made = super().__new__(cls, english.lower() if is_lower else english)
        made.one, made.many, made.context, made.values = one, many, context, values
        made.is_lower = is_lower
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Lets it be copied and pickled."""
        return (self.one, self.many, self.context, self.values, self.is_lower)

    def lower(self) -> Self:
        """Returns it for the middle of a sentence, in whichever language."""
        return type(self)(self.one, self.many, self.context, self.values, is_lower=True)

    def __html__(self) -> str:
        """Shown in a page, it speaks the reader's language."""
        return escape(translated(self))


def text(message: str, /, **values: object) -> Text:
    """Returns `message` with each %(name)s replaced by a value; values may be texts."""
    return Text(message, values=values)


def text_in(context: str, message: str, /, **values: object) -> Text:
    """Returns a text whose English has several meanings; `context` tells them apart."""
    return Text(message, context=context, values=values)


def plural(one: str, many: str, /, *, count: int, **values: object) -> Text:
    """Returns the text for a number: "%(count)s person" or "%(count)s people"."""
    return Text(one, many=many, values={"count": count, **values})


def joined(parts: Sequence[str], *, between: str) -> Text:
    """Returns texts one after the other, with only marks or blanks between them."""
    names = [f"part_{number}" for number in range(len(parts))]
    pattern = between.join(f"%({name})s" for name in names)
    return Text(pattern, values=dict(zip(names, parts, strict=True)))


def any_of(words: Sequence[str]) -> str:
    """Returns ["a", "b", "c"] as "a, b or c"."""
    if len(words) <= 1:
        return words[0] if words else ""
    first = joined(words[:-1], between=", ")
    return text("%(people)s or %(last)s", people=first, last=words[-1])


def all_of(words: Sequence[str]) -> str:
    """Returns ["a", "b", "c"] as "a, b and c"."""
    if len(words) <= 1:
        return words[0] if words else ""
    first = joined(words[:-1], between=", ")
    return text("%(people)s and %(last)s", people=first, last=words[-1])


def translated(said: object) -> str:
    """
    Returns what was said in the active language: a text, or an error made of one.

    Anything else is returned as it stands. A translation that cannot be filled in is
    passed over for English: nobody is left without an answer over a misprint.
    """
    if isinstance(said, Exception):
        said = said.args[0] if said.args else ""
    if not isinstance(said, Text):
        return str(said)
    shown = _pattern(said)
    if said.values:
        values = {name: _value(value) for name, value in said.values.items()}
        try:
            shown %= values
        except (KeyError, TypeError, ValueError):
            return str(said)
    return shown.lower() if said.is_lower else shown


def _pattern(said: Text) -> str:
    if said.many:
        return translation.ngettext(said.one, said.many, _count(said))
    if said.context:
        return translation.pgettext(said.context, said.one)
    return translation.gettext(said.one)


def _count(said: Text) -> int:
    count = said.values["count"]
    return count if isinstance(count, int) else 0


def _value(value: object) -> object:
    return translated(value) if isinstance(value, Text) else value
