"""The stricter of the pinned and the current tier, axis by axis (design.md 12)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from breakglass.rules.tiers import Tier

_NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a grant may be at most. None is no limit."""

    ttl_cap: timedelta
    max_deploys: int | None
    digest_required: bool
    max_active_per_service: int | None
    passkey_required: bool
    offline_quorum: bool


def stricter_terms(*, pinned: Tier, current: Tier) -> Terms:
    """
    Returns the terms that satisfy both tiers.

    The cap is the smaller of the two longest TTL choices (a tier that offers none
    caps at nothing), a limit beats no limit, a demand of either is a demand, and the
    outage fallback is allowed only where both allow it.
    """
    return Terms(
        ttl_cap=min(
            max(pinned.ttl_choices, default=_NOTHING),
            max(current.ttl_choices, default=_NOTHING),
        ),
        max_deploys=_lower(first=pinned.max_deploys, second=current.max_deploys),
        digest_required=pinned.digest_required or current.digest_required,
        max_active_per_service=_lower(
            first=pinned.max_active_per_service,
            second=current.max_active_per_service,
        ),
        passkey_required=pinned.passkey_required or current.passkey_required,
        offline_quorum=pinned.offline_quorum and current.offline_quorum,
    )


def _lower(*, first: int | None, second: int | None) -> int | None:
    limits = [limit for limit in (first, second) if limit is not None]
    return min(limits, default=None)
