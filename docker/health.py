"""Exit code 0 when the web server of this container is alive; for health checks."""

# ruff: noqa: INP001  # a script of the image, run by path

import os
import sys
import urllib.request
from urllib.error import URLError

DEFAULT = "http://127.0.0.1:8000/healthz"


def main(url: str) -> int:
    """Asks under a host name that Django allows, as a proxy would."""
    allowed = os.environ.get("BREAKGLASS_ALLOWED_HOSTS", "").split(",")[0].strip()
    host = allowed.removeprefix(".") if allowed not in {"", "*"} else "localhost"
    asked = urllib.request.Request(url, headers={"Host": host})  # noqa: S310  # our own
    try:
        with urllib.request.urlopen(asked, timeout=5):  # noqa: S310  # our own
            return 0
    except (URLError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or [DEFAULT]))
