"""Every sweep, in the order in which their effects meet."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.db import close_old_connections

from breakglass.services import deploys, grants, requests
from breakglass.services.approving import approvals, countersigning, signatures
from breakglass.services.gates import health, issuers, watching
from breakglass.services.hooks import sending
from breakglass.services.logs import checks, exports, guard, publishing, sealing
from breakglass.services.postmortems import deadlines, opening
from breakglass.services.provenance import checking
from breakglass.services.telling import delivery
from breakglass.services.tenancy import trust

logger = logging.getLogger(__name__)


def _end_deploys() -> int:
    return deploys.revert_due() + deploys.lose_sight_due()


SWEEPS: Final[dict[str, Callable[[], int]]] = {
    "expire_grants": grants.expire_due,
    "revert_deploys": _end_deploys,
    "open_postmortems": opening.open_due,
    "lapse_requests": requests.lapse_due,
    "resume_approvals": approvals.resume_due,
    "sign_statements": signatures.sign_due,
    "countersign_grants": countersigning.countersign_due,
    "remind_overdue": deadlines.remind_due,
    "raise_findings": health.raise_due,
    "watch_gates": watching.raise_silent_due,
    "summarize_gates": health.summarize_due,
    "fetch_identity_keys": issuers.refresh_due,
    "drain_outbox": delivery.drain,
    "check_provenance": checking.check_due,
    "send_webhooks": sending.send_due,
    "seal_logs": sealing.seal_due,
    "refresh_trust": trust.refresh_due,
    "send_checkpoints": publishing.send_due,
    "guard_logs": guard.check_heads,
    "check_logs": checks.check_new,
    "check_asked_logs": checks.check_asked,
    "check_logs_fully": checks.check_whole,
    "make_exports": exports.make_due,
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one sweep did: how many it changed, or why it failed."""

    name: str
    changed: int
    error: str


def run_all() -> Iterator[Result]:
    """Runs each sweep once; one that fails is logged and does not stop the rest."""
    for name, sweep in SWEEPS.items():
        close_old_connections()
        try:
            yield Result(name, sweep(), "")
        # The edge of the clock: whatever breaks one sweep, the others have to run.
        except Exception as error:
            logger.exception("sweep.failed", extra={"sweep": name})
            yield Result(name, 0, type(error).__name__)
