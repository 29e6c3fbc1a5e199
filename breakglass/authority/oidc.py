"""
The OIDC issuer: it turns the portal's word about a person into an ID token.

The portal says who is signing in a short-lived JWT under its own key and gets an ID
token for Fulcio in exchange (RFC 8693). Both tokens can be used once. The authority
believes whatever the portal's key signs: see docs/sigstore.md on custody.
"""

import base64
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority.config import Constants
from breakglass.authority.errors import Refused, TokenRefused
from breakglass.authority.keys import key_id
from breakglass.authority.wire import JsonObject

AUDIENCE: Final = "sigstore"
PORTAL: Final = "portal"
GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
TYPE_ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a URN

ID_TOKEN_SECONDS: Final = 300
SUBJECT_TOKEN_SECONDS: Final = 120
LEEWAY_SECONDS: Final = 5

SUBJECT_TOKEN: Final = "subject_token"  # noqa: S105 - kinds in the table of used tokens
ID_TOKEN: Final = "id_token"  # noqa: S105

_ALGORITHMS: Final = ("ES256",)
_JTI: Final = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)
_SUBJECT: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
# The SAN is an IA5String: an address outside ASCII cannot be certified.
_EMAIL: Final = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
)
# Everything that PyJWT was seen to raise for hostile tokens, nesting bombs included.
_BAD_TOKEN: Final = (
    jwt.PyJWTError,
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a verified token speaks of, and what makes the token single-use."""

    subject: str
    email: str
    jti: str
    expires_at: int


class Issuer:
    """Mints and verifies the installation's ID tokens."""

    def __init__(
        self,
        *,
        constants: Constants,
        key: ec.EllipticCurvePrivateKey,
        portal_key: ec.EllipticCurvePublicKey,
        public_url: str,
    ) -> None:
        self._issuer = constants.issuer
        self._key = key
        self._portal_key = portal_key
        self._public_url = public_url
        self._kid = key_id(key.public_key()).hex()[:16]

    def exchange(
        self, form: Mapping[str, str], consume: Callable[[Identity], bool]
    ) -> JsonObject:
        """
        Answers a token exchange request (RFC 8693 section 2.1) with an ID token.

        *consume* is asked last, and says whether the subject token is used for the
        first time. Raises `TokenRefused` with the error code of section 2.2.2.
        """
        if form.get("grant_type") != GRANT_TYPE:
            raise TokenRefused(
                "only token exchange is supported", code="unsupported_grant_type"
            )
        if form.get("subject_token_type") != TYPE_JWT:
            raise TokenRefused(f"subject_token_type must be {TYPE_JWT}")
        if form.get("requested_token_type", TYPE_ID_TOKEN) != TYPE_ID_TOKEN:
            raise TokenRefused(f"requested_token_type must be {TYPE_ID_TOKEN}")
        if form.get("audience") != AUDIENCE:
            raise TokenRefused(f"audience must be {AUDIENCE}", code="invalid_target")
        identity = self._verify_subject_token(form.get("subject_token", ""))
        if not consume(identity):
            raise TokenRefused("the subject token has been used before")
        return {
            "access_token": self._mint(identity),
            "issued_token_type": TYPE_ID_TOKEN,
            "token_type": "N_A",
            "expires_in": ID_TOKEN_SECONDS,
        }

    def verify(self, token: str) -> Identity:
        """Returns who *token* speaks of; raises `Refused` (401) for any other token."""
        try:
            claims = self._decode(
                token,
                self._key.public_key(),
                issuer=self._issuer,
                audience=AUDIENCE,
            )
            identity = _identity(claims)
        except _BAD_TOKEN as exc:
            raise Refused(f"the identity token is refused: {exc}", status=401) from exc
        if claims.get("email_verified") is not True:
            raise Refused("the identity token's e-mail is not verified", status=401)
        return identity

    def discovery(self) -> JsonObject:
        """
        Returns the OpenID Provider Metadata (OpenID Connect Discovery 1.0 section 3).

        The issuer is the installation's constant; the endpoints are where this
        process is served.
        """
        base = f"{self._public_url}/oidc"
        return {
            "issuer": self._issuer,
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "grant_types_supported": [GRANT_TYPE],
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(_ALGORITHMS),
            "claims_supported": ["sub", "email", "email_verified"],
        }

    def jwks(self) -> JsonObject:
        """Returns the key that signs ID tokens as a JWK set (RFC 7517 section 5)."""
        numbers = self._key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "EC",
                    "crv": "P-256",
                    "use": "sig",
                    "alg": "ES256",
                    "kid": self._kid,
                    "x": _base64url(numbers.x),
                    "y": _base64url(numbers.y),
                }
            ]
        }

    def _verify_subject_token(self, token: str) -> Identity:
        try:
            claims = self._decode(
                token, self._portal_key, issuer=PORTAL, audience=self._issuer
            )
            if int(claims["exp"]) - int(claims["iat"]) > SUBJECT_TOKEN_SECONDS:
                raise ValueError(f"it lives longer than {SUBJECT_TOKEN_SECONDS} s")
            return _identity(claims)
        except _BAD_TOKEN as exc:
            raise TokenRefused(f"the subject token is refused: {exc}") from exc

    def _mint(self, identity: Identity) -> str:
        # No `nbf`: clients check it without leeway, so a clock that lags by a second
        # would refuse a good token.
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "sub": identity.subject,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + ID_TOKEN_SECONDS,
            "email": identity.email,
            "email_verified": True,
            "jti": secrets.token_urlsafe(24),
        }
        return jwt.encode(
            claims, self._key, algorithm="ES256", headers={"kid": self._kid}
        )

    @staticmethod
    def _decode(
        token: str, key: ec.EllipticCurvePublicKey, *, issuer: str, audience: str
    ) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=_ALGORITHMS,
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={
                "require": ["iss", "aud", "sub", "iat", "exp", "jti", "email"],
                "strict_aud": True,
            },
        )


def _identity(claims: Mapping[str, object]) -> Identity:
    return Identity(
        subject=_matching(_SUBJECT, claims, "sub"),
        email=_matching(_EMAIL, claims, "email"),
        jti=_matching(_JTI, claims, "jti"),
        expires_at=int(str(claims["exp"])),
    )


def _matching(pattern: re.Pattern[str], claims: Mapping[str, object], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"its {name} is malformed")
    return value


def _base64url(number: int) -> str:
    """Base64url of a P-256 coordinate (RFC 7518 section 6.2.1.2)."""
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
