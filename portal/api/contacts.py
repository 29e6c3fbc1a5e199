"""Tells the gate's page who called, after the answer is made and whatever it was."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest

from breakglass.models import Gate
from breakglass.queries.access import KnownToken
from breakglass.services.gates import contacts
from portal.api.refusals import Refused
from portal.api.schemas import FIELDS

_MET: Final = "breakglass.met"
_TOLD: Final = "breakglass.told"
_REFUSED: Final = "breakglass.refused"
ADDRESS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class _Met:
    """Who called, under which name people know it, and why it would be refused."""

    gate: Gate
    shown: str
    why: str


def met(request: HttpRequest, *, gate: Gate, shown: str, why: str = "") -> None:
    """Remembers which gate the request is of, and why its bearer is turned away."""
    request.META[_MET] = _Met(gate, shown, why)


def met_token(request: HttpRequest, known: KnownToken) -> None:
    """Remembers whose token the request carries, also when it works no longer."""
    token = known.token
    met(request, gate=token.gate, shown=token.prefix, why=_why(known))


def told(request: HttpRequest, *, call: str, outcome: str) -> None:
    """Remembers what the gate is about to hear, in more words than the status."""
    request.META[_TOLD] = (call, outcome)


def refused(request: HttpRequest, refusal: Refused) -> None:
    """Remembers that the gate is about to hear a refusal, in whatever language."""
    request.META[_REFUSED] = refusal


def note(request: HttpRequest, *, endpoint: str) -> None:
    """Notes the call of a known bearer; an unknown one belongs to no gate."""
    known: _Met | None = request.META.get(_MET)
    if known is None:
        return
    refusal: Refused | None = request.META.get(_REFUSED)
    call, outcome = request.META.get(_TOLD, (endpoint, "ok"))
    if refusal is not None:
        outcome = _code(refusal)
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            outcome = known.why[:ADDRESS_MAX]
    contacts.note(
        gate_id=known.gate.pk,
        gate=known.gate.slug,
        call=contacts.Call(
            call=call,
            outcome=outcome,
            is_accepted=refusal is None,
            token=known.shown,
            address=str(request.META.get("REMOTE_ADDR", ""))[:ADDRESS_MAX],
        ),
    )


def _code(refusal: Refused) -> str:
    """Names the field only where it is one of ours: callers may send any other."""
    field = refusal.field if refusal.field in FIELDS else ""
    return f"{refusal.code} {field}".strip()[:ADDRESS_MAX]


def _why(known: KnownToken) -> str:
    """Says to the gate's people why its token is refused; the caller is not told."""
    if known.token.revoked_at is not None:
        return "token_revoked"
    return "token_expired" if known.ran_out else "gate_off"
