"""Gates: register, change, turn on, retire, and their heartbeat."""

from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, InvalidInput
from breakglass.models import AuditEntry, Gate, RoleGroup, Tenant
from breakglass.queries import access
from breakglass.rules.identifiers import check_identifier, check_text
from breakglass.services.gates import machines, tokens, watching
from breakglass.services.people import roles
from breakglass.states import GateKind, GrantState, RequestState
from breakglass.texts import text

LABEL_MAX: Final = 100
REASON_MAX: Final = 300
# Addresses of the portal below /gates/.
RESERVED: Final = frozenset({"new", "health", "health.csv"})
CONFIG_CHANGE_EVERY: Final = timedelta(minutes=1)


@transaction.atomic
def register(
    *,
    tenant: Tenant,
    slug: str,
    name: str,
    environment: str,
    data_class: str,
    actor: Actor,
    in_setup: bool = False,
) -> Gate:
    """
    Adds a gate; the tenant's roles get their rights on it.

    While it is being set up its tokens are known, and it is told to enforce. Raises
    InvalidInput for a malformed slug, Conflict when the tenant has it already.
    """
    if slug in RESERVED:
        msg = text(
            "%(slug)s is an address of the portal: choose another name", slug=slug
        )
        raise InvalidInput(msg, field="slug")
    now = clock.db_now()
    try:
        with transaction.atomic():
            gate = Gate.objects.create(
                tenant=tenant,
                slug=check_identifier(slug, field="slug", slash=False),
                name=check_text(name, field="name", minimum=1, maximum=100),
                environment=label(environment, field="environment"),
                data_class=label(data_class, field="data_class"),
                is_active=not in_setup,
                turned_on_at=None if in_setup else now,
                created_at=now,
            )
    except IntegrityError as error:
        msg = text(
            "%(tenant)s has a gate named %(slug)s already, or the name is odd",
            tenant=tenant.slug,
            slug=slug[:40],
        )
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
    """Edits a gate; one that is switched off is answered 401 from then on."""
    gate = access.lock_gate(pk=gate.pk)
    _require_not_retired(gate)
    gate.name = check_text(name, field="name", minimum=1, maximum=100)
    gate.environment = label(environment, field="environment")
    gate.data_class = label(data_class, field="data_class")
    gate.is_active = is_active
    if is_active and gate.turned_on_at is None:
        gate.turned_on_at = clock.db_now()
    gate.save(
        update_fields=[
            *("name", "environment", "data_class", "is_active", "turned_on_at"),
        ]
    )
    _record(gate=gate, event=events.GATE_CHANGED, actor=actor)
    return gate


@transaction.atomic
def describe(
    *, gate: Gate, kind: str, owner: RoleGroup | None, service: str, actor: Actor
) -> Gate:
    """
    Says what asks at the gate, which group owns it, and which service it guards.

    Decides nothing: the tiers do. Raises InvalidInput for an unknown kind, another
    tenant's group or a malformed service; the same words again are not on record.
    """
    if kind not in GateKind.values:
        msg = text("there is no such kind of gate")
        raise InvalidInput(msg, field="kind")
    if owner is not None and owner.tenant_id != gate.tenant_id:
        msg = text("the owner is a group of another tenant")
        raise InvalidInput(msg, field="owner")
    gate = access.lock_gate(pk=gate.pk)
    before = (gate.kind, gate.owner_id, gate.service)
    gate.kind, gate.owner = kind, owner
    gate.service = check_identifier(service, field="service") if service else ""
    if before == (gate.kind, gate.owner_id, gate.service):
        return gate
    gate.save(update_fields=["kind", "owner", "service"])
    facts = {"gate": gate.slug, "kind": str(gate.kind), "service": gate.service}
    ledger.append(
        tenant=gate.tenant,
        event=events.GATE_DESCRIBED,
        actor=actor,
        facts={**facts, "owner": owner.slug if owner else ""},
    )
    return gate


