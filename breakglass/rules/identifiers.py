"""What may be typed or sent: identifiers, free text, links, digests, bypass IDs."""

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

from breakglass.errors import InvalidInput
from breakglass.texts import Text, text, text_in

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


# The fields as people know them; any other keeps its name.
_FIELD_WORDS: Final[dict[str, Text]] = {
    said: said
    for said in (
        text_in("field", "gate"),
        text_in("field", "service"),
        text_in("field", "branch"),
        text_in("field", "artifact"),
        text_in("field", "justification"),
        text_in("field", "incident_url"),
        text_in("field", "comment"),
        text_in("field", "reason"),
        text_in("field", "name"),
        text_in("field", "slug"),
        text_in("field", "email"),
        text_in("field", "environment"),
        text_in("field", "data_class"),
        text_in("field", "body"),
        text_in("field", "action_items"),
        text_in("field", "no_action_reason"),
        text_in("field", "issuer"),
        text_in("field", "subject"),
    )
}


def field_word(field: str) -> str:
    """Returns a field's name, which pages show in the reader's language."""
    return _FIELD_WORDS.get(field, field)


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
        said = {"field": field_word(field), "most": IDENTIFIER_MAX, "marks": marks}
        if not value:
            refused = text(
                "%(field)s is empty: use 1 to %(most)s ASCII letters, digits and "
                "%(marks)s, starting with a letter or digit",
                **said,
            )
        else:
            refused = text(
                "%(field)s cannot be %(typed)s: use 1 to %(most)s ASCII letters, "
                "digits and %(marks)s, starting with a letter or digit",
                typed=_echo(value=value),
                **said,
            )
        raise InvalidInput(refused, field=field)
    return value


def check_text(value: str, *, field: str, minimum: int, maximum: int) -> str:
    """
    Returns free text for people, stripped, with CRLF turned into newline.

    `minimum` and `maximum` count characters after stripping, both inclusive.
    Raises InvalidInput for control characters (other than newline and tab), lone
    surrogates, direction overrides, and text that is too short or too long.
    """
    plain = value.replace("\r\n", "\n")
    for character in plain:
        if _is_hidden(character=character):
            raise InvalidInput(
                text(
                    "%(field)s contains the invisible character U+%(character)s: "
                    "remove it, or type the text again",
                    field=field_word(field),
                    character=f"{ord(character):04X}",
                ),
                field=field,
            )
    plain = plain.strip()  # only now: stripping would hide some control characters
    if len(plain) < minimum:
        raise InvalidInput(
            text(
                "%(field)s is too short (%(length)s of at least %(minimum)s "
                "characters)",
                field=field_word(field),
                length=len(plain),
                minimum=minimum,
            ),
            field=field,
        )
    if len(plain) > maximum:
        raise InvalidInput(
            text(
                "%(field)s is too long (%(length)s of at most %(maximum)s characters)",
                field=field_word(field),
                length=len(plain),
                maximum=maximum,
            ),
            field=field,
        )
    return plain


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
        raise InvalidInput(
            text(
                "%(field)s is longer than %(most)s characters",
                field=field_word(field),
                most=URL_MAX,
            ),
            field=field,
        )
    if any(_breaks_url(character=character) for character in value):
        raise InvalidInput(
            text(
                "%(field)s contains a space, a backslash or an invisible character",
                field=field_word(field),
            ),
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
            text(
                "%(field)s must be a full link that starts with https:// or http://",
                field=field_word(field),
            ),
            field=field,
        )
    if "@" in parts.netloc:
        raise InvalidInput(
            text(
                "%(field)s may not contain a user name or password",
                field=field_word(field),
            ),
            field=field,
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
