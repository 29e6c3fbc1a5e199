"""What `/readyz` says about signing: the instance, and what stands in for it."""

import json
import logging
import time
from pathlib import Path
from typing import Final
from urllib.request import ProxyHandler, build_opener

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db.models import OuterRef, Subquery

from breakglass.models import Policy, Tier
from breakglass.signing import fallback
from breakglass.signing.instance import EMBEDDED
from breakglass.states import PolicyState, SigningOutage

logger: Final = logging.getLogger(__name__)

_AUTHORITY_TIMEOUT: Final = 1.0
_TRUST_CONFIG_MAX: Final = 1_000_000
_TRUST_DAYS: Final = 3


def complaint() -> str:
    """
    Returns what is wrong with signing and what that means for approvals, or nothing.

    Never blocks: without signing the portal still decides, shows and records.
    """
    try:
        trouble = _instance()
    except (OSError, ValueError) as exc:  # refused, silent, garbage, no trust config
        logger.warning("health.failed", extra={"check": "signing"}, exc_info=exc)
        trouble = "does not answer"
    stand_ins = [str(one.signed_by.label) for one in fallback.fallback_signers()]
    if trouble and stand_ins:
        who = " or ".join(stand_ins)
        return f"{trouble}: {who} stands in where the tier allows it"
    if trouble:
        return f"{trouble}: no fallback is configured, so approvals wait"
    if not stand_ins and _some_tier_expects_a_fallback():
        return "answers, but a tier allows a fallback and none is configured"
    return ""


def _instance() -> str:
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


def _some_tier_expects_a_fallback() -> bool:
    """Not without a database, which has a check of its own that says so."""
    newest = (
        Policy.objects.filter(tenant=OuterRef("policy__tenant"))
        .filter(state=PolicyState.PUBLISHED)
        .order_by("-version")
    )
    tiers = Tier.objects.filter(
        policy=Subquery(newest.values("pk")[:1]),
        signing_outage=SigningOutage.OFFLINE_QUORUM,
    )
    try:
        return tiers.exists()
    except DatabaseTrouble:
        return False
