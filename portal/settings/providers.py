"""
Single sign-on: the OpenID Connect providers of BREAKGLASS_OIDC_PROVIDERS, checked once.

A JSON list of objects; see docs/sign-in.md. Whatever is wrong with it is said by the
provider's number and key, and nothing starts.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

VARIABLE: Final = "BREAKGLASS_OIDC_PROVIDERS"
_TEXTS: Final = ("id", "name", "issuer", "client_id")
_SECRETS: Final = ("client_secret", "client_secret_file")
_SWITCHES: Final = {"auth_time": True, "link_by_email": False, "fulcio": False}
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_OWN_ADDRESS: Final = "stepup"  # of our own callback, beside the providers'
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Provider:
    """
    One OpenID Connect provider, as the operator describes it.

    `auth_time`: it proves when somebody signed in. `link_by_email`: its addresses may
    link an account. `fulcio`: the signing instance trusts its ID tokens.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    auth_time: bool = True
    link_by_email: bool = False
    fulcio: bool = False

    @property
    def discovery_url(self) -> str:
        """Where the provider describes itself (OpenID Connect Discovery, 4.1)."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"


def is_safe_url(url: object) -> bool:
    """Says whether an address is https, or http on this machine itself."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.username is not None or parts.fragment:
        return False
    is_local = parts.scheme == "http" and host in _LOOPBACK
    return bool(host) and (parts.scheme == "https" or is_local)


def parse(text: str) -> tuple[Provider, ...]:
    """Returns the providers of a JSON list; raises ImproperlyConfigured."""
    try:
        given = json.loads(text or "[]")
    except ValueError as error:
        raise _wrong(f"is not JSON: {error}") from error
    if not isinstance(given, list):
        raise _wrong("must be a JSON list of objects")
    found = tuple(_provider(n, item) for n, item in enumerate(given, start=1))
    for name in ("id", "issuer"):
        values = [getattr(provider, name) for provider in found]
        if len(set(values)) < len(values):
            raise _wrong(f"names the same {name} twice")
    if sum(provider.fulcio for provider in found) > 1:
        raise _wrong("has more than one provider with fulcio: an instance trusts one")
    return found


def _provider(number: int, given: object) -> Provider:
    where = f"provider {number}"
    if not isinstance(given, dict):
        raise _wrong(f"{where} must be an object")
    known = {*_TEXTS, *_SECRETS, *_SWITCHES}
    if unknown := sorted(set(given) - known):
        raise _wrong(f"{where} has an unknown key: {', '.join(unknown)[:80]}")
    texts = {name: _text(where, given, name) for name in _TEXTS}
    if not _SLUG.fullmatch(texts["id"]) or texts["id"] == _OWN_ADDRESS:
        raise _wrong(f'{where}: id must be a short slug like "okta"')
    issuer = texts["issuer"]
    if not is_safe_url(issuer) or urlsplit(issuer).query:
        raise _wrong(f"{where}: issuer must be the https address that its tokens carry")
    switches = {name: given.get(name, usual) for name, usual in _SWITCHES.items()}
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise _wrong(f"{where}: {name} must be true or false")
    return Provider(
        id=texts["id"],
        name=texts["name"],
        issuer=issuer,
        client_id=texts["client_id"],
        client_secret=_secret(where, given),
        **switches,
    )


def _secret(where: str, given: Mapping[str, Any]) -> str:
    if ("client_secret" in given) == ("client_secret_file" in given):
        raise _wrong(f"{where} needs either client_secret or client_secret_file")
    if "client_secret" in given:
        return _text(where, given, "client_secret")
    path = Path(_text(where, given, "client_secret_file"))
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"{where}: client_secret_file cannot be read") from error
    if not secret:
        raise _wrong(f"{where}: client_secret_file is empty")
    return secret


def _text(where: str, given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise _wrong(f"{where}: {name} must be a text of at most {_LONGEST} characters")
    return value


def _wrong(what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{VARIABLE} {what}")
