"""Gates and their tokens: register, change, issue, revoke, heartbeat."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, InvalidInput, NotFound
from breakglass.models import AuditEntry, Gate, GateToken, Tenant
from breakglass.queries import access
from breakglass.rules.identifiers import check_identifier, check_text
from breakglass.services import roles

TOKEN_PREFIX: Final = "bg_live_"  # noqa: S105 - what secret scanners look for
LABEL_MAX: Final = 100
CONFIG_CHANGE_EVERY: Final = timedelta(minutes=1)
_PREFIX_SHOWN: Final = len(TOKEN_PREFIX) + 4


@transaction.atomic
def register(
    *,
    tenant: Tenant,
    slug: str,
    name: str,
    environment: str,
    data_class: str,
    actor: Actor,
) -> Gate:
    """
    Adds a gate; the tenant's roles get their rights on it.

    Raises InvalidInput for a malformed slug, Conflict when the tenant has it already.
    """
    try:
        with transaction.atomic():
            gate = Gate.objects.create(
                tenant=tenant,
                slug=check_identifier(slug, field="slug", slash=False),
                name=check_text(name, field="name", minimum=1, maximum=100),
                environment=_label(environment, field="environment"),
                data_class=_label(data_class, field="data_class"),
                created_at=clock.db_now(),
            )
    except IntegrityError as error:
        msg = f"{tenant.slug} has a gate named {slug[:40]} already, or the name is odd"
        raise Conflict(msg) from error
    roles.apply_to_gate(gate=gate)
    _record(gate=gate, event=events.GATE_REGISTERED, actor=actor)
    return gate


@transaction.atomic
def change(
    *,
    gate: Gate,
    actor: Actor,
    name: str,
    environment: str,
    data_class: str,
    is_active: bool,
) -> Gate:
    """Edits a gate; a deactivated one is answered 401 from then on."""
    gate = access.lock_gate(pk=gate.pk)
    gate.name = check_text(name, field="name", minimum=1, maximum=100)
    gate.environment = _label(environment, field="environment")
    gate.data_class = _label(data_class, field="data_class")
    gate.is_active = is_active
    gate.save(update_fields=["name", "environment", "data_class", "is_active"])
    _record(gate=gate, event=events.GATE_CHANGED, actor=actor)
    return gate


@transaction.atomic
def issue_token(*, gate: Gate, actor: Actor) -> str:
    """Returns a new token, 256 bits of it, for the only time: its hash is stored."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = GateToken.objects.create(
        gate=gate,
        prefix=token[:_PREFIX_SHOWN],
        token_hash=sha256(token.encode()).digest(),
        created_at=clock.db_now(),
        created_by=actor.name,
    )
    ledger.append(
        tenant=gate.tenant,
        event=events.TOKEN_ISSUED,
        actor=actor,
        facts={"gate": gate.slug, "token": row.prefix},
    )
    return token


@transaction.atomic
def revoke_token(*, gate: Gate, token_id: int, actor: Actor) -> None:
    """Ends a token at once; NotFound for another gate's, Conflict when it is over."""
    token = (
        GateToken.objects.select_for_update(no_key=True)
        .filter(gate=gate, pk=token_id)
        .first()
    )
    if token is None:
        msg = "this gate has no such token"
        raise NotFound(msg)
    if token.revoked_at is not None:
        msg = "this token is revoked already"
        raise Conflict(msg)
    token.revoked_at = clock.db_now()
    token.save(update_fields=["revoked_at"])
    ledger.append(
        tenant=gate.tenant,
        event=events.TOKEN_REVOKED,
        actor=actor,
        facts={"gate": gate.slug, "token": token.prefix},
    )


@transaction.atomic
def heartbeat(*, gate: Gate, config_digest: str) -> Gate:
    """
    Notes that the gate is alive; a changed configuration digest goes on record.

    An empty digest says nothing about the configuration and changes nothing.
    """
    if config_digest:
        check_identifier(config_digest, field="config_digest")
    gate = access.lock_gate(pk=gate.pk)
    before, now = gate.config_digest, clock.db_now()
    if before and config_digest != before and _changed_lately(gate=gate, now=now):
        config_digest = ""  # the next heartbeat says it again: one entry a minute
    gate.last_seen_at = now
    gate.config_digest = config_digest or before
    gate.save(update_fields=["last_seen_at", "config_digest"])
    if before and gate.config_digest != before:
        ledger.append(
            tenant=gate.tenant,
            event=events.GATE_CONFIG_CHANGED,
            actor=gate.as_actor(),
            facts={"gate": gate.slug, "before": before, "after": gate.config_digest},
        )
    return gate


def _changed_lately(*, gate: Gate, now: datetime) -> bool:
    """A gate that changes with every heartbeat must not flood the tenant's log."""
    return AuditEntry.objects.filter(
        tenant=gate.tenant,
        event=events.GATE_CONFIG_CHANGED,
        actor=gate.slug,
        at__gt=now - CONFIG_CHANGE_EVERY,
    ).exists()


def _label(value: str, *, field: str) -> str:
    """Environment and data class are identifiers, or empty."""
    if len(value) > LABEL_MAX:
        msg = f"{field} is longer than {LABEL_MAX} characters"
        raise InvalidInput(msg, field=field)
    return check_identifier(value, field=field) if value else ""


def _record(*, gate: Gate, event: str, actor: Actor) -> None:
    ledger.append(
        tenant=gate.tenant,
        event=event,
        actor=actor,
        facts={
            "gate": gate.slug,
            "name": gate.name,
            "environment": gate.environment,
            "data_class": gate.data_class,
            "is_active": gate.is_active,
        },
    )
