"""Which names a certificate may carry: sigstore's policies over ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.x509 import Certificate
from sigstore.errors import Error as SigstoreError
from sigstore.errors import VerificationError
from sigstore.verify import policy

from breakglass.signing import Expected


@lru_cache(maxsize=256)
def _policy(one: Expected) -> policy.AllOf:
    return policy.AllOf(
        [policy.Identity(identity=one.identity), policy.OIDCIssuerV2(one.issuer)]
    )


@dataclass(slots=True)
class AnyName:
    """
    Accepts a certificate that carries one of the names, and says which it was.

    Sigstore's own policy of this kind only counts how many failed; this one says what
    the first missed. Made anew for each bundle: it remembers the last match.
    """

    names: Sequence[Expected]
    matched: Expected | None = None

    def verify(self, cert: Certificate) -> None:
        """Raises unless the certificate carries one of the names."""
        first: SigstoreError | None = None
        for one in self.names:
            try:
                _policy(one).verify(cert)
            except SigstoreError as error:
                first = first or error
            else:
                self.matched = one
                return
        raise first or VerificationError("nobody is expected")
