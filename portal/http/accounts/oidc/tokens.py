"""
What an ID token proves, checked here and nowhere else.

Source: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation; every
refusal is a sentence for the person who just signed in.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError

from breakglass.errors import SignInRefused
from breakglass.texts import text
from portal.http.accounts.oidc.documents import Key
from portal.settings.providers import Provider

# Only signatures that the provider alone can make: never `none`, never a shared secret.
ALGORITHMS: Final = ["RS256", "ES256"]
LEEWAY: Final = timedelta(seconds=5)
FRESH_FOR: Final = timedelta(seconds=120)
_SUBJECT_MAX, _TEXT_MAX, _AMR_MAX, _AMR_COUNT = 200, 200, 50, 10


@dataclass(frozen=True, slots=True)
class SignIn:
    """One verified sign-in at a provider."""

    provider: Provider
    subject: str
    email: str  # empty unless the provider says that it has verified it
    auth_time: datetime | None
    amr: tuple[str, ...]
    acr: str
    raw: str = field(repr=False)

    @property
    def token_sha256(self) -> bytes:
        """What is kept of the token."""
        return sha256(self.raw.encode()).digest()

    @property
    def requires_passkey(self) -> bool:
        """True where the provider cannot prove that the person signed in just now."""
        return not self.provider.auth_time


def verify(
    *,
    provider: Provider,
    raw: str,
    find_key: Callable[[object], Key],
    now: datetime,
    nonce: str | None,
) -> SignIn:
    """
    Returns what the token proves, or raises SignInRefused.

    `find_key` is asked for the key of the token's own key id. A None `nonce` is for a
    login, where the code's verifier alone binds the token to the session.
    """
    claims = _signed_claims(provider=provider, raw=raw, find_key=find_key)
    _require_for_us(provider=provider, claims=claims)
    _require_valid_now(claims=claims, now=now)
    if nonce is not None and not _equal(claims.get("nonce"), nonce):
        msg = text("this sign-in was for another decision")
        raise SignInRefused(msg)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_MAX:
        msg = text("%(provider)s did not say who signed in", provider=provider.name)
        raise SignInRefused(msg)
    email = claims.get("email")
    is_verified = claims.get("email_verified") is True and isinstance(email, str)
    return SignIn(
        provider=provider,
        subject=subject,
        email=str(email) if is_verified else "",
        auth_time=_time(claims.get("auth_time")),
        amr=_texts(claims.get("amr")),
        acr=str(claims.get("acr") or "")[:_TEXT_MAX],
        raw=raw,
    )


def require_fresh(sign_in: SignIn, *, now: datetime) -> None:
    """
    Raises SignInRefused unless the provider proves that it asked the person just now.

    Only `auth_time` says that: a new token over an old session has a new `iat`. Where
    the provider is set up as unable to prove it, `requires_passkey` stands instead.
    """
    if sign_in.requires_passkey:
        return
    name, at = sign_in.provider.name, sign_in.auth_time
    if at is None:
        msg = text(
            "%(name)s did not prove when you signed in (it sent no "
            "auth_time), so this sign-in cannot stand behind a decision. "
            "Tell your administrators",
            name=name,
        )
        raise SignInRefused(msg)
    if not now - FRESH_FOR - LEEWAY <= at <= now + LEEWAY:
        msg = text(
            "%(name)s did not ask you to sign in again: your sign-in there is older",
            name=name,
        )
        raise SignInRefused(msg)


def _signed_claims(
    *, provider: Provider, raw: str, find_key: Callable[[object], Key]
) -> dict[str, Any]:
    try:
        token = jwt.decode(
            raw,
            lambda signed: find_key(signed.headers().get("kid")),
            algorithms=ALGORITHMS,
        )
    except (JoseError, ValueError, TypeError) as error:
        msg = text(
            "the answer of %(provider)s does not carry its signature",
            provider=provider.name,
        )
        raise SignInRefused(msg) from error
    return dict(token.claims)


def _require_for_us(*, provider: Provider, claims: dict[str, Any]) -> None:
    if not _equal(claims.get("iss"), provider.issuer):
        msg = text("this sign-in was not made by %(provider)s", provider=provider.name)
        raise SignInRefused(msg)
    given = claims.get("aud")
    audience = given if isinstance(given, list) else [given]
    party = claims.get("azp", None if len(audience) > 1 else provider.client_id)
    if provider.client_id not in audience or party != provider.client_id:
        msg = text("this sign-in was made for another application")
        raise SignInRefused(msg)


def _require_valid_now(*, claims: dict[str, Any], now: datetime) -> None:
    ends, issued = _time(claims.get("exp")), _time(claims.get("iat"))
    begins = _time(claims.get("nbf"))
    if ends is None or ends <= now - LEEWAY:
        msg = text("this sign-in had expired already")
        raise SignInRefused(msg)
    is_ahead = begins is not None and begins > now + LEEWAY
    if issued is None or issued > now + LEEWAY or is_ahead:
        msg = text("this sign-in is from the future: a clock is wrong, there or here")
        raise SignInRefused(msg)


def _time(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _texts(value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    kept = [str(item)[:_AMR_MAX] for item in given if isinstance(item, str)]
    return tuple(kept[:_AMR_COUNT])


def _equal(given: object, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(
        given.encode(), wanted.encode()
    )