@transaction.atomic
def turn(*, gate: Gate, is_active: bool, actor: Actor) -> Gate:
    """
    Turns a gate on, pauses it, or resumes it.

    A paused gate is answered 401, which means enforce, and nobody may ask for its
    bypass. Raises Conflict when it is so already, or is retired.
    """
    gate = access.lock_gate(pk=gate.pk)
    _require_not_retired(gate)
    if gate.is_active == is_active:
        msg = text(
            "%(gate)s is %(use)s already",
            gate=gate.slug,
            use=text("in use") if is_active else text("not in use"),
        )
        raise Conflict(msg)
    gate.is_active = is_active
    if is_active and gate.turned_on_at is None:
        gate.turned_on_at = clock.db_now()
    gate.save(update_fields=["is_active", "turned_on_at"])
    _record(gate=gate, event=events.GATE_CHANGED, actor=actor)
    return gate


@transaction.atomic
def retire(*, gate: Gate, reason: str, actor: Actor) -> Gate:
    """
    Gives a gate up for good: it asks nothing more, and its tokens are revoked.

    Raises Conflict while a bypass of it is in force or waits for approval: those end
    first, so that nobody holds a permission for a gate that is gone.
    """
    why = check_text(reason, field="reason", minimum=1, maximum=REASON_MAX)
    gate = access.lock_gate(pk=gate.pk)
    _require_not_retired(gate)
    now = clock.db_now()
    in_force = gate.grants.filter(state=GrantState.ACTIVE, expires_at__gt=now)
    waiting = gate.requests.filter(state=RequestState.PENDING, lapses_at__gt=now)
    if in_force.exists() or waiting.exists():
        msg = text(
            "a bypass of %(gate)s is in force or waits for approval: end it first",
            gate=gate.slug,
        )
        raise Conflict(msg)
    gate.is_active, gate.retired_at = False, now
    gate.save(update_fields=["is_active", "retired_at"])
    tokens.revoke_all(gate=gate, actor=actor, now=now)
    machines.remove_all(gate=gate, actor=actor, now=now)
    ledger.append(
        tenant=gate.tenant,
        event=events.GATE_RETIRED,
        actor=actor,
        facts={"gate": gate.slug, "name": gate.name, "reason": why},
    )
    return gate


@transaction.atomic
def heartbeat(*, gate: Gate, config_digest: str) -> Gate:
    """
    Notes that the gate is alive; a changed configuration digest is a finding.

    An empty digest says nothing about the configuration and changes nothing.
    """
    if config_digest:
        check_identifier(config_digest, field="config_digest")
    gate = access.lock_gate(pk=gate.pk)
    before, now = gate.config_digest, clock.db_now()
    if before and config_digest != before and _changed_lately(gate=gate, now=now):
        config_digest = ""  # the next heartbeat says it again: one entry a minute
    gate.last_seen_at = gate.beat_at = now
    gate.config_digest = config_digest or before
    gate.save(update_fields=["last_seen_at", "beat_at", "config_digest"])
    if before and gate.config_digest != before:
        ledger.append(
            tenant=gate.tenant,
            event=events.GATE_CONFIG_CHANGED,
            actor=gate.as_actor(),
            facts={"gate": gate.slug, "before": before, "after": gate.config_digest},
        )
        watching.reconfigured(gate=gate, before=before, after=gate.config_digest)
    return gate


def _changed_lately(*, gate: Gate, now: datetime) -> bool:
    """A gate that changes with every heartbeat must not flood the tenant's log."""
    return AuditEntry.objects.filter(
        tenant=gate.tenant,
        event=events.GATE_CONFIG_CHANGED,
        actor=gate.slug,
        at__gt=now - CONFIG_CHANGE_EVERY,
    ).exists()


def _require_not_retired(gate: Gate) -> None:
    if gate.is_retired:
        msg = text(
            "%(gate)s is retired, for good: connect a new gate instead", gate=gate.slug
        )
        raise Conflict(msg)


def label(value: str, *, field: str) -> str:
    """Environment and data class are identifiers, or empty."""
    if len(value) > LABEL_MAX:
        msg = text(
            "%(field)s is longer than %(label_max)s characters",
            field=field,
            label_max=LABEL_MAX,
        )
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
