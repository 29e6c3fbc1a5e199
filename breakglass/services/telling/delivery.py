"""
Delivering: what the outbox promised reaches people, with or without Celery.

At least once: a crash between sending and marking sends again, under the same dedupe
key. What a receiver does twice is its business; here a notification is marked once.
"""

import logging
import random
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F, QuerySet

from breakglass import clock, notify, outbox
from breakglass.errors import Unavailable
from breakglass.models import Notification
from breakglass.models.notifications import ChannelKind
from breakglass.notify import Message, Severity, Undeliverable
from breakglass.services.telling import expansion
from breakglass.states import DeliveryState

logger = logging.getLogger(__name__)

MAX_TRIES: Final = 8
BACKOFF: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 3600)
)
JITTER: Final = 0.2

# Longer than any send may take, so that nobody else takes up one that still runs.
LEASE: Final = timedelta(minutes=2)

# A run starts no send after this: the task's own limit is 50 seconds, and a send that
# began just before may take another ten. What is left waits for the next run.
BUDGET_SECONDS: Final = 30.0

_SEVERITIES: Final[Mapping[str, Severity]] = {
    outbox.REQUEST_OPENED: Severity.CRITICAL,
    outbox.REQUEST_UNANSWERED: Severity.CRITICAL,
    outbox.REQUEST_REMINDED: Severity.CRITICAL,
    outbox.GRANT_ISSUED: Severity.WARNING,
    outbox.GRANT_ENDING: Severity.WARNING,
    outbox.GRANT_UNVERIFIED: Severity.CRITICAL,
    outbox.DEPLOY_REVERTED: Severity.WARNING,
    outbox.POSTMORTEM_OVERDUE: Severity.WARNING,
    outbox.FINDING_OPENED: Severity.WARNING,
    outbox.POSTMORTEM_REMINDER: Severity.WARNING,
    outbox.LOG_FINDING: Severity.CRITICAL,
    outbox.LOG_READ_ONLY: Severity.CRITICAL,
    outbox.CREDENTIAL_ENROLLED: Severity.WARNING,
    outbox.LOGIN_PASSWORD_USED: Severity.WARNING,
    outbox.LOGIN_OWN_PASSWORD_USED: Severity.WARNING,
}


def drain(*, limit: int = 100) -> int:
    """
    Does the workers' job once: expands due messages, then sends due notifications.

    Returns how many of both it handled, so 0 means that nothing is due. Safe to run
    twice and at once. Call it outside a transaction: it sends.
    """
    return expansion.expand_due(limit=limit) + deliver_due(limit=limit)


def deliver_due(*, limit: int = 100) -> int:
    """
    Sends up to `limit` notifications that are due; returns how many it handled.

    A way out that fails rests until the next run, so that it holds up no other: a
    dead chat costs a run one timeout, not one for each message.
    """
    ends = time.monotonic() + BUDGET_SECONDS
    resting: set[int | None] = set()
    handled = 0
    while handled < limit and time.monotonic() < ends:
        row = _claim(resting=resting)
        if row is None:
            break
        handled += 1
        if not _deliver(row):
            resting.add(row.channel_id)  # None is e-mail
    return handled


def backoff(*, attempts: int, spread: float) -> timedelta:
    """
    Returns how long to wait after the given number of tries.

    `spread` from -1 to 1 moves it by up to a fifth, so that messages that failed
    together do not come back together.
    """
    step = BACKOFF[min(max(attempts, 1), len(BACKOFF)) - 1]
    return step * (1 + JITTER * spread)


def _claim(*, resting: set[int | None]) -> Notification | None:
    """
    Takes the next due notification, or None.

    Compare-and-set on the number of tries; the winner's `next_try_at` is a lease, set
    before anything is sent. Should the sender die, the row is due again after it.
    """
    while True:
        now = clock.db_now()
        row = _due(resting=resting).filter(next_try_at__lte=now).first()
        if row is None:
            return None
        won = Notification.objects.filter(
            pk=row.pk, state=DeliveryState.PENDING, attempts=row.attempts
        ).update(attempts=F("attempts") + 1, next_try_at=now + LEASE)
        if won:
            row.attempts += 1
            return row


