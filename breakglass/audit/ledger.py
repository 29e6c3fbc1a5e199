"""The one door through which audit entries are written."""

from datetime import datetime

from django.db import connection

from breakglass.actors import Actor
from breakglass.audit import events
from breakglass.audit.chain import (
    TYPE,
    EntryBody,
    Facts,
    canonical,
    entry_hash,
    timestamp,
)
from breakglass.models import AuditEntry, Tenant


def append(
    *, tenant: Tenant, event: str, actor: Actor, facts: Facts, bypass_id: str = ""
) -> AuditEntry:
    """
    Adds one entry to the tenant's chain, inside the caller's transaction.

    The head row is locked until commit, so two writers of one tenant queue up and
    the sequence has no gaps; take this lock last (request, grant, gate, head). The
    entry's time is the database's clock after the lock, never before its
    predecessor's. Raises RuntimeError outside a transaction, ValueError for an
    event that events.py does not list.
    """
    if not connection.in_atomic_block:
        msg = "append() must share the transaction of the change it records"
        raise RuntimeError(msg)
    if event not in events.ALL:
        msg = f"{event} is not in audit/events.py"
        raise ValueError(msg)
    seq, prev, at = _lock_head(tenant)
    body: EntryBody = {
        "type": TYPE,
        "tenant": {"id": str(tenant.public_id), "slug": tenant.slug},
        "seq": seq + 1,
        "prev": prev.hex(),
        "at": timestamp(at),
        "event": event,
        "actor": actor.facts(),
        "bypass_id": bypass_id,
        "facts": dict(facts),
    }
    raw = canonical(body)
    return AuditEntry.objects.create(
        tenant=tenant,
        seq=seq + 1,
        prev_hash=prev,
        entry_hash=entry_hash(raw),
        body=raw,
        at=at,
        event=event,
        actor=actor.name,
        bypass_id=bypass_id,
    )


def lock(*, tenant: Tenant) -> tuple[int, bytes]:
    """
    Locks the chain's tip until commit; returns its size and hash, as they now stand.

    For facts that say where the log stood: what is appended next follows them.
    """
    if not connection.in_atomic_block:
        msg = "a lock ends with its transaction, and there is none"
        raise RuntimeError(msg)
    seq, entry, _ = _lock_head(tenant)
    return seq, entry


def _lock_head(tenant: Tenant) -> tuple[int, bytes, datetime]:
    """Locks the chain's tip; returns its size, its hash, and the time to write."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, hash, at FROM bg_lock_head(%s)", [tenant.pk])
        seq, prev, at = cursor.fetchone()
    return seq, bytes(prev), at
