"""
Keeping promises: one outbox message becomes the notifications of whom it concerns.

Each message has a transaction of its own, in which it is locked, turned into rows, and
marked. Nothing is sent here, so nothing waits on a network.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER
from breakglass.audit import ledger
from breakglass.errors import BreakglassError
from breakglass.models import Channel, Notification, OutboxMessage, User
from breakglass.models.notifications import ChannelKind
from breakglass.notify.stamps import stamped
from breakglass.notify.writing import Text
from breakglass.queries import messages
from breakglass.queries.logs import standing
from breakglass.services.hooks import queueing
from breakglass.services.telling import planned, plans
from breakglass.states import DeliveryState

logger = logging.getLogger(__name__)

MAX_TRIES: Final = 8
RETRY_AFTER: Final = timedelta(seconds=30)


def expand_due(*, limit: int = 100) -> int:
    """
    Expands up to `limit` messages that are due; returns how many it settled.

    Safe to run twice and at once: a message locked elsewhere is skipped. One that
    cannot be expanded is tried again later, at most MAX_TRIES times, and holds up no
    other.
    """
    settled = 0
    for _ in range(limit):
        outcome = _expand_next()
        if outcome is None:
            break
        settled += outcome
    return settled


@transaction.atomic
def _expand_next() -> bool | None:
    """Returns whether the next message was settled; None when there is none."""
    # Telling people writes entries, but for a few topics.
    tellable = standing.WRITABLE | Q(topic__in=outbox.NEEDS_NO_LOG)
    message = (
        OutboxMessage.objects.select_for_update(
            of=("self",), no_key=True, skip_locked=True
        )
        .select_related("tenant")
        .filter(tellable, state=DeliveryState.PENDING, due_at__lte=clock.db_now())
        .order_by("due_at", "pk")
        .first()
    )
    if message is None:
        return None
    now = clock.db_now()
    try:
        with transaction.atomic():  # a savepoint: half an expansion never stays
            told = _expand(message=message, now=now)
            told = queueing.queue(message=message, now=now) or told
    except Exception as exc:
        # The edge of the outbox: whatever is wrong with this one must not stop the
        # others. It is logged, counted in the row, and shown once it has failed.
        logger.exception(
            "outbox.not_expanded", extra={"outbox": message.pk, "topic": message.topic}
        )
        _postpone(message=message, now=now, exc=exc)
        return False
    message.state = DeliveryState.DELIVERED if told else DeliveryState.SKIPPED
    message.done_at = now
    message.last_error = ""
    message.save(update_fields=["state", "done_at", "last_error"])
    return True


def _expand(*, message: OutboxMessage, now: datetime) -> bool:
    """Stores the notifications; returns False when the message is no longer true."""
    plan = plans.plan(
        topic=message.topic,
        due=planned.Due(
            tenant=message.tenant,
            subject_id=message.subject_id,
            person_id=message.person_id or 0,
            now=now,
        ),
    )
    if plan is None:
        return False
    people = [person for person in plan.people if _is_reachable(person)]
    channels = (
        messages.active_channels_of(tenant=message.tenant) if plan.to_channels else []
    )
    told: list[User | Channel] = [*people, *channels]
    text = stamped(plan.text, sent_at=now)
    spoken = {language: text.spoken(language) for language in map(_language_of, told)}
    Notification.objects.bulk_create(
        [
            _notification(
                message=message, text=spoken[_language_of(to)], now=now, to=to
            )
            for to in told
        ],
        ignore_conflicts=True,  # told once, whatever runs twice
    )
    if plan.event and plan.bypass is not None:
        if not told:
            logger.warning("outbox.nobody_to_tell", extra={"outbox": message.pk})
        ledger.append(
            tenant=message.tenant,
            event=plan.event,
            actor=SCHEDULER,
            bypass_id=plan.bypass.bypass_id,
            facts={
                "people": [person.email for person in people],
                "channels": [channel.name for channel in channels],
            },
        )
    return True


def _language_of(to: User | Channel) -> str:
    """A person's own choice, if we have that language; a channel hears English."""
    chosen = to.language if isinstance(to, User) else ""
    return chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def _notification(
    *, message: OutboxMessage, text: Text, now: datetime, to: User | Channel
) -> Notification:
    """A channel's URL is a secret, so its row carries the channel's name instead."""
    row = Notification(
        tenant=message.tenant,
        message=message,
        subject=text.subject,
        body=text.body,
        path=text.path,
        next_try_at=now,
        created_at=now,
    )
    if isinstance(to, Channel):
        row.channel, row.kind, row.address = to, to.kind, to.name
    else:
        row.recipient, row.kind, row.address = to, ChannelKind.EMAIL, to.email
    return row


def _is_reachable(person: User) -> bool:
    return person.is_active and person.is_human and bool(person.email)


def _postpone(*, message: OutboxMessage, now: datetime, exc: Exception) -> None:
    """Errors of ours are written for people; of others only the type is kept."""
    message.attempts += 1
    message.last_error = (
        str(exc) if isinstance(exc, BreakglassError) else type(exc).__name__
    )[:300]
    if message.attempts >= MAX_TRIES:
        message.state = DeliveryState.FAILED
        message.done_at = now
    message.due_at = now + RETRY_AFTER * message.attempts
    message.save(update_fields=["attempts", "last_error", "state", "done_at", "due_at"])
