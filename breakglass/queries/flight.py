"""Deploys in flight as they stand at a moment, whether or not a sweep has run."""

from datetime import datetime
from typing import Final

from django.conf import settings

from breakglass.models import Deploy
from breakglass.rules import flight

ABSENT: Final = "absent"


def lost_at(*, deploy: Deploy) -> datetime:
    """Returns from when on a deploy in flight counts as lost from sight."""
    return flight.lost_at(
        admitted_at=deploy.admitted_at,
        heard_at=deploy.heard_at,
        report_within=settings.DEPLOY_REPORT_DEADLINE,
        silent_for=deploy.gate.silent_for,
    )


def state_of(*, deploy: Deploy, now: datetime) -> str:
    """Returns a deploy's state, by the clock where a sweep has yet to run."""
    return flight.shown_state(
        state=deploy.state, lost_since=lost_at(deploy=deploy), now=now
    )


def provenance_of(*, deploy: Deploy) -> str:
    """Returns what is known of how it was built: a ProvenanceState, or `absent`."""
    row = getattr(deploy, "provenance", None)  # a missing row raises otherwise
    return ABSENT if row is None else str(row.state)
