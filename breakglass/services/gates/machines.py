"""Machines that speak for a gate by their platform's tokens: add, remove, and use."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, NotFound, PolicyViolation
from breakglass.models import Gate, GateIdentity, TokenIssuer
from breakglass.queries import access
from breakglass.rules import machine_identity as rules
from breakglass.services.gates import issuers
from breakglass.texts import text

AT_MOST: Final = 50
"""Machines of one gate: each token is compared with all of them."""

_REMEMBERED: Final = rules.LEEWAY + timedelta(hours=1)
"""How long after its end a token's name is kept: well beyond its last use."""

_USE: Final = """
    INSERT INTO breakglass_tokenuse
      (issuer_id, jti_hash, gate_id, deploy_id, used_at, forget_at)
    VALUES (%s, %s, %s, %s, bg_now(), %s)
    ON CONFLICT (issuer_id, jti_hash) DO NOTHING
"""
_USED: Final = """
    SELECT gate_id = %s AND deploy_id = %s FROM breakglass_tokenuse
    WHERE issuer_id = %s AND jti_hash = %s
"""


@transaction.atomic
def add(
    *,
    gate: Gate,
    kind: str,
    issuer: str,
    audience: str,
    claims: Mapping[str, str],
    actor: Actor,
) -> GateIdentity:
    """
    Lets a machine with exactly these ids speak for the gate.

    Raises InvalidInput for what is malformed, Conflict for a retired gate and for a
    machine that speaks for it already.
    """
    bound = rules.check_bound(kind=kind, values=claims)
    issuers.check_issuer(issuer)
    gate = access.lock_gate(pk=gate.pk)
    if gate.is_retired:
        msg = text("%(gate)s is retired: no machine speaks for it", gate=gate.slug)
        raise Conflict(msg)
    now = clock.db_now()
    source, _ = TokenIssuer.objects.get_or_create(
        issuer=issuer, defaults={"created_at": now}
    )
    live = GateIdentity.objects.filter(gate=gate, removed_at__isnull=True)
    if live.filter(issuer=source, audience=audience, kind=kind, claims=bound).exists():
        msg = text("this machine speaks for %(gate)s already", gate=gate.slug)
        raise Conflict(msg)
    if live.count() >= AT_MOST:
        msg = text("a gate has at most %(most)s machines", most=AT_MOST)
        raise PolicyViolation(msg)
    identity = GateIdentity.objects.create(
        gate=gate,
        issuer=source,
        kind=kind,
        audience=audience,
        claims=bound,
        created_at=now,
        created_by=actor.name,
    )
    ledger.append(
        tenant=gate.tenant,
        event=events.MACHINE_ADDED,
        actor=actor,
        facts={**_facts(identity), "issuer": issuer, "audience": audience},
    )
    return identity


@transaction.atomic
def remove(*, gate: Gate, public_id: UUID, actor: Actor) -> GateIdentity:
    """Ends a machine's right at once; NotFound for another gate's, or a removed one."""
    gate = access.lock_gate(pk=gate.pk)
    identity = live_one(gate=gate, public_id=public_id)
    _end(identity, gate=gate, actor=actor, now=clock.db_now())
    return identity


def remove_all(*, gate: Gate, actor: Actor, now: datetime) -> int:
    """Ends every machine's right, in the caller's transaction; returns how many."""
    rows = GateIdentity.objects.filter(gate=gate, removed_at__isnull=True)
    live = list(rows.select_related("gate").order_by("pk"))
    for identity in live:
        _end(identity, gate=gate, actor=actor, now=now)
    return len(live)


def live_one(*, gate: Gate, public_id: UUID) -> GateIdentity:
    """Returns a machine that speaks for the gate, or raises NotFound."""
    found = GateIdentity.objects.filter(
        gate=gate, public_id=public_id, removed_at__isnull=True
    )
    identity = found.select_related("issuer", "gate").first()
    if identity is None:
        msg = text("no such machine speaks for this gate")
        raise NotFound(msg)
    return identity


def use_once(
    *, issuer_id: int, jti: str, gate: Gate, deploy_id: str, expires_at: datetime
) -> bool:
    """
    Says whether the token may be used for this deploy: it was for no other so far.

    The first deploy that it is used for is written down for good; of two at once the
    database lets one be first. One deploy asks as often as it needs to.
    """
    name = sha256(jti.encode()).digest()
    forget_at = expires_at + _REMEMBERED
    with connection.cursor() as cursor:
        cursor.execute(_USE, [issuer_id, name, gate.pk, deploy_id, forget_at])
        if cursor.rowcount == 1:
            return True
    return was_for(issuer_id=issuer_id, jti=jti, gate=gate, deploy_id=deploy_id)


def was_for(*, issuer_id: int, jti: str, gate: Gate, deploy_id: str) -> bool:
    """Says the same and writes nothing: for a rehearsal."""
    name = sha256(jti.encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(_USED, [gate.pk, deploy_id, issuer_id, name])
        row = cursor.fetchone()
    return row is None or bool(row[0])


def _end(identity: GateIdentity, *, gate: Gate, actor: Actor, now: datetime) -> None:
    identity.removed_at = now
    identity.save(update_fields=["removed_at"])
    ledger.append(
        tenant=gate.tenant,
        event=events.MACHINE_REMOVED,
        actor=actor,
        facts=_facts(identity),
    )


def _facts(identity: GateIdentity) -> chain.Facts:
    return {
        "gate": identity.gate.slug,
        "machine": identity.short,
        "kind": identity.kind,
        "claims": [f"{name}={value}" for name, value in identity.claims.items()],
    }
