"""Which gate is asking: its bearer token, looked up by hash, or its machine's."""

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest

from breakglass.models import Gate
from breakglass.queries import access
from breakglass.rules.machine_identity import Refusal
from portal.api import contacts, machines
from portal.api.machines import Machine, Turned
from portal.api.refusals import Refused

# Also read ahead of Django. One bounded class: it cannot backtrack, and a header that a
# proxy joined with a comma does not match.
BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9_-]{16,200})", re.A)
_TOKEN_MAX: Final = 200

PATH_TOKEN: Final = "breakglass.path_token"  # noqa: S105 - a key, not a secret
"""Where a token is kept that stood in the address (portal.api.front)."""
# A machine's token has dots, so neither is ever taken for the other.
_MACHINE: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._-]{16,16384})")


@dataclass(frozen=True, slots=True)
class Caller:
    """The gate that asks, and the machine that speaks for it, if one does."""

    gate: Gate
    machine: Machine | None = None


def caller_of(request: HttpRequest) -> Caller:
    """
    Returns the gate whose live token the request carries; refuses with 401.

    A gate's token is found by its SHA-256 in an index, so no comparison's time depends
    on the secret. Missing, malformed, unknown, revoked and outdated tokens, those of
    machines that are not bound, and tokens of inactive gates or tenants, get one and
    the same answer.
    """
    token = _token(request)
    stated = request.META.get("HTTP_AUTHORIZATION", "")
    if token:
        token_hash = hashlib.sha256(token.encode("ascii")).digest()
        known = access.token_by_hash(token_hash=token_hash)
        if known is not None:
            contacts.met_token(request, known)
            if known.works:
                return Caller(known.token.gate)
    elif (machine := _MACHINE.fullmatch(stated)) is not None:
        found = machines.of_token(machine[1])
        if isinstance(found, Machine):
            contacts.met(request, gate=found.gate, shown=found.short)
            return Caller(found.gate, found)
        _tell(request, found)
    raise unauthenticated()


def require_for(
    request: HttpRequest, caller: Caller, deploy_id: str, *, dry_run: bool = False
) -> None:
    """Refuses with 401 a machine's token that was used for another deploy."""
    machine = caller.machine
    if machine is None or machine.speaks_for(deploy_id, dry_run=dry_run):
        return
    contacts.met(
        request, gate=caller.gate, shown=machine.short, why=f"identity_{Refusal.USED}"
    )
    raise unauthenticated()


def unauthenticated() -> Refused:
    """The one answer to whoever does not prove which gate asks."""
    return Refused(
        HTTPStatus.UNAUTHORIZED,
        "unauthenticated",
        "send the gate's token: Authorization: Bearer bg_live_…",
        headers={"WWW-Authenticate": 'Bearer realm="breakglass"'},
    )


def _token(request: HttpRequest) -> str:
    """Returns what the header, else the address, holds of a token's form; else ""."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    match = BEARER.fullmatch(header)
    if match is not None:
        return match[1]
    return "" if header else str(request.META.get(PATH_TOKEN, ""))[:_TOKEN_MAX]


def _tell(request: HttpRequest, turned: Turned) -> None:
    if turned.gate is not None:
        why = f"identity_{turned.refused.reason} {turned.refused.claim}".strip()
        contacts.met(request, gate=turned.gate, shown=turned.short, why=why)
