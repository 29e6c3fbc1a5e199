"""
Signatures by people and by the portal, through Sigstore.

The ports are here; keyless.py and identity.py implement them over HTTP against
whatever instance the settings choose (instance.py). There is no insecure signer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from breakglass.states import SignedBy


@dataclass(frozen=True, slots=True)
class SignerIdentity:
    """Whose name the certificate shall carry: the subject and its e-mail."""

    subject: str
    email: str


@dataclass(frozen=True, slots=True)
class Expected:
    """One name that a certificate may carry, and the issuer who vouched for it."""

    identity: str
    issuer: str


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """
    A bundle that verified: its exact bytes, and what they prove.

    `identity` and `issuer` are those of the certificate: the portal's workload
    identity where the instance signs everything under that one.
    The sealed key has no log: its `log_index` is None, and `integrated_at` is what the
    portal's own clock said.
    """

    raw: bytes
    payload: bytes
    identity: str
    issuer: str
    log_index: int | None
    integrated_at: datetime
    signed_by: SignedBy = SignedBy.INSTANCE


class Signer(Protocol):
    """Makes a bundle over exact statement bytes, in somebody's name."""

    def sign(
        self, *, statement: bytes, identity: SignerIdentity, id_token: str | None = None
    ) -> bytes:
        """
        Returns the bundle's JSON bytes, before the one deadline of a signature.

        `id_token` is the person's own from a fresh sign-in, which the instance sees
        where it trusts that provider. Talks to the network: never call it inside a
        transaction. Raises SigningFailed, which says the stage and whether a retry
        may help; at stage `busy` nothing was tried.
        """
        ...


class Verifier(Protocol):
    """Checks a bundle against the instance's trusted root, offline."""

    def verify(
        self,
        *,
        bundle: bytes,
        statement: bytes,
        email: str = "",
        expected: Sequence[Expected] = (),
    ) -> SignedBundle:
        """
        Returns what the bundle proves.

        Raises SigningFailed (stage `verify`) unless the certificate names one of
        `expected` (by default `email` under an issuer of ours), the log proof holds,
        and what is signed equals `statement`.
        """
        ...