def _due(*, resting: set[int | None]) -> QuerySet[Notification]:
    rows = Notification.objects.filter(state=DeliveryState.PENDING)
    for channel_id in resting:
        if channel_id is None:
            rows = rows.exclude(kind=ChannelKind.EMAIL)
        else:
            rows = rows.exclude(channel_id=channel_id)
    related = rows.select_related("message", "recipient", "channel")
    return related.order_by("next_try_at", "pk")


def _deliver(row: Notification) -> bool:
    """Sends a claimed notification; returns False when its way out should rest."""
    if not _still_wanted(row):
        _settle(row, state=DeliveryState.SKIPPED, error="switched off meanwhile")
        return True
    if row.attempts > MAX_TRIES:
        _settle(row, state=DeliveryState.FAILED, error="no try ever ended")
        return True
    try:
        notify.notifier_for(row.kind).send(_address(row), _message(row))
    except Undeliverable as exc:
        _settle(row, state=DeliveryState.FAILED, error=str(exc))
        return True
    except Unavailable as exc:
        _retry(row, error=str(exc))
        return False
    except Exception as exc:
        # The edge of the outbox: a fault in one way out must not stop the others. It
        # counts as a failed try, and its text stays in the log.
        logger.exception("notification.crashed", extra={"notification": row.pk})
        _retry(row, error=type(exc).__name__)
        return False
    _settle(row, state=DeliveryState.DELIVERED, error="")
    return True


def _still_wanted(row: Notification) -> bool:
    if row.channel is not None:
        return row.channel.is_active
    return row.recipient is not None and row.recipient.is_active


def _address(row: Notification) -> str:
    """A channel's URL is read at the last moment; the row never holds it."""
    return row.channel.url if row.channel is not None else row.address


def _message(row: Notification) -> Message:
    about = urlsplit(row.path).path.rpartition("/")[2]
    return Message(
        subject=row.subject,
        body=row.body,
        url=f"{settings.BASE_URL}{row.path}",
        severity=_SEVERITIES.get(row.message.topic, Severity.INFO),
        dedupe_key=f"{row.message.dedupe_key}:{row.pk}",
        bypass_id=about if about.startswith("BG-") else "",
    )


def _retry(row: Notification, *, error: str) -> None:
    """Waits longer each time; after the last try the row stays, failed, for people."""
    if row.attempts >= MAX_TRIES:
        _settle(row, state=DeliveryState.FAILED, error=error)
        return
    spread = random.uniform(-1, 1)  # noqa: S311 - spreads load, hides nothing
    wait = backoff(attempts=row.attempts, spread=spread)
    Notification.objects.filter(
        pk=row.pk, state=DeliveryState.PENDING, attempts=row.attempts
    ).update(next_try_at=clock.db_now() + wait, last_error=error[:300])
    _log(row, outcome="notification.postponed")


def _settle(row: Notification, *, state: DeliveryState, error: str) -> None:
    """
    Ends the row once. A sent one is marked whoever holds the lease by now; any other
    end only by its holder, since another try may be under way.
    """
    rows = Notification.objects.filter(pk=row.pk, state=DeliveryState.PENDING)
    if state == DeliveryState.DELIVERED:
        rows.update(state=state, sent_at=clock.db_now(), last_error="")
    else:
        rows.filter(attempts=row.attempts).update(state=state, last_error=error[:300])
    _log(row, outcome=f"notification.{state}")


def _log(row: Notification, *, outcome: str) -> None:
    """Ids and counts only: addresses may hold secrets, and texts hold reasons."""
    quiet = outcome == f"notification.{DeliveryState.DELIVERED}"
    logger.log(
        logging.INFO if quiet else logging.WARNING,
        outcome,
        extra={"notification": row.pk, "kind": row.kind, "attempts": row.attempts},
    )
