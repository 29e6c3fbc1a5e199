"""What proves one approval, beside its signature: a fresh sign-in, and a passkey."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Method = Literal["password", "oidc", "passkey"]


@dataclass(frozen=True, slots=True)
class AssertedPasskey:
    """
    What an authenticator answered, byte for byte, to one challenge.

    Source: https://www.w3.org/TR/webauthn-3/#authenticatorassertionresponse
    """

    credential_id: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class AttestedPasskey:
    """
    What an authenticator answered when it made a credential, byte for byte.

    Source: https://www.w3.org/TR/webauthn-3/#authenticatorattestationresponse
    """

    client_data: bytes
    attestation_object: bytes
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """
    How a person proved, for one decision, who they are; `at` by the database's clock.

    For `oidc`: issuer, subject, `auth_time`, `amr` and `acr` as the provider said, and
    the digest of its ID token. `id_token` itself is for the certificate authority, in
    this request only; nobody stores it.
    """

    method: Method
    at: datetime
    issuer: str = ""
    subject: str = ""
    token_sha256: bytes | None = None
    auth_time: datetime | None = None
    amr: tuple[str, ...] = ()
    acr: str = ""
    passkey: AssertedPasskey | None = None
    id_token: str = ""
