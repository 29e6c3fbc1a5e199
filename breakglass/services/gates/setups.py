"""
Setting a gate up, step by step: answers are kept in a row, so it can be left.

The gate itself is made when its first token is, and is in use only once it is turned
on. Each step may be gone through again until then.
"""

from django.db import transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.errors import Conflict, InvalidInput
from breakglass.models import Gate, GateSetup, RoleGroup, Tenant, User
from breakglass.queries import access
from breakglass.queries.gates import overview as queries
from breakglass.rules.identifiers import check_identifier
from breakglass.services.gates import registry, terms, tokens
from breakglass.states import AtClose, GateKind
from breakglass.texts import text


@transaction.atomic
def start(*, tenant: Tenant, author: User, kind: str) -> GateSetup:
    """Begins a set-up with what will ask at the gate; nothing is in use yet."""
    return GateSetup.objects.create(
        tenant=tenant, author=author, kind=_kind(kind), created_at=clock.db_now()
    )


@transaction.atomic
def choose_kind(*, setup: GateSetup, kind: str, actor: Actor) -> GateSetup:
    """Changes what asks at the gate."""
    setup = _lock(setup)
    setup.kind = _kind(kind)
    setup.save(update_fields=["kind"])
    _tell_gate(setup=setup, actor=actor)
    return setup


@transaction.atomic
def name(
    *,
    setup: GateSetup,
    slug: str,
    service: str,
    environment: str,
    data_class: str,
    owner: RoleGroup | None,
    actor: Actor,
    at_close: str = AtClose.HOLD_NEXT_STAGE,
) -> GateSetup:
    """
    Sets the gate's name, what describes it, and what a close does to its deploys.

    The name is kept once the gate is made: it stands in the log. Raises InvalidInput
    by the field, Conflict when the tenant has a gate of that name.
    """
    setup = _lock(setup)
    slug = (
        setup.gate.slug
        if setup.gate
        else check_identifier(slug, field="slug", slash=False)
    )
    if slug in registry.RESERVED:
        msg = text(
            "%(gate)s is an address of the portal: choose another name", gate=slug
        )
        raise InvalidInput(msg, field="slug")
    taken = Gate.objects.filter(tenant=setup.tenant, slug=slug)
    if setup.gate is None and taken.exists():
        msg = text(
            "%(tenant)s has a gate named %(gate)s already",
            tenant=setup.tenant.slug,
            gate=slug[:40],
        )
        raise Conflict(msg)
    if owner is not None and owner.tenant_id != setup.tenant_id:
        msg = text("the owner is a group of another tenant")
        raise InvalidInput(msg, field="owner")
    setup.slug, setup.owner = slug, owner
    setup.service = check_identifier(service, field="service") if service else ""
    setup.environment = registry.label(environment, field="environment")
    setup.data_class = registry.label(data_class, field="data_class")
    setup.at_close = at_close
    setup.save(
        update_fields=[
            *("slug", "owner", "service", "environment", "data_class", "at_close")
        ]
    )
    _tell_gate(setup=setup, actor=actor)
    return setup


@transaction.atomic
def connect(*, setup: GateSetup, actor: Actor) -> tuple[GateSetup, str]:
    """
    Makes the gate if there is none yet, and its token, returned this once.

    Tokens that this set-up made before are revoked: nobody saw them again. The wait
    for the first call begins.
    """
    setup = _lock(setup)
    if not setup.slug:
        msg = text("the gate has no name yet")
        raise Conflict(msg)
    now = clock.db_now()
    if setup.gate is None:
        setup.gate = registry.register(
            tenant=setup.tenant,
            slug=setup.slug,
            name=setup.slug[:100],
            environment=setup.environment,
            data_class=setup.data_class,
            actor=actor,
            in_setup=True,
        )
        _describe(setup=setup, gate=setup.gate, actor=actor)
    tokens.revoke_all(gate=setup.gate, actor=actor, now=now)
    token = tokens.issue(gate=setup.gate, actor=actor)
    setup.connected_at = setup.waits_since = clock.db_now()
    setup.test_skipped = False
    setup.save(update_fields=["gate", "connected_at", "waits_since", "test_skipped"])
    return setup, token


@transaction.atomic
def wait(*, setup: GateSetup) -> GateSetup:
    """Begins the wait for the first call; anew, when it was begun before."""
    setup = _lock(setup)
    _made(setup)
    setup.waits_since, setup.test_skipped = clock.db_now(), False
    setup.save(update_fields=["waits_since", "test_skipped"])
    return setup


@transaction.atomic
def skip_test(*, setup: GateSetup) -> GateSetup:
    """Goes on without a call; the page and the list say that it was not tested."""
    setup = _lock(setup)
    _made(setup)
    setup.test_skipped = True
    setup.save(update_fields=["test_skipped"])
    return setup


@transaction.atomic
def turn_on(*, setup: GateSetup, actor: Actor) -> Gate:
    """Puts the gate in use and ends the set-up."""
    setup = _lock(setup)
    gate = registry.turn(gate=_made(setup), is_active=True, actor=actor)
    setup.finished_at = clock.db_now()
    setup.save(update_fields=["finished_at"])
    return gate


@transaction.atomic
def discard(*, setup: GateSetup, actor: Actor) -> None:
    """Drops a set-up; a gate that it made is retired, since the log names it."""
    setup = _lock(setup)
    if setup.gate is None:
        setup.delete()
        return
    registry.retire(gate=setup.gate, reason="Its set-up was dropped.", actor=actor)
    setup.finished_at = clock.db_now()
    setup.save(update_fields=["finished_at"])


def tested(*, setup: GateSetup) -> bool:
    """Says whether the gate called since its token was made, and was known."""
    if setup.gate is None or setup.connected_at is None:
        return False
    found = queries.contact_since(gate=setup.gate, since=setup.connected_at)
    return found is not None and found.is_accepted


def _lock(setup: GateSetup) -> GateSetup:
    """Locks the set-up, then its gate, which may have been turned on elsewhere."""
    found = (
        GateSetup.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant", "owner", "gate")
        .filter(pk=setup.pk)
        .first()
    )
    if found is None or found.finished_at is not None:
        msg = text("this set-up is finished, or was dropped")
        raise Conflict(msg)
    if found.gate is not None:
        found.gate = access.lock_gate(pk=found.gate.pk)
        if not found.gate.in_setup:
            msg = text(
                "%(gate)s was turned on, or retired: its set-up is over",
                gate=found.gate.slug,
            )
            raise Conflict(msg)
    return found


def _made(setup: GateSetup) -> Gate:
    if setup.gate is None:
        msg = text("the gate has no token yet: connect it first")
        raise Conflict(msg)
    return setup.gate


def _tell_gate(*, setup: GateSetup, actor: Actor) -> None:
    gate = setup.gate
    if gate is None:
        return
    if (gate.environment, gate.data_class) != (setup.environment, setup.data_class):
        registry.change(
            gate=gate,
            actor=actor,
            name=gate.name,
            environment=setup.environment,
            data_class=setup.data_class,
            is_active=False,
        )
    _describe(setup=setup, gate=gate, actor=actor)


def _describe(*, setup: GateSetup, gate: Gate, actor: Actor) -> None:
    registry.describe(
        gate=gate,
        kind=setup.kind,
        owner=setup.owner,
        service=setup.service,
        actor=actor,
    )
    terms.set_terms(gate=gate, at_close=setup.at_close, actor=actor)


def _kind(kind: str) -> str:
    if kind not in GateKind.values:
        msg = text("there is no such kind of gate")
        raise InvalidInput(msg, field="kind")
    return kind
