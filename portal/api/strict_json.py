"""
One strict reading of JSON (RFC 8259) for everything that a gate sends.

The standard parser is lenient where a gate must not be: it takes NaN, other encodings
and the last of two equal keys, and deep nesting or endless digits make it raise what no
caller expects (security.md T27).
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

MAX_DEPTH: Final = 8
MAX_DIGITS: Final = 18
MAX_OPENED: Final = 200_000
"""Lists and objects in one document, also in its texts: counting them takes time."""

_SHOWN: Final = 40
# The last quote may be missing: what follows is then text, and the parser says so.
_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")
_UNHELD: Final = re.compile("[\x00\ud800-\udfff]")


class Malformed(ValueError):
    """The bytes are not the JSON that we read; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How deep a document may nest, and how many characters a number may have."""

    depth: int = MAX_DEPTH
    digits: int = MAX_DIGITS


def parse(raw: bytes) -> Json:
    """
    Returns the value of one JSON document, or raises Malformed. Nothing else.

    UTF-8 without a byte order mark, no equal keys in one object, no NaN or Infinity,
    at most MAX_DEPTH levels and MAX_DIGITS characters a number, and no text that
    PostgreSQL cannot hold (NUL, lone surrogates). The caller bounds the length.
    """
    return _parse(raw, depth=MAX_DEPTH, decode=_DECODER.decode)


def parse_within(raw: bytes, limits: Limits) -> Json:
    """Does the same within other limits, for languages that nest deeper than ours."""
    decode = _decoder(digits=limits.digits).decode
    return _parse(raw, depth=limits.depth, decode=decode)


def _parse(raw: bytes, *, depth: int, decode: Callable[[str], Any]) -> Json:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    _bound_depth(text, most=depth)
    try:
        value: Json = decode(text)
    except json.JSONDecodeError as exc:
        raise Malformed(
            f"the body is not JSON: {exc.msg.lower()} at character {exc.pos + 1}"
        ) from None
    if not text.isascii() or "\\u" in text:
        _check_text(value)  # else it cannot hold what is looked for
    return value


def shown(text: str) -> str:
    """Returns what was sent, as ASCII and bounded, so that an error may name it."""
    quoted = ascii(text[:_SHOWN])
    return quoted if len(text) <= _SHOWN else f"{quoted}..."


def _bound_depth(text: str, *, most: int) -> None:
    """Counts brackets outside strings, before a parser recurses into them."""
    opened = text.count("[") + text.count("{")
    if opened <= most:
        return  # however they nest; what a gate usually sends has one
    if opened > MAX_OPENED:
        msg = f"the body opens more than {MAX_OPENED} lists and objects"
        raise Malformed(msg)
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > most:
            msg = f"the body is nested deeper than {most} levels"
            raise Malformed(msg)


def _object(pairs: Sequence[tuple[str, Json]]) -> Json:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            msg = f"the key {shown(key)} stands twice in one object"
            raise Malformed(msg)
        found[key] = value
    return found


def _decoder(*, digits: int) -> json.JSONDecoder:
    def bound(number: str) -> str:
        if len(number) > digits:
            msg = f"a number is longer than {digits} characters"
            raise Malformed(msg)
        return number

    def decimal(number: str) -> float:
        found = float(bound(number))
        if not math.isfinite(found):
            msg = f"the number {shown(number)} is too large"
            raise Malformed(msg)
        return found

    return json.JSONDecoder(
        object_pairs_hook=_object,
        parse_int=lambda number: int(bound(number)),
        parse_float=decimal,
        parse_constant=_constant,
    )


def _constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise Malformed(msg)


def _check_text(value: Json) -> None:
    """Recurses no deeper than the brackets were counted to go."""
    if isinstance(value, str):
        if _UNHELD.search(value):
            msg = f"the text {shown(value)} holds a NUL or half of a surrogate pair"
            raise Malformed(msg)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)


_DECODER: Final = _decoder(digits=MAX_DIGITS)
