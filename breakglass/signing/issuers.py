"""
The public keys of an issuer of machines' tokens, fetched for a sweep.

The issuer's own discovery document says where its keys are (OpenID Connect Discovery).
An admin of any tenant may name an issuer, so every connection is looked at before a
byte is sent: whom it reached in truth, whatever the name resolved to a moment ago.
"""

import json
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from breakglass.errors import Unavailable
from breakglass.signing.transport import DeadlineAdapter, mount

DOCUMENT_MAX: Final = 262_144
KEYS_MAX: Final = 50
RSA_BITS: Final = range(2048, 8193)
_MODULUS_MIN: Final = 342
"""Letters of base64url for 2048 bits."""

_CURVE: Final = "P-256"
_KID_MAX: Final = 200
_PUBLIC: Final = ("kty", "kid", "alg", "use", "n", "e", "crv", "x", "y")
ALGORITHMS: Final[Mapping[str, str]] = {"RSA": "RS256", "EC": "ES256"}
"""The one algorithm of each kind of key; a token's own word is only compared."""

Allow = Callable[[str, str], None]
"""Called with a host and the address that it was reached at; raises OSError."""


class _LookedAt(DeadlineAdapter):
    """Ends a connection that reached an address which is not allowed."""

    def __init__(self, *, deadline: timedelta, allow: Allow) -> None:
        self._allow = allow
        self._host = ""
        super().__init__(deadline=deadline)

    def send(self, request: requests.PreparedRequest, **words: Any) -> Any:  # type: ignore[override]  # everything else is passed on
        """Remembers whom the call is for, and sends it."""
        self._host = urlsplit(request.url or "").hostname or ""
        return super().send(request, **words)

    def _watch(self, connection: socket.socket) -> socket.socket:
        try:
            self._allow(self._host, str(connection.getpeername()[0]))
        except OSError:
            connection.close()
            raise
        return super()._watch(connection)


def fetch(
    issuer: str,
    *,
    allow: Allow,
    is_allowed_url: Callable[[str], bool],
    deadline: timedelta,
    tls_ca: str = "",
) -> list[dict[str, str]]:
    """
    Returns the issuer's usable public keys, or raises Unavailable with the reason.

    Redirects are not followed. A document that names another issuer, or that has no
    usable key, is none.
    """
    try:
        with requests.Session() as session:
            adapter = _LookedAt(deadline=deadline, allow=allow)
            mount(session, adapter, tls_ca=tls_ca)
            about = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            said = _document(session, about, is_allowed_url)
            if said.get("issuer") != issuer:
                msg = "its document says that it is another issuer"
                raise Unavailable(msg)
            found = usable(
                _document(session, str(said.get("jwks_uri", "")), is_allowed_url)
            )
    except requests.RequestException as error:
        msg = f"it cannot be reached: {type(error).__name__}"
        raise Unavailable(msg) from error
    if not found:
        msg = "it publishes no key that can be used"
        raise Unavailable(msg)
    return found


def usable(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """
    Returns the keys of a key set that tokens may be checked with, public parts only.

    RSA of 2048 to 8192 bits and P-256, meant for signatures, each under a name of its
    own: of two under one name neither is believed.
    """
    listed = document.get("keys")
    found: dict[str, list[dict[str, str]]] = {}
    for item in listed[:KEYS_MAX] if isinstance(listed, list) else ():
        if not isinstance(item, dict) or not _is_usable(item):
            continue
        public = {
            name: item[name] for name in _PUBLIC if isinstance(item.get(name), str)
        }
        found.setdefault(item["kid"], []).append(public)
    return [keys[0] for keys in found.values() if len(keys) == 1]


def imported(item: Mapping[str, str]) -> RSAKey | ECKey | None:
    """Returns the key, or None where it is malformed, too small or of another kind."""
    if item.get("kty") == "RSA" and len(item.get("n", "")) < _MODULUS_MIN:
        return None  # before the library sees it: it warns and goes on
    try:
        key = import_key(dict(item))
        if isinstance(key, RSAKey):
            return key if key.public_key.key_size in RSA_BITS else None
        if isinstance(key, ECKey):
            return key if key.curve_name == _CURVE else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None


def _is_usable(item: Mapping[str, Any]) -> bool:
    kid, kind, use = item.get("kid"), item.get("kty"), item.get("use", "sig")
    if not (isinstance(kid, str) and 0 < len(kid) <= _KID_MAX and use == "sig"):
        return False
    if not isinstance(kind, str) or kind not in ALGORITHMS:
        return False
    operations = item.get("key_ops")
    if isinstance(operations, list) and "verify" not in operations:
        return False
    if item.get("alg", ALGORITHMS[kind]) != ALGORITHMS[kind]:
        return False
    words = {n: v for n in _PUBLIC if isinstance(v := item.get(n), str)}
    return imported(words) is not None


def _document(
    session: requests.Session, url: str, is_allowed_url: Callable[[str], bool]
) -> dict[str, Any]:
    if not is_allowed_url(url):
        msg = "it points to an address that may not be called from here"
        raise Unavailable(msg)
    answer = session.get(url, allow_redirects=False, headers={"Accept": "*/*"})
    if answer.status_code != requests.codes.ok:
        msg = f"it answered {answer.status_code}"
        raise Unavailable(msg)
    if len(answer.content) > DOCUMENT_MAX:
        msg = "its document is longer than any honest one"
        raise Unavailable(msg)
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        msg = "its document is no JSON"
        raise Unavailable(msg) from error
    if not isinstance(said, dict):
        msg = "its document is no JSON object"
        raise Unavailable(msg)
    return said
