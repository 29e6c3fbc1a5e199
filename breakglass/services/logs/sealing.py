"""Checkpoints: signed statements of each log's size, head and Merkle root."""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from breakglass import clock
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger, tree
from breakglass.audit.tree import Frontier
from breakglass.errors import Conflict, LogReadOnly
from breakglass.models import AuditEntry, ChainHead, Checkpoint, Intent, Tenant
from breakglass.models.signing import IntentKind
from breakglass.queries.logs import entries, standing
from breakglass.services.logs import publishing
from breakglass.signing import statements
from breakglass.states import IntentState

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=1)
HEARTBEAT: Final = timedelta(days=1)
_AT_ONCE: Final = (
    events.GRANT_ISSUED,
    events.GRANT_EXPIRED,
    events.GRANT_REVOKED,
    events.EVIDENCE_EXPORTED,  # whoever waits for an archive wants it covered
)


def seal_due() -> int:
    """
    Makes a checkpoint of each log that grew, and writes the signed ones to the file.

    A grant's events are sealed at the next sweep, other growth each minute, a quiet
    log once a day. Returns how many checkpoints this call made.
    """
    tenants = standing.writable_tenants().order_by("pk").values_list("pk", flat=True)
    made = sum(_try_to_seal(pk) for pk in tenants)
    publishing.write_due()
    return made


def seal_now(*, tenant: Tenant) -> Checkpoint:
    """
    Makes a checkpoint of the log as it stands, in the caller's transaction.

    The log must have an entry. The caller holds the tenant's row.
    """
    head = ChainHead.objects.get(tenant=tenant)
    last = entries.latest_checkpoint(tenant=tenant)
    return _seal(tenant=tenant, head=head, last=last, now=clock.db_now())


def _try_to_seal(tenant_id: int) -> bool:
    """A log with a hole, or read-only by now, must not keep the others unsealed."""
    try:
        return _seal_if_due(tenant_id)
    except (Conflict, LogReadOnly) as error:
        extra = {"tenant": tenant_id, "code": error.code}
        logger.warning("checkpoint.not_made", extra=extra)
        return False


@transaction.atomic
def _seal_if_due(tenant_id: int) -> bool:
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(
        pk=tenant_id
    )
    head = entries.head(tenant=tenant)
    if head is None or head.seq == 0:
        return False
    last = entries.latest_checkpoint(tenant=tenant)
    now = clock.db_now()
    if not _is_due(tenant=tenant, last=last, now=now):
        return False
    _seal(tenant=tenant, head=head, last=last, now=now)
    return True


def _seal(
    *, tenant: Tenant, head: ChainHead, last: Checkpoint | None, now: datetime
) -> Checkpoint:
    grown = _grown(tenant=tenant, last=last, size=head.seq)
    intent = Intent.objects.create(
        tenant=tenant,
        kind=IntentKind.CHECKPOINT,
        state=IntentState.COMMITTED,
        statement=_statement(
            tenant=tenant, head=head, root=grown.root(), previous=last, now=now
        ),
        created_at=now,
        next_try_at=now,
    )
    made = Checkpoint.objects.create(
        tenant=tenant,
        size=head.seq,
        head_hash=head.entry_hash,
        tree_root=grown.root(),
        tree_peaks=grown.packed(),
        previous=last,
        statement=intent,
        sealed_at=now,
    )
    ledger.append(
        tenant=tenant,
        event=events.LOG_SEALED,
        actor=SCHEDULER,
        facts={
            "size": head.seq,
            "head": bytes(head.entry_hash).hex(),
            "root": grown.root().hex(),
        },
    )
    return made


def _grown(*, tenant: Tenant, last: Checkpoint | None, size: int) -> Frontier:
    """
    Returns the tree over the first `size` entries.

    It grows from the last checkpoint. Where that one has no tree (it is of an older
    release), or is no longer part of the log (which was re-anchored), all is read.
    """
    grown = Frontier()
    if last is not None and last.tree_peaks is not None and _still_stands(last):
        grown = tree.unpacked(size=last.size, peaks=bytes(last.tree_peaks))
    grown.add(entries.entry_hashes(tenant=tenant, after=grown.size, upto=size))
    return grown


def _still_stands(last: Checkpoint) -> bool:
    return AuditEntry.objects.filter(
        tenant=last.tenant_id, seq=last.size, entry_hash=last.head_hash
    ).exists()


def _is_due(*, tenant: Tenant, last: Checkpoint | None, now: datetime) -> bool:
    """A checkpoint's own entry does not count as growth: a quiet log stays quiet."""
    if last is None:
        return True
    grown = AuditEntry.objects.filter(tenant=tenant, seq__gt=last.size).exclude(
        event=events.LOG_SEALED
    )
    age = now - last.sealed_at
    if grown.filter(event__in=_AT_ONCE).exists():
        return True
    if grown.exists():
        return age >= EVERY
    return age >= HEARTBEAT


def _statement(
    *,
    tenant: Tenant,
    head: ChainHead,
    root: bytes,
    previous: Checkpoint | None,
    now: datetime,
) -> bytes:
    return statements.statement(
        name=f"{tenant.slug}/{head.seq}",
        sha256=bytes(head.entry_hash),
        predicate_type=statements.CHECKPOINT_TYPE,
        predicate={
            "tenant": str(tenant.public_id),
            "slug": tenant.slug,
            "size": head.seq,
            "head": bytes(head.entry_hash).hex(),
            "root": root.hex(),
            "previous_size": previous.size if previous else 0,
            "previous_head": bytes(previous.head_hash).hex() if previous else "",
            "sealed_at": chain.timestamp(now),
        },
    )
