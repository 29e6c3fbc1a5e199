"""Answers that a gate keeps: for how long, and what HTTP is told of it."""

from datetime import timedelta
from typing import Final

from django.http import HttpRequest

from breakglass.models import Gate
from portal.api.schemas import DecisionAnswer, DecisionQuestion

_KEPT: Final = "breakglass.kept"


def kept_for(*, gate: Gate, asked: DecisionQuestion, usual: timedelta) -> timedelta:
    """
    Returns for how long this answer may be used again.

    As the gate declares, else as is usual for its language; the longer of that and
    what the question says.
    """
    declared = gate.cache_seconds
    of_gate = usual if declared is None else timedelta(seconds=declared)
    return max(of_gate, timedelta(seconds=asked.cache_seconds))


def declared(*, gate: Gate, asked: DecisionQuestion) -> timedelta:
    """Returns what was declared: HTTP caches nothing for a language's usual time."""
    return kept_for(gate=gate, asked=asked, usual=timedelta(0))


def note(request: HttpRequest, answer: DecisionAnswer, *, kept_for: timedelta) -> None:
    """
    Remembers how long the whole response may be kept: its shortest-lived answer.

    Only a bypass is: an enforce that is kept would only delay the next one.
    """
    seconds = kept_for // timedelta(seconds=1)
    if answer.decision != "bypass" or answer.seconds_left is None:
        seconds = 0
    seconds = min(seconds, answer.seconds_left or 0)
    request.META[_KEPT] = min(seconds, request.META.get(_KEPT, seconds))


def forget(request: HttpRequest) -> None:
    """Has the response kept by nobody."""
    request.META[_KEPT] = 0


def control(request: HttpRequest) -> str:
    """Returns the Cache-Control of the response; bounded, and never for a proxy."""
    seconds: int = request.META.get(_KEPT, 0)
    return f"private, max-age={seconds}" if seconds else "no-store"
