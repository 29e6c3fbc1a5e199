"""
Prints the trust config that a TUF repository vouches for: `python -m … URL [ROOT]`.

A process of its own, because the library refreshes without a deadline that could be
set (120 s against a server that never answers): services/tenancy/trust.py ends it in
time. Nothing that serves a request imports this.
"""

import sys
from pathlib import Path

from sigstore.errors import TUFError
from sigstore.models import ClientTrustConfig

FAILED = 1


def main(url: str, root: str = "") -> int:
    """Writes the ClientTrustConfig to standard output; returns the exit code."""
    try:
        config = ClientTrustConfig.from_tuf(
            url, bootstrap_root=Path(root) if root else None
        )
    except (TUFError, OSError, ValueError) as error:
        why = error.__cause__ or error
        sys.stderr.write(f"{type(why).__name__}: {str(why)[:300]}\n")
        return FAILED
    # The library verifies the parts and hands them out as objects only; the message
    # behind them is what from_json reads again.
    sys.stdout.write(config._inner.to_json())  # noqa: SLF001 - see above
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
