"""The one door through which audit entries are written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from breakglass.actors import Actor
from breakglass.audit import events
from breakglass.audit.chain import (
    TYPE,
    EntryBody,
    Facts,
    TenantName,
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
    tip = _lock_head(tenant)
    row = compose(
        tenant=(tenant.pk, {"id": str(tenant.public_id), "slug": tenant.slug}),
        tip=tip,
        event=event,
        actor=actor,
        facts=facts(tip.at) if callable(facts) else facts,
        bypass_id=bypass_id,
    )
    return _insert(tenant=tenant, row=row)


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of a locked chain: size, hash, and the time of what is written next."""

    seq: int
    hash: bytes
    at: datetime


def compose(
    *,
    tenant: tuple[int, TenantName],
    tip: Tip,
    event: str,
    actor: Actor,
    facts: Facts,
    bypass_id: str,
) -> dict[str, Any]:
    """
    Returns the row that follows the tip, as the parameters of INSERT.

    `tenant` is its key and its name in entries. For `append`, and for the decision
    path, which sends LOCK_HEAD and INSERT itself: both statements belong into the
    transaction of the change that the entry records.
    """
    body: EntryBody = {
        "type": TYPE,
        "tenant": tenant[1],
        "seq": tip.seq + 1,
        "prev": tip.hash.hex(),
        "at": timestamp(tip.at),
        "event": event,
        "actor": actor.facts(),
        "bypass_id": bypass_id,
        "facts": dict(facts),
    }
    raw = canonical(body)
    return {
        "tenant": tenant[0],
        "seq": tip.seq + 1,
        "prev_hash": tip.hash,
        "entry_hash": entry_hash(raw),
        "body": raw,
        "at": tip.at,
        "event": event,
        "actor": actor.name,
        "bypass_id": bypass_id,
    }


def lock(*, tenant: Tenant) -> tuple[int, bytes]:
    """
    Locks the chain's tip until commit; returns its size and hash, as they now stand.

    For facts that say where the log stood: what is appended next follows them.
    """
    if not connection.in_atomic_block:
        msg = "a lock ends with its transaction, and there is none"
        raise RuntimeError(msg)
    tip = _lock_head(tenant)
    return tip.seq, tip.hash


def _lock_head(tenant: Tenant) -> Tip:
    """
    Locks the chain's tip.

    Whether the log may grow is read by the same statement: no entry costs a query more.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_HEAD, {"tenant": tenant.pk})
        seq, prev, at, read_only_at = cursor.fetchone()
    if read_only_at is not None:
        raise _read_only(tenant, since=read_only_at)
    return Tip(seq, bytes(prev), at)


def _insert(*, tenant: Tenant, row: Mapping[str, Any]) -> AuditEntry:
    """Inserts the row while the head is held: plain SQL, to hold it the shortest."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, row)
        (key,) = cursor.fetchone()
    entry = AuditEntry(pk=key, **{**row, "tenant": tenant})
    entry._state.adding, entry._state.db = False, connection.alias  # noqa: SLF001
    return entry


INSERT: Final = """
    INSERT INTO breakglass_auditentry (tenant_id, seq, prev_hash, entry_hash, body, at,
      event, actor, bypass_id)
    VALUES (%(tenant)s, %(seq)s, %(prev_hash)s, %(entry_hash)s, %(body)s, %(at)s,
      %(event)s, %(actor)s, %(bypass_id)s)
    RETURNING id
"""
LOCK_HEAD: Final = """
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
