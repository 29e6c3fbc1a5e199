"""
What the domain says to people: English, and all that is needed to say it otherwise.

A `Text` *is* its English, so whatever stores, signs, logs or sends it has English
bytes without thinking of it. Only `translated`, and a page that shows it, ask for the
language of whoever reads. Rules and services make texts (docs/translation.md).
"""

from collections.abc import Mapping
from typing import Any, Self

from django.utils import translation
from django.utils.html import escape


class Text(str):
    """One sentence or word: English as a string, with what it was made from."""

    __slots__ = ("context", "many", "one", "values")

    one: str
    many: str
    context: str
    values: Mapping[str, object]

    def __new__(
        cls,
        one: str,
        many: str = "",
        context: str = "",
        values: Mapping[str, object] | None = None,
    ) -> Self:
        """Makes it; `many` is the English plural, chosen by the value `count`."""
        values = values or {}
        pattern = many if many and values["count"] != 1 else one
        made = super().__new__(cls, pattern % values if values else pattern)
        made.one, made.many, made.context, made.values = one, many, context, values
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Lets it be copied and pickled."""
        return (self.one, self.many, self.context, self.values)

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
    pattern = _pattern(said)
    if not said.values:
        return pattern
    values = {name: _value(value) for name, value in said.values.items()}
    try:
        return pattern % values
    except (KeyError, TypeError, ValueError):
        return str(said)


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
