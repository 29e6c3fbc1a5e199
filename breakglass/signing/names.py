"""Which names a certificate may carry: sigstore's policies over ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate
from sigstore.errors import Error as SigstoreError
from sigstore.errors import VerificationError
from sigstore.models import Bundle
from sigstore.verify import policy

from breakglass.errors import SigningFailed
from breakglass.signing import Expected


def _policy(one: Expected) -> policy.AllOf:
    return policy.AllOf(
        [policy.Identity(identity=one.identity), policy.OIDCIssuerV2(one.issuer)]
    )


@dataclass(frozen=True, slots=True)
class AnyName:
    """Sigstore's own only counts how many failed; this says what the first missed."""

    names: Sequence[Expected]

    def verify(self, cert: Certificate) -> None:
        """Raises unless the certificate carries one of the names."""
        first: SigstoreError | None = None
        for one in self.names:
            try:
                return _policy(one).verify(cert)
            except SigstoreError as error:
                first = first or error
        raise first or VerificationError("nobody is expected")


def signer_in(parsed: Bundle, wanted: Sequence[Expected]) -> Expected:
    """Returns which of the accepted names a verified certificate carries."""
    for one in wanted:
        try:
            _policy(one).verify(parsed.signing_certificate)
        except SigstoreError:
            continue
        return one
    msg = "the certificate names nobody who was expected"
    raise SigningFailed(msg, stage="verify", retryable=False)
