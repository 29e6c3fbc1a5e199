"""Checkpoints: signed statements of each log's size and head, kept outside too."""

import json
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction

from breakglass import clock
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger
from breakglass.models import AuditEntry, Checkpoint, Intent, Tenant
from breakglass.models.signing import IntentKind
from breakglass.queries import audit
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
    Makes a checkpoint of each log that grew, and publishes the signed ones.

    A grant's events are sealed at the next sweep, other growth each minute, a quiet
    log once a day. Returns how many checkpoints this call made.
    """
    made = sum(_seal_if_due(pk) for pk in Tenant.objects.values_list("pk", flat=True))
    _publish_signed()
    return made


@transaction.atomic
def _seal_if_due(tenant_id: int) -> bool:
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(
        pk=tenant_id
    )
    head = audit.head(tenant=tenant)
    if head is None or head.seq == 0:
        return False
    last = audit.latest_checkpoint(tenant=tenant)
    now = clock.db_now()
    if not _is_due(tenant=tenant, last=last, now=now):
        return False
    intent = Intent.objects.create(
        tenant=tenant,
        kind=IntentKind.CHECKPOINT,
        state=IntentState.COMMITTED,
        statement=_statement(
            tenant=tenant,
            size=head.seq,
            head=bytes(head.entry_hash),
            previous=last,
            now=now,
        ),
        created_at=now,
        next_try_at=now,
    )
    Checkpoint.objects.create(
        tenant=tenant,
        size=head.seq,
        head_hash=head.entry_hash,
        previous=last,
        statement=intent,
        sealed_at=now,
    )
    ledger.append(
        tenant=tenant,
        event=events.LOG_SEALED,
        actor=SCHEDULER,
        facts={"size": head.seq, "head": bytes(head.entry_hash).hex()},
    )
    return True


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
    size: int,
    head: bytes,
    previous: Checkpoint | None,
    now: datetime,
) -> bytes:
    return statements.statement(
        name=f"{tenant.slug}/{size}",
        sha256=head,
        predicate_type=statements.CHECKPOINT_TYPE,
        predicate={
            "tenant": str(tenant.public_id),
            "slug": tenant.slug,
            "size": size,
            "head": head.hex(),
            "previous_size": previous.size if previous else 0,
            "previous_head": bytes(previous.head_hash).hex() if previous else "",
            "sealed_at": chain.timestamp(now),
        },
    )


def _publish_signed() -> None:
    """Appends signed checkpoints to the file outside the database, oldest first."""
    waiting = Checkpoint.objects.filter(
        published_at__isnull=True, statement__bundle__isnull=False
    ).order_by("pk")
    for checkpoint in waiting.select_related("tenant", "statement__bundle")[:500]:
        try:
            _append_to_file(checkpoint)
        except OSError as error:
            logger.warning("checkpoint.unpublished", extra={"why": error.strerror})
            return
        Checkpoint.objects.filter(pk=checkpoint.pk).update(published_at=clock.db_now())


def _append_to_file(checkpoint: Checkpoint) -> None:
    """
    Adds one line of JSON and syncs it; a line may come twice, never be lost.

    The reader takes the largest size; a repeated line says the same thing.
    """
    folder = Path(settings.CHECKPOINT_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    line = {
        "tenant": str(checkpoint.tenant.public_id),
        "slug": checkpoint.tenant.slug,
        "size": checkpoint.size,
        "head": bytes(checkpoint.head_hash).hex(),
        "sealed_at": chain.timestamp(checkpoint.sealed_at),
        "bundle": json.loads(bytes(checkpoint.statement.bundle.bundle)),
    }
    with (folder / f"{checkpoint.tenant.slug}.jsonl").open("a") as file:
        file.write(json.dumps(line, separators=(",", ":")) + "\n")
        file.flush()
        os.fsync(file.fileno())
