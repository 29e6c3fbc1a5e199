"""
One strict reading of JSON (RFC 8259) for everything that a gate sends.

The standard parser is lenient where a gate must not be: it takes NaN, other encodings
and the last of two equal keys, and deep nesting or endless digits make it raise what no
caller expects (security.md T27).
"""

import json
import math
from collections.abc import Sequence
from typing import Final, NoReturn

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

MAX_DEPTH: Final = 8
MAX_DIGITS: Final = 18
_SHOWN: Final = 40


class Malformed(ValueError):
    """The bytes are not the JSON that we read; the message says what is wrong."""


def parse(raw: bytes) -> Json:
    """
    Returns the value of one JSON document, or raises Malformed. Nothing else.

    UTF-8 without a byte order mark, no equal keys in one object, no NaN or Infinity,
    at most MAX_DEPTH levels and MAX_DIGITS characters a number, and no text that
    PostgreSQL cannot hold (NUL, lone surrogates). The caller bounds the length.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    _bound_depth(text)
    try:
        value: Json = _DECODER.decode(text)
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


def _bound_depth(text: str) -> None:
    """Counts brackets outside strings, before a parser recurses into them."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return  # however they nest; what a gate usually sends has one
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            else:
                in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                msg = f"the body is nested deeper than {MAX_DEPTH} levels"
                raise Malformed(msg)
        elif character in "]}":
            depth -= 1


def _object(pairs: Sequence[tuple[str, Json]]) -> Json:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            msg = f"the key {shown(key)} stands twice in one object"
            raise Malformed(msg)
        found[key] = value
    return found


def _integer(digits: str) -> int:
    _bound_digits(digits)
    return int(digits)


def _decimal(digits: str) -> float:
    _bound_digits(digits)
    number = float(digits)
    if not math.isfinite(number):
        msg = f"the number {shown(digits)} is too large"
        raise Malformed(msg)
    return number


def _bound_digits(digits: str) -> None:
    if len(digits) > MAX_DIGITS:
        msg = f"a number is longer than {MAX_DIGITS} characters"
        raise Malformed(msg)


def _constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise Malformed(msg)


def _check_text(value: Json) -> None:
    """Recurses at most MAX_DEPTH deep, which the brackets have been counted for."""
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            msg = f"the text {shown(value)} holds a NUL or half of a surrogate pair"
            raise Malformed(msg)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_decimal,
    parse_constant=_constant,
)
