"""
A machine's token, read before anything it says is believed: form, header, signature.

Whatever is not exactly the expected form is refused, and nothing that a token points to
is ever fetched. The keys come from the database; see `services.gates.issuers`.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from breakglass.models import TokenIssuer
from breakglass.rules.machine_identity import ISSUER_MAX, Refusal
from breakglass.services.gates.issuers import BELIEVED_FOR
from breakglass.signing import issuers
from portal.api import strict_json

TOKEN_MAX: Final = 8192
HEADER_MAX: Final = 1024
_KID_MAX: Final = 200
# Three parts of base64url, and none is empty. It cannot backtrack: no part has a dot.
FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.A)
# `x5t` names a certificate that nobody looks at. Everything else that a header may hold
# would have to be understood (crit, b64) or followed (jku, jwk, x5u, x5c).
_HEADERS: Final = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
_TYPE: Final = "JWT"
_REGISTRY: Final = jws.JWSRegistry(algorithms=list(issuers.ALGORITHMS.values()))
_BASE64_GROUP: Final = 4


class TokenRefused(Exception):
    """The token is none, or not signed by whom it names."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Read:
    """A token's parts. Nothing in it is proven yet."""

    raw: str
    algorithm: str
    kid: str
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str:
        """Whom it names as its issuer; empty where it names nobody."""
        given = self.claims.get("iss")
        return given if isinstance(given, str) and len(given) <= ISSUER_MAX else ""


def read(raw: str) -> Read:
    """Returns a token's parts, or raises TokenRefused; checks no signature."""
    if len(raw) > TOKEN_MAX:
        raise TokenRefused(Refusal.TOO_LONG)
    if FORM.fullmatch(raw) is None:
        raise TokenRefused(Refusal.MALFORMED)
    head, body, _ = raw.split(".")
    if len(head) > HEADER_MAX:
        raise TokenRefused(Refusal.TOO_LONG)
    header = _object(head, Refusal.HEADER)
    if not header.keys() <= _HEADERS:
        raise TokenRefused(Refusal.HEADER)
    if header.get("typ", _TYPE) != _TYPE:
        raise TokenRefused(Refusal.TYPE)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in issuers.ALGORITHMS.values():
        raise TokenRefused(Refusal.ALGORITHM)
    if not isinstance(kid, str) or not 0 < len(kid) <= _KID_MAX:
        raise TokenRefused(Refusal.KEY)
    return Read(raw, str(algorithm), kid, _object(body, Refusal.CLAIMS))


def require_signed(token: Read, *, issuer: TokenIssuer, now: datetime) -> None:
    """
    Raises TokenRefused unless a key of the issuer, fetched lately, made the signature.

    The kind of the key says which algorithm it is; the token's own word is compared.
    """
    if issuer.fetched_at is None or issuer.fetched_at <= now - BELIEVED_FOR:
        raise TokenRefused(Refusal.KEYS_STALE)
    item = next((one for one in issuer.keys if one.get("kid") == token.kid), None)
    if item is None:
        raise TokenRefused(Refusal.KEY)
    key = _key(tuple(sorted(item.items())))
    if key is None:
        raise TokenRefused(Refusal.KEY)
    if issuers.ALGORITHMS[item["kty"]] != token.algorithm:
        raise TokenRefused(Refusal.ALGORITHM)
    try:
        jws.deserialize_compact(
            token.raw, key, algorithms=[token.algorithm], registry=_REGISTRY
        )
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused(Refusal.SIGNATURE) from error


@lru_cache(maxsize=256)
def _key(item: tuple[tuple[str, str], ...]) -> RSAKey | ECKey | None:
    return issuers.imported(dict(item))


def _object(part: str, refusal: Refusal) -> dict[str, Any]:
    """Returns the JSON object in a part; one reading only, so no key stands twice."""
    try:
        raw = base64.b64decode(
            part + "=" * (-len(part) % _BASE64_GROUP), altchars=b"-_", validate=True
        )
        # One text for one value: what decodes alike must be spelled alike.
        if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode("ascii"):
            raise TokenRefused(Refusal.MALFORMED)
        value = strict_json.parse(raw)
    except (ValueError, strict_json.Malformed) as error:
        raise TokenRefused(refusal) from error
    if not isinstance(value, dict):
        raise TokenRefused(refusal)
    return value
