"""Tells the gate's page who called, after the answer is made and whatever it was."""

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest

from breakglass.models import GateToken
from breakglass.services.gates import contacts
from portal.api.refusals import Refused
from portal.api.schemas import FIELDS

_TOKEN: Final = "breakglass.token"  # noqa: S105 - a key, not a secret
_TOLD: Final = "breakglass.told"
_REFUSED: Final = "breakglass.refused"
ADDRESS_MAX: Final = 60


def met(request: HttpRequest, token: GateToken) -> None:
    """Remembers whose token the request carries, also when it works no longer."""
    request.META[_TOKEN] = token


def told(request: HttpRequest, *, call: str, outcome: str) -> None:
    """Remembers what the gate is about to hear, in more words than the status."""
    request.META[_TOLD] = (call, outcome)


def refused(request: HttpRequest, refusal: Refused) -> None:
    """Remembers that the gate is about to hear a refusal, in whatever language."""
    request.META[_REFUSED] = refusal


def note(request: HttpRequest, *, endpoint: str) -> None:
    """Notes the call of a known token; an unknown one belongs to no gate."""
    token: GateToken | None = request.META.get(_TOKEN)
    if token is None:
        return
    refusal: Refused | None = request.META.get(_REFUSED)
    call, outcome = request.META.get(_TOLD, (endpoint, "ok"))
    if refusal is not None:
        outcome = _code(refusal)
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            outcome = _why(token)
    contacts.note(
        gate_id=token.gate_id,
        gate=token.gate.slug,
        call=contacts.Call(
            call=call,
            outcome=outcome,
            is_accepted=refusal is None,
            token=token.prefix,
            address=str(request.META.get("REMOTE_ADDR", ""))[:ADDRESS_MAX],
        ),
    )


def _code(refusal: Refused) -> str:
    """Names the field only where it is one of ours: callers may send any other."""
    field = refusal.field if refusal.field in FIELDS else ""
    return f"{refusal.code} {field}".strip()[:ADDRESS_MAX]


def _why(token: GateToken) -> str:
    """Says to the gate's people why its token is refused; the caller is not told."""
    if token.revoked_at is not None:
        return "token_revoked"
    return "token_expired" if token.expires_at is not None else "gate_off"
