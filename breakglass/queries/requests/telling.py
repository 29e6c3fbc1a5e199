"""Who was told of a request, when and by which way; and when they were reminded."""

import json
from collections.abc import Iterable
from datetime import datetime

from breakglass import outbox
from breakglass.audit import events
from breakglass.models import AuditEntry, BypassRequest, Notification


def reminders(*, entries: Iterable[AuditEntry]) -> dict[str, AuditEntry]:
    """Returns the last reminder of each group among these entries, oldest first."""
    return {
        json.loads(bytes(entry.body))["facts"]["group"]: entry
        for entry in entries
        if entry.event == events.REQUEST_REMINDED
    }


def reminders_of(*, bypass: BypassRequest) -> dict[str, AuditEntry]:
    """Returns the last reminder of each group of this request."""
    rows = AuditEntry.objects.filter(
        tenant=bypass.tenant,
        bypass_id=bypass.bypass_id,
        event=events.REQUEST_REMINDED,
    )
    return reminders(entries=rows.order_by("seq"))


def asked(
    *, bypass: BypassRequest, reminded: Iterable[AuditEntry]
) -> list[Notification]:
    """
    Returns every message that asked for a decision on this request, oldest first.

    That is when it opened, when nobody answered, and after each of the reminders.
    """
    about = [
        (outbox.REQUEST_OPENED, bypass.pk),
        (outbox.REQUEST_UNANSWERED, bypass.pk),
        *((outbox.REQUEST_REMINDED, entry.pk) for entry in reminded),
    ]
    keys = [outbox.key(topic=topic, subject_id=pk) for topic, pk in about]
    rows = Notification.objects.filter(message__dedupe_key__in=keys)
    return list(rows.select_related("channel").order_by("created_at", "pk"))


def last_comment(*, bypass: BypassRequest, actor: str) -> tuple[str, datetime] | None:
    """Returns what this person wrote last about the request, and when."""
    row = (
        AuditEntry.objects.filter(
            tenant=bypass.tenant,
            bypass_id=bypass.bypass_id,
            event=events.REQUEST_COMMENTED,
            actor=actor,
        )
        .order_by("-seq")
        .first()
    )
    if row is None:
        return None
    return json.loads(bytes(row.body))["facts"]["comment"], row.at
