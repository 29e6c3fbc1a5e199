"""
Telling webhooks: each one's oldest event first, again and again until it is taken.

At least once, and in order: the next event of a webhook waits for the one before it,
and no other webhook waits for that. Every try carries the same `webhook-id`.
"""

import logging
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import F, Min, OuterRef, QuerySet, Subquery

from breakglass import clock
from breakglass.errors import BreakglassError
from breakglass.models import Webhook
from breakglass.models import WebhookDelivery as Delivery
from breakglass.notify import hooks, sealed
from breakglass.services.gates import findings
from breakglass.services.hooks import addresses
from breakglass.states import DeliveryState, FindingKind

logger = logging.getLogger(__name__)

# The schedule of Standard Webhooks: how long to wait after each try in vain.
DELAYS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
GIVE_UP_AFTER: Final = sum(DELAYS, timedelta())
JITTER: Final = 0.2

# Longer than a try may take, so that nobody takes up one that still runs.
LEASE: Final = timedelta(minutes=2)
# A run starts no try after this: its task ends at 50 seconds, and others wait.
BUDGET_SECONDS: Final = 15.0


def send_due(*, limit: int = 100) -> int:
    """
    Sends up to `limit` events that are due; returns how many it tried.

    A webhook that fails rests until the next run, and one that never failed goes
    before those that did: whoever hangs holds up themselves. Call it outside a
    transaction: it sends.
    """
    ends = time.monotonic() + BUDGET_SECONDS
    resting: set[int] = set()
    tried = 0
    while tried < limit and time.monotonic() < ends:
        row = _claim(resting=resting)
        if row is None:
            break
        tried += 1
        if not _try(row):
            resting.add(row.webhook_id)
    return tried


def delay(*, attempts: int, spread: float) -> timedelta:
    """Returns how long to wait after so many tries; `spread` is from -1 to 1."""
    step = DELAYS[min(max(attempts, 1), len(DELAYS)) - 1]
    return step * (1 + JITTER * spread)


def _claim(*, resting: set[int]) -> Delivery | None:
    """
    Takes the next webhook's oldest event, or None.

    Compare-and-set on the number of tries; `next_try_at` is a lease meanwhile, so
    that nobody else takes it, nor anything behind it.
    """
    while True:
        now = clock.db_now()
        row = (
            _oldest_of_each().exclude(webhook__in=resting).filter(next_try_at__lte=now)
        )
        found = row.order_by("attempts", "next_try_at", "pk").first()
        if found is None:
            return None
        won = Delivery.objects.filter(
            pk=found.pk, state=DeliveryState.PENDING, attempts=found.attempts
        ).update(attempts=F("attempts") + 1, next_try_at=now + LEASE)
        if won:
            found.attempts += 1
            return found


def _oldest_of_each() -> QuerySet[Delivery]:
    waiting = Delivery.objects.filter(
        state=DeliveryState.PENDING, webhook=OuterRef("webhook")
    )
    oldest = waiting.values("webhook").annotate(pk_min=Min("pk")).values("pk_min")
    return (
        Delivery.objects.filter(state=DeliveryState.PENDING, webhook__is_active=True)
        .filter(pk=Subquery(oldest))
        .select_related("webhook__tenant", "gate__tenant")
    )


def _try(row: Delivery) -> bool:
    """Sends a claimed row once; returns False when its webhook should rest."""
    try:
        _send(row)
    except hooks.Gone as exc:
        _settle(row, state=DeliveryState.FAILED, error=str(exc))
        _stop(row, why=str(exc))
        return False
    except BreakglassError as exc:
        _again(row, error=str(exc))
        return False
    except Exception as exc:  # the outbox's edge: one must not stop the others
        logger.exception("webhook.crashed", extra={"delivery": row.pk})
        _again(row, error=type(exc).__name__)
        return False
    _settle(row, state=DeliveryState.DELIVERED, error="")
    return True


def _send(row: Delivery) -> None:
    now = clock.db_now()
    headers = hooks.sign(
        secrets=_secrets(row.webhook, now=now),
        event_id=row.event_id,
        at=datetime.now(UTC),  # the receiver compares it with its own clock
        body=row.body,
    )
    hooks.post(url=row.webhook.url, body=row.body, headers=headers)


def _secrets(webhook: Webhook, *, now: datetime) -> list[str]:
    kept = [sealed.opened(webhook.secret)]
    until, previous = webhook.previous_until, webhook.previous
    if previous is not None and until is not None and now < until:
        kept.append(sealed.opened(previous))
    return kept


def _again(row: Delivery, *, error: str) -> None:
    """Waits longer each time; after GIVE_UP_AFTER it is over, and somebody is told."""
    now, ends = clock.db_now(), row.created_at + GIVE_UP_AFTER
    if now >= ends:
        _settle(row, state=DeliveryState.FAILED, error=error)
        _find(row, why=error)
        return
    spread = random.uniform(-1, 1)  # noqa: S311 - spreads load, hides nothing
    wait = delay(attempts=row.attempts, spread=spread)
    _mine(row).update(next_try_at=min(now + wait, ends), last_error=error[:300])
    _log(row, outcome="webhook.postponed")


def _settle(row: Delivery, *, state: DeliveryState, error: str) -> None:
    """Ends the row once; a sent one is marked whoever holds the lease by now."""
    if state == DeliveryState.DELIVERED:
        rows = Delivery.objects.filter(pk=row.pk, state=DeliveryState.PENDING)
        rows.update(state=state, sent_at=clock.db_now(), last_error="")
    else:
        _mine(row).update(state=state, last_error=error[:300])
    _log(row, outcome=f"webhook.{state}")


def _stop(row: Delivery, *, why: str) -> None:
    if addresses.stop(webhook=row.webhook, why=why):
        _find(row, why=why)


def _find(row: Delivery, *, why: str) -> None:
    """Somebody has to look: a gate's pipeline is not told of closes any more."""
    findings.open_finding(
        gate=row.gate,
        kind=FindingKind.WEBHOOK_DEAD,
        details={"webhook": row.webhook.name, "why": why},
    )


def _mine(row: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        pk=row.pk, state=DeliveryState.PENDING, attempts=row.attempts
    )


def _log(row: Delivery, *, outcome: str) -> None:
    """Ids and counts only: an address may hold secrets."""
    quiet = outcome == f"webhook.{DeliveryState.DELIVERED}"
    logger.log(
        logging.INFO if quiet else logging.WARNING,
        outcome,
        extra={"delivery": row.pk, "webhook": row.webhook_id, "attempts": row.attempts},
    )
