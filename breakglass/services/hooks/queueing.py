"""
What webhooks are told: an outbox message becomes one row for each that listens.

Of one bypass a webhook hears first that it opened, whatever a worker takes up first:
each of its events brings that one along, and the row is there once.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Q

from breakglass import outbox
from breakglass.audit import chain
from breakglass.models import Deploy, Gate, Grant, OutboxMessage, Webhook
from breakglass.models import WebhookDelivery as Delivery
from breakglass.queries import messages
from breakglass.states import AtClose, DeliveryState, GrantState, WebhookEvent

HURRY_BEYOND: Final = timedelta(minutes=3)
"""A webhook that waits longer than this is tried again when something new happens."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a bypass, as it is told."""

    kind: WebhookEvent
    subject_id: int
    at: datetime
    gate: Gate
    bypass_id: str
    data: Mapping[str, Any]


def queue(*, message: OutboxMessage, now: datetime) -> bool:
    """
    Stores what an outbox message means to webhooks; returns whether it means anything.

    In the transaction that settles the message. What happened before a webhook was
    made it does not hear of.
    """
    maker = _MAKERS.get(message.topic)
    if maker is None:
        return False
    happened = maker(message, now)
    if not happened:
        return False
    listening = Webhook.objects.filter(
        Q(gate=None) | Q(gate=happened[0].gate), tenant=message.tenant, is_active=True
    ).order_by("pk")
    rows = [
        _row(webhook, event, now)
        for webhook in listening
        for event in happened
        if webhook.created_at <= event.at
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    waiting = Delivery.objects.filter(
        webhook__in=[row.webhook_id for row in rows],
        state=DeliveryState.PENDING,
        next_try_at__gt=now + HURRY_BEYOND,
    )
    waiting.update(next_try_at=now)
    return bool(rows)


def _row(webhook: Webhook, event: Event, now: datetime) -> Delivery:
    body = {
        "type": event.kind.value,
        "timestamp": chain.timestamp(event.at),
        "data": event.data,
    }
    return Delivery(
        webhook=webhook,
        event_id=f"msg_{uuid.uuid4().hex}",
        event=event.kind,
        gate=event.gate,
        bypass_id=event.bypass_id,
        subject_id=event.subject_id,
        body=json.dumps(body, separators=(",", ":")),
        next_try_at=now,
        created_at=now,
    )


def _opened(message: OutboxMessage, _now: datetime) -> Sequence[Event]:
    return [_opening(_grant(message))]


def _closing_soon(message: OutboxMessage, now: datetime) -> Sequence[Event]:
    grant = _grant(message)
    if grant.state != GrantState.ACTIVE or not grant.window.covers(now):
        return []
    kind, at = WebhookEvent.BYPASS_CLOSING_SOON, message.due_at
    return [_opening(grant), _of_grant(grant, kind, at=at)]


def _closed(message: OutboxMessage, _now: datetime) -> Sequence[Event]:
    grant = _grant(message)
    if grant.closed_at is None:
        return []
    closed_at, how = grant.closed_at, str(grant.state)
    more = {"closed_at": chain.timestamp(closed_at), "closed_how": how}
    kind = WebhookEvent.BYPASS_CLOSED
    return [_opening(grant), _of_grant(grant, kind, at=closed_at, more=more)]


def _reverted(message: OutboxMessage, _now: datetime) -> Sequence[Event]:
    deploy = Deploy.objects.select_related("gate").get(
        tenant=message.tenant, pk=message.subject_id
    )
    if deploy.ended_at is None:
        return []
    grant = messages.grant_of(tenant=message.tenant, pk=deploy.grant_id)
    aborts = deploy.gate.at_close == AtClose.ABORT
    data = {
        **_scope(grant, branch=deploy.branch, artifact=deploy.artifact),
        "deploy_id": deploy.deploy_id,
        "actor": deploy.actor,
        "admitted_at": chain.timestamp(deploy.admitted_at),
        "reverted_at": chain.timestamp(deploy.ended_at),
        "action": "cancel" if aborts else "hold",
    }
    reverted = Event(
        kind=WebhookEvent.DEPLOY_REVERTED,
        subject_id=deploy.pk,
        at=deploy.ended_at,
        gate=deploy.gate,
        bypass_id=grant.request.bypass_id,
        data=data,
    )
    return [_opening(grant), reverted]


_MAKERS: Final[Mapping[str, Callable[[OutboxMessage, datetime], Sequence[Event]]]] = {
    outbox.GRANT_ISSUED: _opened,
    outbox.GRANT_ENDING: _closing_soon,
    outbox.GRANT_CLOSED: _closed,
    outbox.DEPLOY_REVERTED: _reverted,
}


def _grant(message: OutboxMessage) -> Grant:
    return messages.grant_of(tenant=message.tenant, pk=message.subject_id)


def _opening(grant: Grant) -> Event:
    return _of_grant(grant, WebhookEvent.BYPASS_OPENED, at=grant.starts_at)


def _of_grant(
    grant: Grant,
    kind: WebhookEvent,
    *,
    at: datetime,
    more: Mapping[str, str] | None = None,
) -> Event:
    """Never a reason or a person's name: those stay behind the link."""
    data = {
        **_scope(grant, branch=grant.branch, artifact=grant.artifact),
        "starts_at": chain.timestamp(grant.starts_at),
        "expires_at": chain.timestamp(grant.expires_at),
        "assurance": grant.assurance,
        **(more or {}),
    }
    return Event(kind, grant.pk, at, grant.gate, grant.request.bypass_id, data)


def _scope(grant: Grant, *, branch: str, artifact: str) -> dict[str, str]:
    tenant, bypass_id = grant.request.tenant.slug, grant.request.bypass_id
    return {
        "tenant": tenant,
        "gate": grant.gate.slug,
        "bypass_id": bypass_id,
        "service": grant.service,
        "branch": branch,
        "artifact": artifact,
        "url": f"{settings.BASE_URL}/t/{tenant}/requests/{bypass_id}",
    }
