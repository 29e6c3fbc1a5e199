"""Numbers out of addresses and forms, where anybody may write anything."""

from typing import Final

_DIGITS: Final = 18  # a bigint has no more, and int() of thousands raises


def whole(text: str) -> int | None:
    """Returns the number that the text is; None for whatever else it is."""
    known = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if known else None
