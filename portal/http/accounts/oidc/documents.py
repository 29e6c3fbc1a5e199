"""
What a provider publishes: its addresses and its keys, fetched briefly and kept briefly.

Both are cached for five minutes in Django's cache (this process's memory). A token
under a key that is not among the cached ones makes us fetch the keys once more, so that
a rotation needs no waiting; no other answer of the network is trusted to be newer.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import requests
from django.conf import settings
from django.core.cache import cache
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from breakglass.errors import SignInRefused, Unavailable
from breakglass.signing.transport import DeadlineAdapter, mount
from breakglass.texts import text
from portal.settings.providers import Provider, is_safe_url

KEEP_SECONDS: Final = 300
LIMIT: Final = 262_144  # no provider's document comes near it

Key = RSAKey | ECKey


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider is asked for what."""

    authorization: str
    token: str
    keys: str
    sends_secret_in_body: bool


@contextmanager
def one_deadline() -> Iterator[requests.Session]:
    """Opens a session whose calls all end before one deadline, and go nowhere else."""
    with requests.Session() as session:
        mount(session, DeadlineAdapter(deadline=settings.OIDC_DEADLINE))
        yield session


def endpoints(provider: Provider, session: requests.Session) -> Endpoints:
    """
    Returns the provider's addresses, from its discovery document.

    The document must name the very issuer that is configured, or a provider could
    speak for another one (OpenID Connect Discovery, section 4.3).
    """
    key = _key("endpoints", provider)
    known = cache.get(key)
    if isinstance(known, Endpoints):
        return known
    said = _get(provider, session, provider.discovery_url)
    if said.get("issuer") != provider.issuer:
        msg = text(
            "%(provider)s says that it is another issuer than the one set up here",
            provider=provider.name,
        )
        raise SignInRefused(msg)
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if not all(is_safe_url(said.get(name)) for name in names):
        msg = text(
            "%(provider)s does not say where to sign in over https",
            provider=provider.name,
        )
        raise SignInRefused(msg)
    methods = said.get("token_endpoint_auth_methods_supported")
    authorization, token, keys = (str(said[name]) for name in names)
    found = Endpoints(
        authorization=authorization,
        token=token,
        keys=keys,
        sends_secret_in_body=isinstance(methods, list)
        and "client_secret_post" in methods,
    )
    cache.set(key, found, KEEP_SECONDS)
    return found


def key_of(provider: Provider, session: requests.Session, kid: object) -> Key:
    """Returns the provider's key of that id; asks once more for an unknown one."""
    if not isinstance(kid, str) or not kid:
        msg = text("%(provider)s signed without naming its key", provider=provider.name)
        raise SignInRefused(msg)
    known = cache.get(_key("keys", provider)) or {}
    if kid not in known:
        known = _keys(provider, session)
    if kid not in known:
        msg = text(
            "%(provider)s signed with a key that it does not publish",
            provider=provider.name,
        )
        raise SignInRefused(msg)
    return _imported(provider, known[kid])


def answer_of(
    provider: Provider, session: requests.Session, request: requests.Request
) -> tuple[int, dict[str, Any]]:
    """Sends a request; returns the status and the JSON object of the answer."""
    try:
        answer = session.send(
            session.prepare_request(request), stream=True, allow_redirects=False
        )
        with answer:
            said = json.loads(_bounded(answer))
    except OSError as error:  # and so every failure of requests
        msg = text(
            "%(provider)s did not answer. Try again, or sign in another way",
            provider=provider.name,
        )
        raise Unavailable(msg) from error
    except ValueError as error:
        msg = text(
            "%(provider)s answered something that is not an answer",
            provider=provider.name,
        )
        raise Unavailable(msg) from error
    if not isinstance(said, dict):
        msg = text(
            "%(provider)s answered something that is not an answer",
            provider=provider.name,
        )
        raise Unavailable(msg)
    return answer.status_code, said


def _bounded(answer: requests.Response) -> bytes:
    raw = b""
    for part in answer.iter_content(65_536):
        raw += part
        if len(raw) > LIMIT:
            msg = "the answer is longer than any answer of a provider"
            raise ValueError(msg)
    return raw


def _get(provider: Provider, session: requests.Session, url: str) -> dict[str, Any]:
    status, said = answer_of(provider, session, requests.Request("GET", url))
    if status != requests.codes.ok:
        msg = text(
            "%(provider)s answered %(status)s. Try again, or sign in another way",
            provider=provider.name,
            status=status,
        )
        raise Unavailable(msg)
    return said


def _keys(provider: Provider, session: requests.Session) -> dict[str, dict[str, Any]]:
    listed = _get(provider, session, endpoints(provider, session).keys).get("keys")
    found = {
        item["kid"]: item
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
        and isinstance(item.get("kid"), str)
        and item.get("kty") in {"RSA", "EC"}  # never a shared secret
        and item.get("use", "sig") == "sig"
    }
    cache.set(_key("keys", provider), found, KEEP_SECONDS)
    return found


def _imported(provider: Provider, item: dict[str, Any]) -> Key:
    try:
        key = import_key(item)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        msg = text(
            "%(provider)s publishes a key that cannot be read", provider=provider.name
        )
        raise SignInRefused(msg) from error
    if not isinstance(key, RSAKey | ECKey):
        msg = text(
            "%(provider)s publishes a key of a kind that is not accepted",
            provider=provider.name,
        )
        raise SignInRefused(msg)
    return key


def _key(kind: str, provider: Provider) -> str:
    return f"breakglass-oidc-{kind}-{sha256(provider.issuer.encode()).hexdigest()}"
