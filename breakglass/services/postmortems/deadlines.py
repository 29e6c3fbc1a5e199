"""The deadline of a post-mortem: told the day before, at it, and each day after."""

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger
from breakglass.models import PostMortem
from breakglass.queries.logs import standing
from breakglass.rules import postmortem as rules
from breakglass.services.postmortems import opening
from breakglass.states import PostMortemState

_DAY = timedelta(days=1)


def remind_due(*, limit: int = 200) -> int:
    """
    Tells of deadlines: a day before, at them, and each day after; returns how many.

    Only the passing of the deadline is an event of the log. After a long standstill
    one reminder stands for the days that it missed.
    """
    return (
        _each(_soon(), _remind_soon, limit)
        + _each(_late(), _remind_overdue, limit)
        + _each(_still_late(), _remind_again, limit)
    )


def _soon() -> QuerySet[PostMortem]:
    now = clock.db_now()
    return PostMortem.objects.filter(
        due_at__gt=now,
        due_at__lte=now + _DAY,
        opens_at__lt=F("due_at") - _DAY,
        soon_told_at__isnull=True,
    )


def _late() -> QuerySet[PostMortem]:
    return PostMortem.objects.filter(
        due_at__lte=clock.db_now(), overdue_told_at__isnull=True
    )


def _still_late() -> QuerySet[PostMortem]:
    now = clock.db_now()
    rested = Q(reminded_at__isnull=True) | Q(reminded_at__lte=now - _DAY)
    return PostMortem.objects.filter(
        rested, due_at__lte=now - _DAY, overdue_told_at__isnull=False
    )


def _each(rows: QuerySet[PostMortem], remind: Callable[[int], bool], limit: int) -> int:
    open_ones = standing.writable(rows).exclude(state=PostMortemState.PUBLISHED)
    due = open_ones.order_by("due_at").values_list("pk", flat=True)[:limit]
    return sum(remind(pk) for pk in list(due))


@transaction.atomic
def _remind_soon(pk: int) -> bool:
    postmortem, now = opening.lock(pk), clock.db_now()
    is_soon = rules.is_soon(
        opens_at=postmortem.opens_at, due_at=postmortem.due_at, now=now
    )
    done = postmortem.state == PostMortemState.PUBLISHED or postmortem.soon_told_at
    if done or not is_soon:
        return False
    postmortem.soon_told_at = now
    postmortem.save(update_fields=["soon_told_at"])
    outbox.promise(
        tenant=postmortem.tenant,
        topic=outbox.POSTMORTEM_DUE_SOON,
        subject_id=pk,
        now=now,
    )
    return True


@transaction.atomic
def _remind_overdue(pk: int) -> bool:
    postmortem = opening.lock(pk)
    if postmortem.state == PostMortemState.PUBLISHED or postmortem.overdue_told_at:
        return False
    now = clock.db_now()
    postmortem.overdue_told_at = now
    postmortem.reminded_at = now
    postmortem.save(update_fields=["overdue_told_at", "reminded_at"])
    ledger.append(
        tenant=postmortem.tenant,
        event=events.POSTMORTEM_OVERDUE,
        actor=SCHEDULER,
        bypass_id=postmortem.grant.request.bypass_id,
        facts={
            "due_at": chain.timestamp(postmortem.due_at),
            "assignee": postmortem.assignee.email,
        },
    )
    outbox.promise(
        tenant=postmortem.tenant,
        topic=outbox.POSTMORTEM_OVERDUE,
        subject_id=pk,
        now=now,
    )
    return True


@transaction.atomic
def _remind_again(pk: int) -> bool:
    postmortem, now = opening.lock(pk), clock.db_now()
    last = postmortem.reminded_at or postmortem.due_at
    earned = rules.reminders_due(due_at=postmortem.due_at, now=now)
    told = rules.reminders_due(due_at=postmortem.due_at, now=last)
    if postmortem.state == PostMortemState.PUBLISHED or earned <= told:
        return False
    postmortem.reminded_at = now
    postmortem.save(update_fields=["reminded_at"])
    outbox.promise(
        tenant=postmortem.tenant,
        topic=outbox.POSTMORTEM_REMINDER,
        subject_id=pk,
        now=now,
        occasion=str(earned),
    )
    return True
