"""
The log must extend what was published: a restored backup is noticed, and stopped.

The checkpoints' file lies outside the database, so it remembers what a backup, a
truncation or a failover to a replica that lagged has forgotten. Whatever was revoked or
expired in between would otherwise be in force again.
"""

import logging

from breakglass.audit import events
from breakglass.errors import SigningFailed
from breakglass.models import AuditEntry, Checkpoint, Tenant
from breakglass.queries.logs import entries as audit
from breakglass.services.logs import outside, standings
from breakglass.services.logs.outside import Published

logger = logging.getLogger(__name__)


def check_heads() -> int:
    """
    Compares each log with the newest line published; returns how much was news.

    A log that does not extend it becomes read-only. A file that is missing, damaged or
    behind is a finding only: the database may well be whole, and an emergency door
    whose disk was wiped must still open. Runs at the start of every process, and on.
    """
    changed = 0
    for tenant in Tenant.objects.order_by("pk"):
        try:
            changed += _check(tenant)
        except (SigningFailed, OSError) as error:
            logger.warning(
                "log_guard.cannot_tell",
                extra={"tenant": tenant.slug, "why": type(error).__name__},
            )
    return changed


def reanchored(published: Published, *, tenant: Tenant) -> bool:
    """Says whether the log's own entry lets it go on in spite of this checkpoint."""
    entries = AuditEntry.objects.filter(tenant=tenant, event=events.LOG_REANCHORED)
    named = {"published_size": published.size, "published_head": published.head.hex()}
    return any(
        audit.body_of(entry=entry)["facts"].items() >= named.items()
        for entry in entries.order_by("-seq")[:20]
    )


def _check(tenant: Tenant) -> bool:
    last = (
        Checkpoint.objects.filter(tenant=tenant, published_at__isnull=False)
        .order_by("-pk")
        .first()
    )
    tail = outside.tail_of(tenant)  # before the entries are read: it may grow meanwhile
    newest = tail.newest
    if newest is not None and not (
        outside.stands(newest, tenant=tenant) or reanchored(newest, tenant=tenant)
    ):
        return _stop(tenant, newest)
    problem = _problem(tail, last=last, tenant=tenant)
    if not problem:
        return False
    return standings.note_finding(tenant=tenant, seq=0, message=problem)


def _stop(tenant: Tenant, newest: Published) -> bool:
    head = audit.head(tenant=tenant)
    size = head.seq if head else 0
    if size < newest.size:
        what = f"ends at entry {size}"
    else:
        what = f"holds another entry {newest.size}"
    return standings.make_read_only(
        tenant=tenant,
        reason=(
            f"A signed checkpoint of {newest.size} entries was published, and the log "
            f"{what}: a backup was restored, or its end was cut off."
        ),
    )


def _problem(tail: outside.Tail, *, last: Checkpoint | None, tenant: Tenant) -> str:
    """Returns what is wrong with the file, where the log itself is not in doubt."""
    if tail.damaged:
        return "The file of published checkpoints holds a line that is none."
    if last is None:
        return ""
    if tail.newest is None:
        return (
            "The file of published checkpoints is gone or empty, and the database says "
            f"that the one at entry {last.size} was written to it."
        )
    same = Checkpoint.objects.filter(
        tenant=tenant, size=tail.newest.size, head_hash=tail.newest.head
    )
    if same.exists() and not same.filter(pk__gte=last.pk).exists():
        return (
            f"The file of published checkpoints ends at entry {tail.newest.size}, and "
            f"the database says that the one at entry {last.size} was written to it."
        )
    return ""
