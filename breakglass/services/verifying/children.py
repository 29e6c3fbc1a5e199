"""
What runs in the processes that share bundles. Imports nothing of Django's models.

The children start empty (`spawn`): a forked one would hold the parent's connections,
and end them for both. So the verifier is handed over, and must be picklable.
"""

from collections.abc import Sequence

from breakglass.audit import verify
from breakglass.audit.verify import BundleChecks, Signed
from breakglass.signing import Verifier

_checks: list[BundleChecks] = []


def begin(verifier: Verifier) -> None:
    """Runs once in each child: the verifier's keys are parsed once, and kept."""

    def one(raw: bytes, statement: bytes, identity: str) -> None:
        verifier.verify(bundle=raw, statement=statement, email=identity)

    _checks[:] = [verify.in_turn(one)]


def check(signed: Sequence[Signed]) -> list[str]:
    """Says for each bundle what is wrong with it; empty for one that verifies."""
    return list(_checks[0](signed))
