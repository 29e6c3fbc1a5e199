"""Which gate is asking: its bearer token, looked up by hash."""

import hashlib
import re
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest

from breakglass.models import Gate
from breakglass.queries import access
from portal.api import contacts
from portal.api.refusals import Refused

# Also read ahead of Django. One bounded class: it cannot backtrack, and a header that a
# proxy joined with a comma does not match.
BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9_-]{16,200})", re.A)
_TOKEN_MAX: Final = 200

PATH_TOKEN: Final = "breakglass.path_token"  # noqa: S105 - a key, not a secret
"""Where a token is kept that stood in the address (portal.api.front)."""


def gate_of(request: HttpRequest) -> Gate:
    """
    Returns the gate whose live token the request carries; refuses with 401.

    The token is found by its SHA-256 in an index, so no comparison's time depends on
    the secret. Missing, malformed, unknown, revoked and outdated tokens, and tokens of
    inactive gates or tenants, get one and the same answer.
    """
    token = _token(request)
    if token:
        token_hash = hashlib.sha256(token.encode("ascii")).digest()
        known = access.token_by_hash(token_hash=token_hash)
        if known is not None:
            contacts.met(request, known.token)
            if known.works:
                return known.token.gate
    raise Refused(
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
