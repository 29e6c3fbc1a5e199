"""Celery's door to the sweeps: options and one call each; safe to run twice."""

from typing import Any, Final

from celery import shared_task

from breakglass.services.sweeps import SWEEPS

_OPTIONS: Final[dict[str, Any]] = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    "ignore_result": True,
}
_NIGHT: Final = 6 * 3600
"""For the tasks that read everything; the others end within a minute."""


@shared_task(**_OPTIONS)
def expire_grants() -> None:
    """Records what the clock has already ended."""
    SWEEPS["expire_grants"]()


@shared_task(**_OPTIONS)
def revert_deploys() -> None:
    """Reverts deploys of closed windows, and marks those nobody reported."""
    SWEEPS["revert_deploys"]()


@shared_task(**_OPTIONS)
def open_postmortems() -> None:
    """Opens the post-mortems of closed grants."""
    SWEEPS["open_postmortems"]()


@shared_task(**_OPTIONS)
def lapse_requests() -> None:
    """Ends requests that nobody answered."""
    SWEEPS["lapse_requests"]()


@shared_task(**_OPTIONS)
def resume_approvals() -> None:
    """Takes up signatures that a crash or an outage interrupted."""
    SWEEPS["resume_approvals"]()


@shared_task(**_OPTIONS)
def sign_statements() -> None:
    """Signs the portal's own statements that wait."""
    SWEEPS["sign_statements"]()


@shared_task(**_OPTIONS)
def countersign_grants() -> None:
    """Gets the instance's signature for grants of the fallback, or flags them."""
    SWEEPS["countersign_grants"]()


@shared_task(**_OPTIONS)
def drain_outbox() -> None:
    """Keeps the promises of the outbox."""
    SWEEPS["drain_outbox"]()


@shared_task(**_OPTIONS)
def check_provenance() -> None:
    """Verifies the provenance that gates gave for their deploys."""
    SWEEPS["check_provenance"]()


@shared_task(**_OPTIONS)
def send_webhooks() -> None:
    """Tells webhooks what happened."""
    SWEEPS["send_webhooks"]()


@shared_task(**_OPTIONS)
def seal_logs() -> None:
    """Seals the logs that grew."""
    SWEEPS["seal_logs"]()


@shared_task(**_OPTIONS)
def remind_overdue() -> None:
    """Tells about post-mortems past their deadline."""
    SWEEPS["remind_overdue"]()


@shared_task(**_OPTIONS)
def raise_findings() -> None:
    """Looks at the gates' figures, and raises what is over its threshold."""
    SWEEPS["raise_findings"]()


@shared_task(**_OPTIONS)
def watch_gates() -> None:
    """Raises a finding for each gate whose heartbeats stopped."""
    SWEEPS["watch_gates"]()


@shared_task(**_OPTIONS)
def summarize_gates() -> None:
    """Promises each tenant the summary of the last month, once."""
    SWEEPS["summarize_gates"]()


@shared_task(**_OPTIONS)
def fetch_identity_keys() -> None:
    """Fetches the keys that machines' tokens are checked with."""
    SWEEPS["fetch_identity_keys"]()


@shared_task(**_OPTIONS)
def refresh_trust() -> None:
    """Fetches the trust config of an external instance, once a day."""
    SWEEPS["refresh_trust"]()


@shared_task(**_OPTIONS)
def send_checkpoints() -> None:
    """Sends signed checkpoints to the operator's webhook."""
    SWEEPS["send_checkpoints"]()


@shared_task(**_OPTIONS)
def guard_logs() -> None:
    """Compares each log with the newest checkpoint published."""
    SWEEPS["guard_logs"]()


@shared_task(**_OPTIONS)
def check_logs() -> None:
    """Verifies what the logs gained."""
    SWEEPS["check_logs"]()


@shared_task(**_OPTIONS, soft_time_limit=_NIGHT, time_limit=_NIGHT + 60)
def check_asked_logs() -> None:
    """Verifies the whole of the logs that somebody wants checked now."""
    SWEEPS["check_asked_logs"]()


@shared_task(**_OPTIONS, soft_time_limit=_NIGHT, time_limit=_NIGHT + 60)
def check_logs_fully() -> None:
    """Verifies the logs from their first entries."""
    SWEEPS["check_logs_fully"]()


# An archive of a long log takes minutes. A second delivery meanwhile finds it claimed.
@shared_task(**_OPTIONS, soft_time_limit=1740, time_limit=1800)
def make_exports() -> None:
    """Makes the evidence archives that wait, and drops old ones."""
    SWEEPS["make_exports"]()
