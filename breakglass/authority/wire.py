"""
Strict readers for what arrives from outside.

Every function here either returns a value of the promised type or raises `Refused`
with status 400, so that malformed input can never surface as a server error.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Final, NoReturn, TypeAlias, cast

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from breakglass.authority.errors import Refused

JsonObject: TypeAlias = dict[str, object]

# A bundle of the portal is about 5 kB; the cap leaves room for large predicates.
MAX_BODY_BYTES: Final = 512 * 1024

# What the cryptography library raises for a certificate or a CSR that it cannot take.
BAD_X509: Final = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    InvalidSignature,
    UnsupportedAlgorithm,
)

_DECIMAL: Final = re.compile(r"[0-9]{1,15}", re.ASCII)


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def json_object(raw: bytes, *, what: str = "body") -> JsonObject:
    """Returns the JSON object (RFC 8259, UTF-8 only) in *raw*."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constants)
    except (ValueError, RecursionError) as exc:  # also bad UTF-8, and nesting bombs
        raise Refused(f"the {what} is not valid JSON") from exc
    if not isinstance(value, dict):
        raise Refused(f"the {what} is not a JSON object")
    return cast("JsonObject", value)


def child(parent: JsonObject, key: str) -> JsonObject:
    """Returns the object at *key*."""
    value = parent.get(key)
    if not isinstance(value, dict):
        raise Refused(f"{key} is missing or not an object")
    return cast("JsonObject", value)


def text(parent: JsonObject, key: str) -> str:
    """Returns the non-empty string at *key*; lone surrogates are refused."""
    value = parent.get(key)
    if not isinstance(value, str) or not value:
        raise Refused(f"{key} is missing or not a string")
    utf8(value, what=key)
    return value


def only_item(parent: JsonObject, key: str) -> object:
    """Returns the item of the one-element list at *key*."""
    value = parent.get(key)
    if not isinstance(value, list) or len(value) != 1:
        raise Refused(f"{key} must be a list of exactly one item")
    return cast("object", value[0])


def utf8(value: str, *, what: str) -> bytes:
    """Returns the UTF-8 bytes of *value*."""
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise Refused(f"{what} is not valid Unicode") from exc


def unbase64(value: object, *, what: str) -> bytes:
    """Returns the bytes behind standard base64 (RFC 4648 section 4)."""
    if not isinstance(value, str):
        raise Refused(f"{what} is missing or not a string")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError as exc:
        raise Refused(f"{what} is not valid base64") from exc


def base64_text(value: bytes) -> str:
    """Returns standard base64 of *value*."""
    return base64.b64encode(value).decode("ascii")


def canonical(value: JsonObject) -> bytes:
    """Returns RFC 8785 bytes."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # its JSON type is invariant


def decimal(query: Mapping[str, str], key: str) -> int:
    """Returns the non-negative decimal number at *key* of a query string."""
    value = query.get(key, "")
    if not _DECIMAL.fullmatch(value):
        raise Refused(f"{key} is missing or not a number")
    return int(value)
