"""What may be typed or sent: identifiers, free text, links, digests, bypass IDs."""

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

from breakglass.errors import InvalidInput

IDENTIFIER_MAX: Final = 200
URL_MAX: Final = 500
ECHO_MAX: Final = 40
BYPASS_ID_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# Each is one bounded character class, so none can backtrack. Always `fullmatch`:
# `$` would let a trailing newline through.
_WITH_SLASH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@+-]{0,199}", re.ASCII)
_WITHOUT_SLASH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,199}", re.ASCII)
_ARTIFACT: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_BYPASS_ID: Final = re.compile(rf"BG-[{BYPASS_ID_ALPHABET}]{{6}}", re.ASCII)

# Embeddings, overrides and isolates: they can make a page show other words than
# the approver signs. Plain left-to-right and right-to-left marks are harmless.
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PLAIN_CONTROLS: Final = frozenset("\n\t")


def check_identifier(value: str, *, field: str, slash: bool = True) -> str:
    """
    Returns `value` unchanged when it is an identifier (design.md section 6).

    ASCII letters, digits and `._/:@+-`, the first a letter or digit, 1 to 200
    characters; `slash=False` (deploy ids) takes the `/` away. Nothing is stripped
    or folded: two spellings are two names (security.md T9).
    Raises InvalidInput, naming the field and what is allowed.
    """
    pattern = _WITH_SLASH if slash else _WITHOUT_SLASH
    if pattern.fullmatch(value) is None:
        marks = ". _ / : @ + -" if slash else ". _ : @ + -"
        refused = "is empty" if not value else f"cannot be {_echo(value=value)}"
        raise InvalidInput(
            f"{field} {refused}: use 1 to {IDENTIFIER_MAX} ASCII letters, digits "
            f"and {marks}, starting with a letter or digit",
            field=field,
        )
    return value


def check_text(value: str, *, field: str, minimum: int, maximum: int) -> str:
    """
    Returns free text for people, stripped, with CRLF turned into newline.

    `minimum` and `maximum` count characters after stripping, both inclusive.
    Raises InvalidInput for control characters (other than newline and tab), lone
    surrogates, direction overrides, and text that is too short or too long.
    """
    text = value.replace("\r\n", "\n")
    for character in text:
        if _is_hidden(character=character):
            raise InvalidInput(
                f"{field} contains the invisible character U+{ord(character):04X}: "
                "remove it, or type the text again",
                field=field,
            )
    text = text.strip()  # only now: stripping would hide some control characters
    if len(text) < minimum:
        raise InvalidInput(
            f"{field} is too short ({len(text)} of at least {minimum} characters)",
            field=field,
        )
    if len(text) > maximum:
        raise InvalidInput(
            f"{field} is too long ({len(text)} of at most {maximum} characters)",
            field=field,
        )
    return text


def check_url(value: str, *, field: str) -> str:
    """
    Returns a link unchanged, or "" for none.

    Only http and https, with a host, without credentials, at most 500 characters,
    no white space, control characters or backslashes (browsers read `\\` as `/`).
    Raises InvalidInput otherwise.
    """
    if not value:
        return ""
    if len(value) > URL_MAX:
        raise InvalidInput(f"{field} is longer than {URL_MAX} characters", field=field)
    if any(_breaks_url(character=character) for character in value):
        raise InvalidInput(
            f"{field} contains a space, a backslash or an invisible character",
            field=field,
        )
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and parts.port != 0  # reading the port also checks it
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:
        raise InvalidInput(
            f"{field} must be a full link that starts with https:// or http://",
            field=field,
        )
    if "@" in parts.netloc:
        raise InvalidInput(
            f"{field} may not contain a user name or password", field=field
        )
    return value


def check_digest(value: str, *, field: str) -> str:
    """
    Returns the artefact's digest unchanged, or "" for any artefact.

    Any identifier will do here; `is_artifact_digest` is the stricter question.
    Raises InvalidInput when it is neither empty nor an identifier.
    """
    return check_identifier(value, field=field) if value else ""


def is_artifact_digest(value: str) -> bool:
    """Says whether `value` is `sha256:` and 64 lower-case hex digits, exactly."""
    return _ARTIFACT.fullmatch(value) is not None


def is_bypass_id(value: str) -> bool:
    """Says whether `value` is `BG-` and 6 upper-case Crockford base32 characters."""
    return _BYPASS_ID.fullmatch(value) is not None


def _echo(*, value: str) -> str:
    """Returns what was typed, quoted, escaped to ASCII, at most ECHO_MAX long."""
    shown = ascii(value[:ECHO_MAX])
    return shown if len(shown) <= ECHO_MAX else shown[: ECHO_MAX - 3] + "..."


def _is_hidden(*, character: str) -> bool:
    if character in _PLAIN_CONTROLS:
        return False
    return character in _BIDI or unicodedata.category(character) in ("Cc", "Cs")


def _breaks_url(*, character: str) -> bool:
    if character == "\\" or character.isspace():
        return True
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")
