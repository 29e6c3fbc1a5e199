"""
WebAuthn, as far as bytes go: the options that a browser gets, the answers it gives.

Only this module and cose.py import fido2. Nothing here knows people, tenants or
cool-downs: services/people/passkeys.py does. Source: https://www.w3.org/TR/webauthn-3/
"""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from fido2 import cbor
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestationObject,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorData,
    CollectedClientData,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from breakglass.errors import PasskeyRefused
from breakglass.rules.evidence import AssertedPasskey, AttestedPasskey
from breakglass.signing import cose
from breakglass.texts import text

NAME: Final = "breakglass"
# https://www.w3.org/TR/webauthn-3/#enum-transport: anything else is not kept.
TRANSPORTS: Final = frozenset({"usb", "nfc", "ble", "hybrid", "internal", "smart-card"})
ID_MAXIMUM: Final = 1023
# An answer is kept whole in the log, so it may not be a place to store things in.
ANSWER_MAXIMUM: Final = 4096
_BROKEN: Final = text("The browser's answer cannot be read. Try again.")
# What fido2 and cryptography raise for bytes that are no such thing.
_MALFORMED: Final = (ValueError, TypeError, KeyError, IndexError, AssertionError)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who asks: the name that credentials are bound to, and the one page allowed."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential that was made for us just now, and the person was verified."""

    credential_id: bytes
    public_key: bytes
    aaguid: UUID
    sign_count: int


def relying_party() -> RelyingParty:
    """Returns what the settings say: the portal's own address, and nothing else."""
    parts = urlsplit(settings.BASE_URL)
    return RelyingParty(
        rp_id=settings.WEBAUTHN_RP_ID or parts.hostname or "",
        origin=f"{parts.scheme}://{parts.netloc}",
    )


def decoded(text: str) -> bytes:
    """Returns the bytes of base64url text, or raises PasskeyRefused."""
    try:
        raw = text.encode("ascii")
        return urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    except (ValueError, binascii.Error) as error:
        raise PasskeyRefused(_BROKEN) from error


def creation_options(
    rp: RelyingParty,
    *,
    challenge: bytes,
    handle: bytes,
    email: str,
    name: str,
    known: Sequence[bytes],
) -> dict[str, Any]:
    """Returns what navigator.credentials.create() takes, as JSON can carry it."""
    options, _ = _server(rp).register_begin(
        PublicKeyCredentialUserEntity(id=handle, name=email, display_name=name),
        credentials=_descriptors(known),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    return _plain(options.public_key)


def request_options(
    rp: RelyingParty, *, challenge: bytes, allowed: Sequence[bytes]
) -> dict[str, Any]:
    """
    Returns what navigator.credentials.get() takes, as JSON can carry it.

    Nobody named in `allowed` lets the authenticator offer what it holds for us.
    """
    options, _ = _server(rp).authenticate_begin(
        credentials=_descriptors(allowed) or None,
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    return _plain(options.public_key)


def registered(
    rp: RelyingParty, *, challenge: bytes, answer: AttestedPasskey
) -> NewCredential:
    """
    Returns the new credential; raises PasskeyRefused, saying what did not hold.

    Attestation is not asked for: which make of authenticator it is proves little, and
    whose it is is proven by the sign-in before.
    """
    try:
        attestation = AttestationObject(answer.attestation_object)
        made = attestation.auth_data.credential_data
        client_data = CollectedClientData(answer.client_data)
        _require_same_page(client_data)
        _server(rp).register_complete(
            _state(challenge),
            RegistrationResponse(
                raw_id=made.credential_id if made else b"",
                response=AuthenticatorAttestationResponse(
                    client_data=client_data, attestation_object=attestation
                ),
            ),
        )
        if made is None or not 0 < len(made.credential_id) <= ID_MAXIMUM:
            msg = "no credential of a known size"
            raise ValueError(msg)
        public_key = cbor.encode(dict(made.public_key))
        cose.spki(
            public_key
        )  # raises for an algorithm or a key that nobody could check
    except PasskeyRefused:
        raise
    except _MALFORMED as error:
        raise _refused(error) from error
    return NewCredential(
        credential_id=bytes(made.credential_id),
        public_key=public_key,
        aaguid=UUID(bytes=bytes(made.aaguid)),
        sign_count=attestation.auth_data.counter,
    )


def asserted(
    rp: RelyingParty, *, challenge: bytes, public_key: bytes, answer: AssertedPasskey
) -> int:
    """
    Returns the signature counter of an assertion that holds under `public_key`.

    Type, origin, challenge, relying party, user presence and verification, and the
    signature are checked; PasskeyRefused says which one did not hold.
    """
    parts = (answer.client_data, answer.authenticator_data, answer.signature)
    if max(map(len, parts)) > ANSWER_MAXIMUM:
        raise PasskeyRefused(_BROKEN)
    try:
        client_data = CollectedClientData(answer.client_data)
        auth_data = AuthenticatorData(answer.authenticator_data)
        _require_same_page(client_data)
        known = AttestedCredentialData.create(
            bytes(16), answer.credential_id, cose.parsed(public_key)
        )
        _server(rp).authenticate_complete(
            _state(challenge),
            [known],
            AuthenticationResponse(
                raw_id=answer.credential_id,
                response=AuthenticatorAssertionResponse(
                    client_data=client_data,
                    authenticator_data=auth_data,
                    signature=answer.signature,
                ),
            ),
        )
    except PasskeyRefused:
        raise
    except _MALFORMED as error:
        raise _refused(error) from error
    return int(auth_data.counter)


def _server(rp: RelyingParty) -> Fido2Server:
    """Exactly our own page is the origin; fido2 alone would take every subdomain."""
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=rp.rp_id, name=NAME),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin == rp.origin,
    )
    server.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=alg)
        for alg in cose.ALGORITHMS
    ]
    return server


def _state(challenge: bytes) -> dict[str, Any]:
    return {
        "challenge": websafe_encode(challenge),
        "user_verification": UserVerificationRequirement.REQUIRED,
    }


def _descriptors(ids: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            type=PublicKeyCredentialType.PUBLIC_KEY, id=one, transports=None
        )
        for one in ids
    ]


def _require_same_page(client_data: CollectedClientData) -> None:
    """An assertion made inside somebody else's frame is not our person's decision."""
    if client_data.cross_origin:
        msg = text(
            "The passkey was asked for by another site's page. Nothing was recorded."
        )
        raise PasskeyRefused(msg)


def _refused(error: Exception) -> PasskeyRefused:
    """Says what did not hold in words of ours; what is malformed is only that."""
    said = str(error)
    for words, message in _SAID:
        if words in said:
            return PasskeyRefused(message)
    return PasskeyRefused(_BROKEN)


_SAID: Final = (
    ("Wrong challenge", text("The passkey answered another question than this one.")),
    ("origin", text("The passkey answered on another address than the portal's own.")),
    ("RP ID", text("The passkey was made for another site than this one.")),
    ("User Present", text("The passkey does not say that somebody was there.")),
    (
        "User verification",
        text("The passkey does not say that it checked who you are."),
    ),
    ("Incorrect type", text("This is not an answer of the kind that was asked for.")),
    ("Invalid signature", text("The passkey's signature does not hold.")),
    ("algorithm", text("This passkey uses an algorithm that is not taken here.")),
)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns nested options as plain JSON values, bytes in base64url."""
    plain: dict[str, Any] = json.loads(json.dumps(options, default=_dict))
    return plain


def _dict(value: Any) -> Any:
    return dict(value)
