"""What a gate sent: size, token, form and meaning, checked in that order."""

from http import HTTPStatus
from typing import Final, TypeVar

from django.http import HttpRequest
from pydantic import ValidationError

from breakglass.models import Gate
from portal.api import auth, strict_json
from portal.api.refusals import Refused
from portal.api.schemas import Asked

BODY_MAX: Final = 4096
_INVALID: Final = "invalid_input"

Body = TypeVar("Body", bound=Asked)


def gate_and_body(request: HttpRequest, schema: type[Body]) -> tuple[Gate, Body]:
    """
    Returns the asking gate and its parsed body, or refuses.

    No body byte is read before the token is known, and never more than one byte
    beyond BODY_MAX.
    """
    length = _stated_length(request)
    gate = auth.gate_of(request)
    body = _parsed(_read(request, length), schema)
    if body.gate and body.gate != gate.slug:
        raise Refused(
            HTTPStatus.FORBIDDEN,
            "not_permitted",
            "this token does not speak for the gate that the body names",
            field="gate",
        )
    return gate, body


def _stated_length(request: HttpRequest) -> int:
    """Returns the length that the request states, or refuses it."""
    stated = request.META.get("CONTENT_LENGTH") or ""
    if not stated and request.META.get("HTTP_TRANSFER_ENCODING"):
        # Django reads nothing without a length: say so, rather than "is empty".
        raise Refused(
            HTTPStatus.LENGTH_REQUIRED, "length_required", "send a Content-Length"
        )
    if not stated:
        return 0
    if not (stated.isascii() and stated.isdigit()):
        raise _bad_request("Content-Length is no number")
    # Compared as text first: thousands of digits are not worth converting.
    if len(stated.lstrip("0")) > len(str(BODY_MAX)) or int(stated) > BODY_MAX:
        raise _too_large()
    return int(stated)


def _read(request: HttpRequest, length: int) -> bytes:
    if request.content_type != "application/json":
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send Content-Type: application/json",
        )
    raw = bytes(request.read(BODY_MAX + 1))
    if len(raw) > BODY_MAX:
        raise _too_large()
    if len(raw) < length:  # whoever hung up will not hear the answer
        raise _bad_request("the body did not arrive whole")
    return raw


def _bad_request(detail: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "bad_request", detail)


def _too_large() -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"the body is larger than {BODY_MAX} bytes",
    )


def _parsed(raw: bytes, schema: type[Body]) -> Body:
    try:
        value = strict_json.parse(raw)
    except strict_json.Malformed as exc:
        raise _unprocessable("malformed_json", str(exc)) from exc
    if not isinstance(value, dict):
        raise _unprocessable(_INVALID, "the body must be a JSON object")
    try:
        return schema.model_validate(value)
    except ValidationError as exc:
        raise _first_of(exc) from exc


def _first_of(exc: ValidationError) -> Refused:
    """Names the first fault: one at a time is what a person can mend."""
    fault = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    place = str(fault["loc"][0]) if fault["loc"] else ""
    match fault["type"]:
        case "missing":
            return _unprocessable(_INVALID, f"{place} is missing", field=place)
        case "extra_forbidden":
            known = strict_json.shown(place)
            return _unprocessable(
                _INVALID, f"{known} is not a field of this call", field=known.strip("'")
            )
        case _:
            return _unprocessable(
                _INVALID, f"{place}: {fault['msg'].lower()}", field=place
            )


def _unprocessable(code: str, detail: str, *, field: str = "") -> Refused:
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, code, detail, field=field)
