"""
Whose token: the approver's, or the portal's own workload identity.

The embedded authority mints the ID token by token exchange (RFC 8693): the portal
vouches for the person with a short-lived JWT (RFC 7523) under its own key.
"""

import time
import uuid
from pathlib import Path
from typing import Final

import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from breakglass.errors import SigningFailed
from breakglass.signing import SignerIdentity
from breakglass.signing.transport import DeadlineAdapter, mount

GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a type's name
ASSERTION_SECONDS: Final = 60


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
            msg = "the signing service did not answer"
            raise SigningFailed(msg, stage="identity", retryable=True) from error
    if answer.status_code != requests.codes.ok:
        msg = f"the signing service refused an identity ({answer.status_code})"
        raise SigningFailed(
            msg,
            stage="identity",
            retryable=answer.status_code >= requests.codes.server_error,
        )
    try:
        return str(answer.json()["access_token"])
    except (ValueError, KeyError, TypeError) as error:
        msg = "the signing service answered without a token"
        raise SigningFailed(msg, stage="identity", retryable=True) from error


def _assertion(*, issuer: str, key_path: Path, identity: SignerIdentity) -> str:
    """Returns the JWT in which the portal says who the person is."""
    try:
        key = ECKey.import_key(key_path.read_bytes())
    except (OSError, ValueError) as error:
        msg = f"the portal's signing key {key_path.name} cannot be read"
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
