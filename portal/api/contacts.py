"""Tells the gate's page who called, after the answer is made and whatever it was."""

import json
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse

from breakglass.models import GateToken
from breakglass.services.gates import contacts
from portal.api.schemas import FIELDS

_TOKEN: Final = "breakglass.token"  # noqa: S105 - a key, not a secret
_TOLD: Final = "breakglass.told"
ADDRESS_MAX: Final = 60


def met(request: HttpRequest, token: GateToken) -> None:
    """Remembers whose token the request carries, also when it works no longer."""
    request.META[_TOKEN] = token


def told(request: HttpRequest, *, call: str, outcome: str) -> None:
    """Remembers what the gate is about to hear, in more words than the status."""
    request.META[_TOLD] = (call, outcome)


def note(request: HttpRequest, response: HttpResponse, *, endpoint: str) -> None:
    """Notes the call of a known token; an unknown one belongs to no gate."""
    token: GateToken | None = request.META.get(_TOKEN)
    if token is None:
        return
    is_refused = response.status_code >= HTTPStatus.BAD_REQUEST
    call, outcome = request.META.get(_TOLD, (endpoint, "ok"))
    if is_refused:
        outcome = _code(response)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            outcome = _why(token)
    contacts.note(
        gate_id=token.gate_id,
        gate=token.gate.slug,
        call=contacts.Call(
            call=call,
            outcome=outcome,
            is_accepted=not is_refused,
            token=token.prefix,
            address=str(request.META.get("REMOTE_ADDR", ""))[:ADDRESS_MAX],
        ),
    )


def _code(response: HttpResponse) -> str:
    """Names the field only where it is one of ours: callers may send any other."""
    said = json.loads(response.content)["error"]
    field = said.get("field") or ""
    return f"{said['code']} {field if field in FIELDS else ''}".strip()[:ADDRESS_MAX]


def _why(token: GateToken) -> str:
    """Says to the gate's people why its token is refused; the caller is not told."""
    if token.revoked_at is not None:
        return "token_revoked"
    return "token_expired" if token.expires_at is not None else "gate_off"
