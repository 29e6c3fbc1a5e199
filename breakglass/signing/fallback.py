"""
What stands in for the Sigstore instance while it is down, and how that verifies.

Tried in order: the embedded authority, unless it is the instance itself, then the
sealed key. Whether anything may stand in is for the tier to say, not for this room.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from breakglass import clock
from breakglass.errors import SigningFailed
from breakglass.signing import (
    SignedBundle,
    Signer,
    SignerIdentity,
    Verifier,
    instance,
    sealed,
)
from breakglass.signing.deadline import BUSY
from breakglass.signing.identity import Tokens
from breakglass.signing.keyless import (
    KeylessSigner,
    KeylessVerifier,
    verifier_from_settings,
)
from breakglass.states import SignedBy
from breakglass.texts import text

INSTANCE_DEADLINE: Final = timedelta(seconds=6)
"""What is left to the instance of one signature's time, where something stands in."""
EMBEDDED_DEADLINE: Final = timedelta(seconds=3)
_NO_OUTAGE: Final = frozenset({"trust", "verify", "library", "sealed_key", BUSY})


@dataclass(frozen=True, slots=True)
class StandIn:
    """One signer of the fallback, and what verifies it."""

    signed_by: SignedBy
    signer: Callable[[], Signer]

    def sign(self, *, statement: bytes, identity: SignerIdentity) -> SignedBundle:
        """Returns a bundle that verified. Raises SigningFailed like any signer."""
        if self.signed_by == SignedBy.EMBEDDED:
            identity = _at_the_embedded(identity)
        raw = self.signer().sign(statement=statement, identity=identity)
        proven = verifier_for(self.signed_by).verify(
            bundle=raw, statement=statement, email=identity.email
        )
        return replace(proven, signed_by=self.signed_by)


def is_outage(error: SigningFailed) -> bool:
    """
    Says whether a failure means that the service cannot be reached or does not work.

    A refusal, a bundle that does not verify and a broken installation of our own are
    no outage: nothing stands in for those. Nor for a signature that was not even tried
    since others wait: the next try tells.
    """
    return error.retryable and error.stage not in _NO_OUTAGE


def fallback_signers() -> tuple[StandIn, ...]:
    """Returns what this installation can sign with while its instance is down."""
    found: list[StandIn] = []
    if _embedded_stands_in():
        found.append(StandIn(SignedBy.EMBEDDED, _embedded_signer))
    if sealed_key_is_ready():
        found.append(StandIn(SignedBy.SEALED_KEY, _sealed_signer))
    return tuple(found)


def sign(*, statement: bytes, identity: SignerIdentity) -> SignedBundle:
    """
    Signs with the first stand-in that answers.

    Raises SigningFailed when none is configured, when the last one fails as well, or
    at once when one refuses.
    """
    failed = SigningFailed(
        text("no fallback is configured for an outage of the signing service"),
        stage="sealed_key",
        retryable=True,
    )
    for stand_in in fallback_signers():
        try:
            return stand_in.sign(statement=statement, identity=identity)
        except SigningFailed as error:
            if not is_outage(error):
                raise
            failed = error
    raise failed


def verifier_for(signed_by: str) -> Verifier:
    """Returns what checks a bundle of this origin; SigningFailed without trust."""
    match SignedBy(signed_by):
        case SignedBy.SEALED_KEY:
            return sealed.SealedVerifier(keys=sealed_keys())
        case SignedBy.EMBEDDED:
            return _embedded_verifier()
        case SignedBy.INSTANCE:
            return verifier_from_settings()


def sealed_keys() -> tuple[sealed.ListedKey, ...]:
    """Returns the keys that the trust file lists for the fallback alone."""
    return sealed.listed(path=Path(settings.SEALED_KEY))


def sealed_key_is_ready() -> bool:
    """Whether the sealed key is there and could be opened; it is not opened here."""
    return (
        bool(settings.SEALED_KEY_PASSPHRASE)
        and Path(settings.SEALED_KEY).is_file()
        and bool(sealed_keys())
    )


def _at_the_embedded(identity: SignerIdentity) -> SignerIdentity:
    """The portal has a name of its own there; people are called the same everywhere."""
    if identity.email != settings.SIGNING_WORKLOAD:
        return identity
    name = settings.EMBEDDED_WORKLOAD
    return SignerIdentity(subject=name, email=name)


def _embedded_stands_in() -> bool:
    return settings.SIGNING_INSTANCE != "embedded" and _embedded_trust().is_file()


def _embedded_trust() -> Path:
    return Path(settings.AUTHORITY_DIR) / "trust_config.json"


def _embedded_config() -> str:
    try:
        return _embedded_trust().read_text()
    except OSError as error:
        msg = text("the embedded authority's trust config cannot be read")
        raise SigningFailed(msg, stage="trust", retryable=True) from error


def _embedded_signer() -> Signer:
    return KeylessSigner(
        trust_config=_embedded_config(),
        tokens=Tokens(
            source=instance.PORTAL,
            token_url=f"{settings.AUTHORITY_URL}/oidc/token",
            issuer=settings.SIGNING_ISSUER,
            key_path=Path(settings.PORTAL_KEY),
        ),
        deadline=min(settings.SIGNING_DEADLINE, EMBEDDED_DEADLINE),
        slots=settings.SIGNING_SLOTS,
    )


def _embedded_verifier() -> Verifier:
    return KeylessVerifier(
        trust_config=_embedded_config(), issuer=settings.SIGNING_ISSUER
    )


def _sealed_signer() -> Signer:
    return sealed.SealedSigner(
        path=Path(settings.SEALED_KEY),
        passphrase=settings.SEALED_KEY_PASSPHRASE,
        now=clock.db_now,
    )
