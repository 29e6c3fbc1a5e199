"""
Whose token: the approver's, or the portal's own workload identity.

The embedded authority mints the ID token by token exchange (RFC 8693): the portal
vouches for the person with a short-lived JWT (RFC 7523) under its own key. External
instances see the workload's token, or the person's own from a fresh sign-in.
"""

import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
from joserfc import jwt
from joserfc.jwk import ECKey
from sigstore.oidc import IdentityToken, detect_credential

from breakglass.errors import SigningFailed
from breakglass.signing import SignerIdentity
from breakglass.signing.instance import PORTAL, PROVIDER
from breakglass.signing.transport import DeadlineAdapter, mount
from breakglass.texts import text

GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a type's name
ASSERTION_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Tokens:
    """Where the ID token of a signature comes from: the three ways of the settings."""

    source: str
    token_url: str
    issuer: str
    key_path: Path
    token_file: str = ""
    client_id: str = ""

    def token(
        self,
        *,
        identity: SignerIdentity,
        id_token: str | None,
        adapter: DeadlineAdapter,
    ) -> IdentityToken:
        """
        Returns the token that the certificate authority sees.

        Raises SigningFailed at stage `identity`, or the library's own errors for a
        token that is not one, is for another audience, or is over.
        """
        if self.source == PORTAL:
            raw = exchange(
                token_url=self.token_url,
                issuer=self.issuer,
                key_path=self.key_path,
                identity=identity,
                adapter=adapter,
            )
            return IdentityToken(raw)
        if self.source == PROVIDER and id_token:
            return IdentityToken(id_token, client_id=self.client_id)
        # Taken up again later there is no fresh sign-in, and the portal's own
        # statements never have one: then the workload signs.
        return IdentityToken(self._workload())

    def _workload(self) -> str:
        """Returns the machine's token, read anew: it is changed every few minutes."""
        if self.token_file:
            try:
                raw = Path(self.token_file).read_text(encoding="ascii").strip()
            except (OSError, UnicodeDecodeError) as error:
                msg = text("the file of BREAKGLASS_WORKLOAD_TOKEN_FILE cannot be read")
                raise SigningFailed(msg, stage="identity", retryable=True) from error
        else:
            raw = detect_credential() or ""
        if not raw:
            msg = text(
                "this machine has no workload identity: set "
                "BREAKGLASS_WORKLOAD_TOKEN_FILE, or run where the platform "
                "gives one"
            )
            raise SigningFailed(msg, stage="identity", retryable=True)
        return raw


def exchange(
    *,
    token_url: str,
    issuer: str,
    key_path: Path,
    identity: SignerIdentity,
    adapter: DeadlineAdapter,
) -> str:
    """
    Returns a raw ID token (audience `sigstore`, single use, 5 minutes).

    Raises SigningFailed at stage `identity`: not retryable when the portal's key is
    missing or the authority refuses it, retryable when it does not answer.
    """
    form = {
        "grant_type": GRANT,
        "subject_token": _assertion(
            issuer=issuer, key_path=key_path, identity=identity
        ),
        "subject_token_type": TOKEN_TYPE,
        "audience": "sigstore",
    }
    with requests.Session() as session:
        mount(session, adapter)
        try:
            answer = session.post(token_url, data=form)
        except requests.RequestException as error:
            msg = text("the signing service did not answer")
            raise SigningFailed(msg, stage="identity", retryable=True) from error
    if answer.status_code != requests.codes.ok:
        msg = text(
            "the signing service refused an identity (%(status_code)s)",
            status_code=answer.status_code,
        )
        raise SigningFailed(
            msg,
            stage="identity",
            retryable=answer.status_code >= requests.codes.server_error,
        )
    try:
        return str(answer.json()["access_token"])
    except (ValueError, KeyError, TypeError) as error:
        msg = text("the signing service answered without a token")
        raise SigningFailed(msg, stage="identity", retryable=True) from error


def _assertion(*, issuer: str, key_path: Path, identity: SignerIdentity) -> str:
    """Returns the JWT in which the portal says who the person is."""
    try:
        key = ECKey.import_key(key_path.read_bytes())
    except (OSError, ValueError) as error:
        msg = text(
            "the portal's signing key %(key_path)s cannot be read",
            key_path=key_path.name,
        )
        raise SigningFailed(msg, stage="identity", retryable=False) from error
    now = int(time.time())
    claims = {
        "iss": "portal",
        "aud": issuer,
        "sub": identity.subject,
        "email": identity.email,
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    return jwt.encode({"alg": "ES256"}, claims, key)
