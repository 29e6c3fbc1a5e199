"""An address that speaks another language than our JSON, and says no in it too."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Protocol

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, RootModel

from breakglass.models import Gate
from portal.api import asking, auth, strict_json
from portal.api.edge import Endpoint
from portal.api.refusals import Refused
from portal.api.schemas import DecisionAnswer, DecisionQuestion
from portal.api.strict_json import Json, Limits

_VALUE: Final = "breakglass.value"

Value = Mapping[str, Json]
Decide = Callable[[DecisionQuestion], DecisionAnswer]


@dataclass(frozen=True, slots=True)
class Reply:
    """A body in the caller's language, and the status that its caller expects."""

    body: Json
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Manner:
    """
    How much of a body is read, and what the decision must know of its callers.

    `unknown` is for a caller whose token is not known, so that it is told no in its
    own language: 0 where the language's no needs nothing of the body. `is_counted`
    and `cached_for` as in `rules.decision.Question`.
    """

    body: int = asking.BODY_MAX
    unknown: int = 0
    within: Limits = field(default_factory=Limits)
    is_counted: bool = True
    cached_for: timedelta = timedelta(0)


class Language(Protocol):
    """One language: pure but for the question that it puts."""

    @property
    def name(self) -> str:
        """Returns its name in metrics."""

    @property
    def manner(self) -> Manner:
        """Returns how it takes a body and asks."""

    def answer(self, value: Value, gate: Gate, decide: Decide) -> Json:
        """Returns the answer to a body; raises Refused, as `decide` may."""

    def refused(self, value: Value, refusal: Refused) -> Reply | None:
        """Returns the language's no; None where ours is as good. Never raises."""


class Speaking(Endpoint):
    """An address of one language. It is a Django view."""

    def __init__(self, language: Language, decide: Callable[..., DecisionAnswer]):
        super().__init__(language.name, {"POST": self._hear})
        self._language = language
        self._decide = decide

    def refuse(self, request: HttpRequest, refusal: Refused) -> HttpResponse:
        """Says no in the language, else as our JSON does."""
        value = request.META.get(_VALUE, {})
        reply = self._language.refused(value, refusal)
        if reply is None:
            return super().refuse(request, refusal)
        return HttpResponse(
            json.dumps(reply.body, ensure_ascii=False),
            status=reply.status,
            content_type="application/json",
            headers={**refusal.headers, "Cache-Control": "no-store"},
        )

    def _hear(self, request: HttpRequest) -> BaseModel:
        manner = self._language.manner
        length = asking.stated_length(request, most=manner.body)
        try:
            caller = auth.caller_of(request)
        except Refused:
            if 0 < length <= manner.unknown:
                self._read(request, length)
            raise
        value = self._read(request, length)

        def decide(asked: DecisionQuestion) -> DecisionAnswer:
            asking.require_own(request, caller, asked)
            return self._decide(
                request,
                gate=caller.gate,
                asked=asked,
                is_counted=manner.is_counted,
                cached_for=manner.cached_for,
            )

        return RootModel[object](self._language.answer(value, caller.gate, decide))

    def _read(self, request: HttpRequest, length: int) -> Value:
        """Reads the body, and keeps it for a no that has to name something of it."""
        manner = self._language.manner
        raw = asking.read(request, length=length, most=manner.body)
        value = asking.value_of(
            raw, parse=lambda raw: strict_json.parse_within(raw, manner.within)
        )
        request.META[_VALUE] = value
        return value
