"""
What runs in the processes that share bundles. Imports nothing of Django's models.

The children start empty (`spawn`): a forked one would hold the parent's connections,
and end them for both. So the verifier is handed over, and must be picklable.
"""

from collections.abc import Sequence

from breakglass.audit import verify
from breakglass.audit.verify import BundleCheck, BundleChecks, Signed
from breakglass.signing import Verifier, fallback
from breakglass.states import SignedBy

_checks: list[BundleChecks] = []


def begin(verifier: Verifier) -> None:
    """Runs once in each child: the verifier's keys are parsed once, and kept."""
    _checks[:] = [verify.in_turn(check_by(verifier))]


def check_by(verifier: Verifier) -> BundleCheck:
    """Returns the check of one bundle: by the instance's verifier, or a fallback's."""
    verifiers = {SignedBy.INSTANCE.value: verifier}

    def one(raw: bytes, statement: bytes, identity: str, signed_by: str) -> None:
        if signed_by not in verifiers:
            verifiers[signed_by] = fallback.verifier_for(signed_by)
        verifiers[signed_by].verify(bundle=raw, statement=statement, email=identity)

    return one


def check(signed: Sequence[Signed]) -> list[str]:
    """Says for each bundle what is wrong with it; empty for one that verifies."""
    return list(_checks[0](signed))
