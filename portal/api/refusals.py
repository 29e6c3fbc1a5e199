"""Refusals: the one shape of every answer that is not a success."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from django.db.utils import InterfaceError, InternalError, OperationalError
from django.http import HttpResponse, UnreadablePostError

from breakglass.errors import BreakglassError, PolicyViolation, Unavailable
from portal.api import counters
from portal.api.schemas import ErrorAnswer, ErrorPart
from portal.http.errors import status_for

logger: Final = logging.getLogger(__name__)

# A lock or statement that took too long, a lost or refused connection, and (as an
# InternalError) a write on a server that is read-only or in recovery.
_DATABASE_TROUBLE: Final = (OperationalError, InterfaceError, InternalError)
_NO_STORE: Final = {"Cache-Control": "no-store"}


class Refused(Exception):
    """The API itself says no: to the token, the method, or the body."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.field = field
        self.headers = headers or {}


def of(error: Exception, *, endpoint: str) -> Refused:
    """Returns the refusal for any failure whatever, and counts it."""
    refusal = _refusal(error, endpoint=endpoint)
    counters.ERRORS.labels(endpoint, refusal.code).inc()
    return refusal


def answer(refusal: Refused) -> HttpResponse:
    """Returns the refusal in the words of the JSON API."""
    body = ErrorAnswer(
        error=ErrorPart(
            code=refusal.code, detail=str(refusal), field=refusal.field or None
        ),
        decision="enforce",
    )
    return HttpResponse(
        body.model_dump_json(exclude_none=True),
        status=refusal.status,
        content_type="application/json",
        headers={**refusal.headers, **_NO_STORE},
    )


def _refusal(error: Exception, *, endpoint: str) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, UnreadablePostError):
        return Refused(
            HTTPStatus.BAD_REQUEST, "bad_request", "the body did not arrive whole"
        )
    if isinstance(error, _DATABASE_TROUBLE):
        logger.warning("api.unavailable", extra={"endpoint": endpoint}, exc_info=error)
        return Refused(
            HTTPStatus.SERVICE_UNAVAILABLE,
            Unavailable.code,
            "the database does not answer: enforce, and ask again",
        )
    if isinstance(error, BreakglassError):
        status = HTTPStatus(status_for(error))
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            field = error.field if isinstance(error, PolicyViolation) else ""
            return Refused(status, error.code, str(error), field=field)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            logger.warning(
                "api.unavailable", extra={"endpoint": endpoint}, exc_info=error
            )
            return Refused(status, error.code, str(error))
    logger.error("api.failed", extra={"endpoint": endpoint}, exc_info=error)
    return Refused(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "the portal failed: enforce, and tell its operators",
    )
