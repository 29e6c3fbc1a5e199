"""What a gate sent: size, token, form and meaning, checked in that order."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeVar

from django.http import HttpRequest
from pydantic import ValidationError

from breakglass.errors import InvalidInput
from breakglass.models import Gate
from breakglass.rules.identifiers import check_identifier
from portal.api import auth, strict_json
from portal.api.refusals import Refused
from portal.api.schemas import Asked
from portal.api.strict_json import Json

BODY_MAX: Final = 4096
_INVALID: Final = "invalid_input"

Body = TypeVar("Body", bound=Asked)


def gate_and_body(
    request: HttpRequest, schema: type[Body], *, deploy_id: str = ""
) -> tuple[Gate, Body]:
    """
    Returns the asking gate and its parsed body, or refuses.

    No body byte is read before the token is known, and never more than one byte
    beyond BODY_MAX. `deploy_id` is the one in the address, where the call has one.
    """
    length = stated_length(request, most=BODY_MAX)
    caller = auth.caller_of(request)
    raw = read(request, length=length, most=BODY_MAX)
    body = checked(value_of(raw, parse=strict_json.parse), schema)
    require_own(request, caller, body, deploy_id=deploy_id)
    return caller.gate, body


def require_own(
    request: HttpRequest, caller: auth.Caller, body: Asked, *, deploy_id: str = ""
) -> None:
    """
    Refuses a body that names another gate than the token, or another deploy.

    A machine's token is for one deploy only. Called last, when nothing else is wrong
    with the body: a question that is refused uses no token up.
    """
    gate = caller.gate
    if body.gate and body.gate != gate.slug:
        raise Refused(
            HTTPStatus.FORBIDDEN,
            "not_permitted",
            "this token does not speak for the gate that the body names",
            field="gate",
        )
    deploy_id = getattr(body, "deploy_id", deploy_id)
    if deploy_id:
        check_identifier(deploy_id, field="deploy_id", slash=False)
        is_rehearsal = getattr(body, "dry_run", False)
        auth.require_for(request, caller, deploy_id, dry_run=is_rehearsal)


def stated_length(request: HttpRequest, *, most: int) -> int:
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
    if len(stated.lstrip("0")) > len(str(most)) or int(stated) > most:
        raise _too_large(most)
    return int(stated)


def read(request: HttpRequest, *, length: int, most: int) -> bytes:
    """Returns the bytes of the body, of which `length` were stated."""
    if request.content_type != "application/json":
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send Content-Type: application/json",
        )
    raw = bytes(request.read(most + 1))
    if len(raw) > most:
        raise _too_large(most)
    if len(raw) < length:  # whoever hung up will not hear the answer
        raise _bad_request("the body did not arrive whole")
    return raw


def _bad_request(detail: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "bad_request", detail)


def _too_large(most: int) -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"the body is larger than {most} bytes",
    )


def value_of(raw: bytes, *, parse: Callable[[bytes], Json]) -> dict[str, Json]:
    """Returns the JSON object that the bytes are."""
    try:
        value = parse(raw)
    except strict_json.Malformed as exc:
        raise unprocessable(str(exc), code="malformed_json") from exc
    if not isinstance(value, dict):
        raise unprocessable("the body must be a JSON object")
    return value


def checked(value: Mapping[str, Json], schema: type[Body]) -> Body:
    """Returns the value as the schema reads it, or refuses, naming the field."""
    try:
        return schema.model_validate(value)
    except ValidationError as exc:
        raise _first_of(exc) from exc
    except InvalidInput as exc:
        raise unprocessable(str(exc), field=exc.field, code=exc.code) from exc


def _first_of(exc: ValidationError) -> Refused:
    """Names the first fault: one at a time is what a person can mend."""
    fault = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    place = str(fault["loc"][0]) if fault["loc"] else ""
    match fault["type"]:
        case "missing":
            return unprocessable(f"{place} is missing", field=place)
        case "extra_forbidden":
            known = strict_json.shown(place)
            return unprocessable(
                f"{known} is not a field of this call", field=known.strip("'")
            )
        case _:
            return unprocessable(f"{place}: {fault['msg'].lower()}", field=place)


def unprocessable(detail: str, *, field: str = "", code: str = _INVALID) -> Refused:
    """Returns the refusal of a body that does not say what it must."""
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, code, detail, field=field)
