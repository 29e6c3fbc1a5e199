"""Whether one could sign now, as far as that can be said without signing."""

import json
import time
from pathlib import Path
from typing import Final
from urllib.request import ProxyHandler, build_opener

from django.conf import settings

from breakglass.signing.instance import EMBEDDED

_AUTHORITY_TIMEOUT: Final = 1.0
_TRUST_CONFIG_MAX: Final = 1_000_000
_TRUST_DAYS: Final = 3


def signing() -> str:
    """Returns a complaint, or nothing; may raise for what cannot be read."""
    path = Path(settings.TRUST_CONFIG)
    with path.open("rb") as file:
        trust = json.loads(file.read(_TRUST_CONFIG_MAX))
    if "trustedRoot" not in trust:
        return "the trust config names no trusted root"
    if settings.SIGNING_INSTANCE != EMBEDDED:
        return _trust_age(path)  # nobody else's service is asked by a probe
    # No proxy of the environment: the authority is on this machine or site.
    with build_opener(ProxyHandler({})).open(
        f"{settings.AUTHORITY_URL}/healthz", timeout=_AUTHORITY_TIMEOUT
    ):
        return ""


def _trust_age(path: Path) -> str:
    """A complaint when the refresh by TUF stopped; a file put by hand has no age."""
    days = (time.time() - path.stat().st_mtime) // 86_400
    if settings.TUF_URL and days > _TRUST_DAYS:
        return f"the trust config is {days:.0f} days old: `manage.py trust refresh`"
    return ""
