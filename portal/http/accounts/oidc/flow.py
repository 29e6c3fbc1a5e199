"""
To a provider and back: one sign-in for one purpose, tied to this session.

The state is single use and lasts ten minutes; the code verifier (PKCE) stays in the
session. For a decision the nonce is the digest of the very bytes that will be signed.
"""

import hashlib
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import requests
from django.urls import reverse

from breakglass import clock
from breakglass.audit.chain import base64url
from breakglass.errors import SignInRefused
from breakglass.models import Intent
from breakglass.texts import text
from portal.http.accounts.oidc import documents, provider_or_404, tokens
from portal.http.accounts.oidc.tokens import SignIn
from portal.http.htmx import PageRequest
from portal.settings.providers import Provider

SESSION_KEY: Final = "breakglass_oidc"
LASTS: Final = timedelta(minutes=10)
AT_ONCE: Final = 5
CANCELLED: Final = "access_denied"


class Purpose(StrEnum):
    """What a sign-in is for."""

    DECIDE = "decide"
    CONFIRM = "confirm"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Pending:
    """One sign-in that has been started: what is kept of it in the session."""

    provider: str
    purpose: Purpose
    person: str
    verifier: str = field(repr=False)
    nonce: str
    began_at: str
    intent: str = ""
    back: str = ""
    next: str = ""


def begin(
    request: PageRequest,
    provider: Provider,
    *,
    purpose: Purpose,
    intent: Intent | None = None,
    back: str = "",
    next_url: str = "",
) -> str:
    """Returns the provider's address to go to; raises when it cannot be asked."""
    with documents.one_deadline() as session:
        where = documents.endpoints(provider, session).authorization
    # Never a fixed one: without a decision the sign-in is bound to this visit.
    nonce = base64url(intent.digest) if intent else secrets.token_urlsafe(32)
    pending = Pending(
        provider=provider.id,
        purpose=purpose,
        person=str(request.user.public_id),
        verifier=secrets.token_urlsafe(48),
        nonce=nonce,
        began_at=clock.db_now().isoformat(),
        intent=str(intent.public_id) if intent else "",
        back=back,
        next=next_url,
    )
    state = secrets.token_urlsafe(24)
    _keep(request, state, pending)
    challenge = hashlib.sha256(pending.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": _redirect_uri(request),
        "scope": "openid email",
        "state": state,
        "nonce": nonce,
        "code_challenge": base64url(challenge),
        "code_challenge_method": "S256",
        "prompt": "login",
        "max_age": "0",
        "login_hint": request.user.email,
    }
    joint = "&" if urlsplit(where).query else "?"
    return f"{where}{joint}{urlencode(query)}"


def take(request: PageRequest) -> Pending | None:
    """
    Returns the sign-in that this callback ends, once: its state is used up.

    The session is stored at once, so that a second callback beside this one finds it
    used. None for a state that is unknown, used, too old, or of another person.
    """
    kept = _kept(request)
    found = kept.pop(request.GET.get("state", ""), None)
    if found is None:
        return None
    request.session[SESSION_KEY] = kept
    request.session.save()
    try:
        pending = Pending(**{**found, "purpose": Purpose(found["purpose"])})
        began_at = datetime.fromisoformat(pending.began_at)
    except (TypeError, KeyError, ValueError):
        return None
    if pending.person != str(request.user.public_id):
        return None
    is_young = timedelta(0) <= clock.db_now() - began_at < LASTS
    return pending if is_young else None


def sign_in_of(request: PageRequest, pending: Pending) -> SignIn:
    """
    Exchanges the code, and returns the verified, fresh sign-in.

    Talks to the provider, so never inside a transaction; nothing is recorded here.
    """
    provider = provider_or_404(pending.provider)
    if "error" in request.GET:
        if request.GET["error"] == CANCELLED:
            msg = text("sign-in was cancelled")
            raise SignInRefused(msg)
        msg = text("%(provider)s refused the sign-in", provider=provider.name)
        raise SignInRefused(msg)
    # Whoever says from where the answer comes says it right (RFC 9207): a code of one
    # provider must not be brought to another.
    if request.GET.get("iss", provider.issuer) != provider.issuer:
        msg = text("this sign-in was not made by %(provider)s", provider=provider.name)
        raise SignInRefused(msg)
    with documents.one_deadline() as session:
        raw = _exchange(request, provider, pending, session)
        sign_in = tokens.verify(
            provider=provider,
            raw=raw,
            find_key=lambda kid: documents.key_of(provider, session, kid),
            now=clock.db_now(),
            nonce=pending.nonce,
        )
    tokens.require_fresh(sign_in, now=clock.db_now())
    return sign_in


def _exchange(
    request: PageRequest,
    provider: Provider,
    pending: Pending,
    session: requests.Session,
) -> str:
    """Returns the raw ID token for the callback's code (RFC 6749 4.1.3, RFC 7636)."""
    where = documents.endpoints(provider, session)
    form = {
        "grant_type": "authorization_code",
        "code": request.GET.get("code", ""),
        "redirect_uri": _redirect_uri(request),
        "code_verifier": pending.verifier,
    }
    login = None
    if where.sends_secret_in_body:
        form |= {
            "client_id": provider.client_id,
            "client_secret": provider.client_secret,
        }
    else:  # form-encoded first (RFC 6749 2.3.1)
        login = (quote(provider.client_id), quote(provider.client_secret))
    asked = requests.Request("POST", where.token, data=form, auth=login)
    status, said = documents.answer_of(provider, session, asked)
    token = said.get("id_token")
    if status != requests.codes.ok or not isinstance(token, str):
        msg = text("%(provider)s did not confirm the sign-in", provider=provider.name)
        raise SignInRefused(msg)
    return token


def _redirect_uri(request: PageRequest) -> str:
    return request.build_absolute_uri(reverse("stepup-callback"))


def _kept(request: PageRequest) -> dict[str, Any]:
    stored = request.session.get(SESSION_KEY)
    return dict(stored) if isinstance(stored, dict) else {}


def _keep(request: PageRequest, state: str, pending: Pending) -> None:
    """Adds one, and forgets the oldest: abandoned ones must not fill the session."""
    kept = {**_kept(request), state: asdict(pending)}
    newest = list(kept.items())[-AT_ONCE:]
    request.session[SESSION_KEY] = dict(newest)
