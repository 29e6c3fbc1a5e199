"""What delivery left behind: rows, states and ledger entries."""

import json

from breakglass.models import AuditEntry, Notification, OutboxMessage


def told(topic):
    """Addresses of everybody whom messages of that topic reached."""
    rows = Notification.objects.filter(message__topic=topic)
    return sorted(rows.values_list("address", flat=True))


def state_of(topic):
    return OutboxMessage.objects.get(topic=topic).state


def facts_of(event):
    return [
        json.loads(bytes(entry.body))["facts"]
        for entry in AuditEntry.objects.filter(event=event).order_by("seq")
    ]


def emails(*people):
    return sorted(person.email for person in people)
