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


def gate_of(request: HttpRequest) -> Gate:
    """
    Returns the gate whose live token the request carries; refuses with 401.

    The token is found by its SHA-256 in an index, so no comparison's time depends on
    the secret. Missing, malformed, unknown, revoked and outdated tokens, and tokens of
    inactive gates or tenants, get one and the same answer.
    """
    match = BEARER.fullmatch(request.META.get("HTTP_AUTHORIZATION", ""))
    if match is not None:
        token_hash = hashlib.sha256(match[1].encode("ascii")).digest()
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
