"""The one door through which audit entries are written."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

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
from breakglass.errors import LogReadOnly
from breakglass.models import AuditEntry, LogStanding, Tenant
from breakglass.texts import text


def append(
    *,
    tenant: Tenant,
    event: str,
    actor: Actor,
    facts: Facts | Callable[[datetime], Facts],
    bypass_id: str = "",
) -> AuditEntry:
    """
    Adds one entry to the tenant's chain, inside the caller's transaction.

    The head row is locked until commit, so two writers of one tenant queue up and
    the sequence has no gaps; take this lock last (request, grant, gate, head). The
    entry's time is the database's clock after the lock, never before its
    predecessor's; facts that follow from it are given as a function of it. Raises
    LogReadOnly while the log is read-only; RuntimeError outside a transaction,
    ValueError for an event that events.py does not list.
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
        "facts": dict(facts(at) if callable(facts) else facts),
    }
    raw = canonical(body)
    return _insert(
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
    """
    Locks the chain's tip; returns its size, its hash, and the time to write.

    Whether the log may grow is read by the same statement: no entry costs a query more.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_HEAD, {"tenant": tenant.pk})
        seq, prev, at, read_only_at = cursor.fetchone()
    if read_only_at is not None:
        raise _read_only(tenant, since=read_only_at)
    return seq, bytes(prev), at


def _insert(*, tenant: Tenant, **values: Any) -> AuditEntry:
    """Inserts the row while the head is held: plain SQL, to hold it the shortest."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {"tenant": tenant.pk, **values})
        (key,) = cursor.fetchone()
    entry = AuditEntry(pk=key, tenant=tenant, **values)
    entry._state.adding, entry._state.db = False, connection.alias  # noqa: SLF001
    return entry


_INSERT: Final = """
    INSERT INTO breakglass_auditentry (tenant_id, seq, prev_hash, entry_hash, body, at,
      event, actor, bypass_id)
    VALUES (%(tenant)s, %(seq)s, %(prev_hash)s, %(entry_hash)s, %(body)s, %(at)s,
      %(event)s, %(actor)s, %(bypass_id)s)
    RETURNING id
"""
_LOCK_HEAD: Final = """
    SELECT h.seq, h.hash, h.at, s.read_only_at
    FROM bg_lock_head(%(tenant)s) h
    LEFT JOIN breakglass_logstanding s ON s.tenant_id = %(tenant)s
"""


def require_writable(*, tenant: Tenant) -> None:
    """
    Raises LogReadOnly early, for steps that only later come to an entry.

    `append` asks again: this one spares a person a signature that cannot count yet.
    """
    found = LogStanding.objects.filter(tenant=tenant, read_only_at__isnull=False)
    since = found.values_list("read_only_at", flat=True).first()
    if since is not None:
        raise _read_only(tenant, since=since)


def _read_only(tenant: Tenant, *, since: datetime) -> LogReadOnly:
    at = f"{since:%Y-%m-%d %H:%M} UTC"
    msg = text(
        "the log of %(tenant)s is read-only since %(at)s: it no longer "
        "extends what was published. Two admins of the tenant have to "
        "re-anchor it first, on its audit log's page",
        tenant=tenant.slug,
        at=at,
    )
    return LogReadOnly(msg)
