"""Webhooks of a tenant: where they lead, their secrets, and when they end."""

import base64
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.actors import SCHEDULER, Actor
from breakglass.audit import chain, events, ledger
from breakglass.errors import InvalidInput, NotFound
from breakglass.models import Gate, Tenant, Webhook, WebhookDelivery
from breakglass.notify import hooks, sealed
from breakglass.rules.identifiers import check_text
from breakglass.states import DeliveryState
from breakglass.texts import text

NAME_MAX: Final = 100
SECRET_BYTES: Final = 32
OVERLAP: Final = timedelta(hours=24)
"""How long the secret before a rotation signs as well."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A webhook, and its secret where it was just made: shown once, then never."""

    webhook: Webhook
    secret: str


@transaction.atomic
def store(
    *,
    tenant: Tenant,
    gate: Gate | None,
    name: str,
    url: str,
    is_active: bool,
    actor: Actor,
    webhook_id: int | None = None,
) -> Stored:
    """
    Stores a new webhook with a secret of our making, or changes the tenant's own one.

    An empty `url` keeps the one on record: it may hold a secret, and pages do not show
    it. Switched off, it is told nothing of what waits. Raises InvalidInput (fields
    gate, name, url) and NotFound; the ledger gets the host only.
    """
    if gate is not None and gate.tenant_id != tenant.pk:
        msg = text("the gate is another tenant's")
        raise InvalidInput(msg, field="gate")
    webhook = _loaded(tenant=tenant, webhook_id=webhook_id)
    made = "" if webhook_id is not None else _secret()
    if made:
        webhook.secret, webhook.created_at = sealed.seal(made), clock.db_now()
    if url or not webhook.url:
        webhook.url = hooks.check(url)
    webhook.gate = gate
    webhook.name = check_text(name, field="name", minimum=1, maximum=NAME_MAX)
    webhook.is_active = is_active
    webhook.off_because = webhook.off_because if not is_active else ""
    try:
        with transaction.atomic():
            webhook.save()
    except IntegrityError as exc:
        msg = text("this tenant has a webhook of that name already")
        raise InvalidInput(msg, field="name") from exc
    if not is_active:
        _drop_waiting(webhook, why="switched off meanwhile")
    ledger.append(
        tenant=tenant,
        event=events.WEBHOOK_CHANGED,
        actor=actor,
        facts={
            "name": webhook.name,
            "gate": gate.slug if gate else "",
            "host": host_of(webhook),
            "is_active": is_active,
        },
    )
    return Stored(webhook, made)


@transaction.atomic
def rotate(*, tenant: Tenant, webhook_id: int, actor: Actor) -> Stored:
    """
    Makes a new secret; for OVERLAP each message carries a signature by both.

    A secret that was still in its overlap ends at once: two at a time are enough.
    """
    webhook = _loaded(tenant=tenant, webhook_id=webhook_id)
    made = _secret()
    webhook.previous, webhook.secret = webhook.secret, sealed.seal(made)
    webhook.previous_until = clock.db_now() + OVERLAP
    webhook.save(update_fields=["secret", "previous", "previous_until"])
    ledger.append(
        tenant=tenant,
        event=events.WEBHOOK_ROTATED,
        actor=actor,
        facts={
            "name": webhook.name,
            "previous_until": chain.timestamp(webhook.previous_until),
        },
    )
    return Stored(webhook, made)


@transaction.atomic
def stop(*, webhook: Webhook, why: str) -> bool:
    """Switches a webhook off because its receiver asked for it; False when it is."""
    row = _loaded(tenant=webhook.tenant, webhook_id=webhook.pk)
    if not row.is_active:
        return False
    row.is_active, row.off_because = False, why[:300]
    row.save(update_fields=["is_active", "off_because"])
    _drop_waiting(row, why=why)
    ledger.append(
        tenant=row.tenant,
        event=events.WEBHOOK_STOPPED,
        actor=SCHEDULER,
        facts={"name": row.name, "host": host_of(row), "reason": why},
    )
    return True


def host_of(webhook: Webhook) -> str:
    """Returns what may be shown of its address."""
    return urlsplit(webhook.url).hostname or ""


def _drop_waiting(webhook: Webhook, *, why: str) -> None:
    waiting = WebhookDelivery.objects.filter(
        webhook=webhook, state=DeliveryState.PENDING
    )
    waiting.update(state=DeliveryState.SKIPPED, last_error=why[:300])


def _secret() -> str:
    raw = secrets.token_bytes(SECRET_BYTES)
    return f"whsec_{base64.b64encode(raw).decode('ascii')}"


def _loaded(*, tenant: Tenant, webhook_id: int | None) -> Webhook:
    if webhook_id is None:
        return Webhook(tenant=tenant)
    rows = Webhook.objects.select_for_update(of=("self",), no_key=True)
    row = rows.select_related("tenant").filter(tenant=tenant, pk=webhook_id).first()
    if row is None:
        msg = text("there is no such webhook in %(tenant)s", tenant=tenant.slug)
        raise NotFound(msg)
    return row
