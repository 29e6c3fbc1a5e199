"""Celery's door to the sweeps: options, one call each. Safe to run twice, or at once."""

from typing import Any, Final

from celery import shared_task

from breakglass.services import (
    approvals,
    delivery,
    deploys,
    grants,
    postmortems,
    requests,
    sealing,
    signatures,
)

_OPTIONS: Final[dict[str, Any]] = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    "ignore_result": True,
}


@shared_task(**_OPTIONS)
def expire_grants() -> None:
    """Records what the clock has already ended."""
    grants.expire_due()


@shared_task(**_OPTIONS)
def revert_deploys() -> None:
    """Reverts deploys of closed windows, and marks those nobody reported."""
    deploys.revert_due()
    deploys.lose_sight_due()


@shared_task(**_OPTIONS)
def open_postmortems() -> None:
    """Opens the post-mortems of closed grants."""
    postmortems.open_due()


@shared_task(**_OPTIONS)
def lapse_requests() -> None:
    """Ends requests that nobody answered."""
    requests.lapse_due()


@shared_task(**_OPTIONS)
def resume_approvals() -> None:
    """Takes up signatures that a crash or an outage interrupted."""
    approvals.resume_due()


@shared_task(**_OPTIONS)
def sign_statements() -> None:
    """Signs the portal's own statements that wait."""
    signatures.sign_due()


@shared_task(**_OPTIONS)
def drain_outbox() -> None:
    """Keeps the promises of the outbox."""
    delivery.drain()


@shared_task(**_OPTIONS)
def seal_logs() -> None:
    """Seals the logs that grew."""
    sealing.seal_due()


@shared_task(**_OPTIONS)
def remind_overdue() -> None:
    """Tells about post-mortems past their deadline."""
    postmortems.remind_overdue()
