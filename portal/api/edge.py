"""The edge of the API: whatever fails inside, the gate hears `enforce`."""

import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel

from portal.api import contacts, counters, keeping, refusals
from portal.api.refusals import Refused

logger = logging.getLogger(__name__)

Call = Callable[..., BaseModel]


class Endpoint:
    """
    One address: a call for each method it takes. It is a Django view.

    Calls return the answer or raise. Every exception becomes a refusal that says
    `enforce`, is logged with its traceback where it is ours, and is counted. Gates
    have no session, so neither login nor CSRF tokens apply.
    """

    csrf_exempt: Final = True
    login_required: Final = False

    def __init__(self, name: str, calls: Mapping[str, Call]) -> None:
        self.name = name
        self._calls = calls

    def __call__(self, request: HttpRequest, **place: str) -> HttpResponse:
        """Answers one request; never raises."""
        began = time.perf_counter()
        try:
            response = self._answer(request, place)
        except Exception as exc:  # noqa: BLE001  # the edge: it denies, logs and counts
            refusal = refusals.of(exc, endpoint=self.name)
            contacts.refused(request, refusal)
            response = self.refuse(request, refusal)
        response.headers["Content-Length"] = str(len(response.content))
        self._note(request)
        counters.SECONDS.labels(self.name).observe(time.perf_counter() - began)
        return response

    def refuse(self, _request: HttpRequest, refusal: Refused) -> HttpResponse:
        """Returns a refusal in the words of this address; must not raise."""
        return refusals.answer(refusal)

    def _note(self, request: HttpRequest) -> None:
        """The answer is made: what fails now is logged, and harms it no more."""
        try:
            contacts.note(request, endpoint=self.name)
        except Exception:  # an edge: the answer is made, whatever fails here is logged
            logger.exception("gate.contact_not_noted")

    def _answer(self, request: HttpRequest, place: Mapping[str, str]) -> HttpResponse:
        call = self._calls.get(request.method or "")
        if call is None:
            raise _not_allowed(self._calls)
        answer = call(request, **place)
        return HttpResponse(
            answer.model_dump_json(),
            content_type="application/json",
            headers={"Cache-Control": keeping.control(request)},
        )


def nothing_here(_request: HttpRequest, **_place: str) -> BaseModel:
    """Answers for every address under /api/ that is none of ours."""
    raise Refused(HTTPStatus.NOT_FOUND, "not_found", "there is nothing at this address")


def _not_allowed(calls: Mapping[str, Call]) -> Refused:
    allowed = ", ".join(sorted(calls))
    return Refused(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method_not_allowed",
        f"this address takes {allowed}",
        headers={"Allow": allowed},
    )
