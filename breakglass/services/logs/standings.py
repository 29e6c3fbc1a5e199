"""Write down how a log stands: a finding, read-only, verified up to where."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import transaction

from breakglass import clock, outbox
from breakglass.models import LogStanding, Tenant

logger = logging.getLogger(__name__)

_VERIFIED: Final = (
    "verified_size",
    "verified_hash",
    "verified_at",
    "full_verified_at",
    "full_verified_size",
    "finding",
    "finding_seq",
    "finding_at",
    "bad_entries",
)
BAD_AT_MOST: Final = 100
"""How many wrong entries are remembered by number; `manage.py verify` names all."""


@transaction.atomic
def note_finding(*, tenant: Tenant, seq: int, message: str) -> bool:
    """
    Turns the tenant's log red and tells its auditors; returns whether that was news.

    The first finding stays until a full check finds nothing: what comes after it is
    mostly its consequence. Noting it again tells nobody again.
    """
    standing = lock(tenant=tenant)
    if standing.finding_at is not None:
        return False
    now = clock.db_now()
    standing.finding = message[:2000]
    standing.finding_seq = seq
    standing.finding_at = now
    standing.save(update_fields=["finding", "finding_seq", "finding_at"])
    logger.error("log.finding", extra={"tenant": tenant.slug, "seq": seq})
    _tell(tenant=tenant, topic=outbox.LOG_FINDING, now=now)
    return True


@transaction.atomic
def make_read_only(*, tenant: Tenant, reason: str) -> bool:
    """Stops the log from growing, and tells; returns whether it was writable."""
    standing = lock(tenant=tenant)
    if standing.read_only_at is not None:
        return False
    now = clock.db_now()
    standing.read_only_at = now
    standing.read_only_reason = reason[:2000]
    standing.save(update_fields=["read_only_at", "read_only_reason"])
    logger.error("log.read_only", extra={"tenant": tenant.slug})
    _tell(tenant=tenant, topic=outbox.LOG_READ_ONLY, now=now)
    return True


@transaction.atomic
def note_verified(*, tenant: Tenant, size: int, head: bytes, full: bool) -> None:
    """
    Remembers up to where the log was verified without a finding.

    A full check also ends an earlier finding: what it was about is mended, or gone
    with a re-anchor that the log itself tells of.
    """
    standing = lock(tenant=tenant)
    now = clock.db_now()
    standing.verified_size, standing.verified_hash = size, head
    standing.verified_at = now
    if full:
        standing.full_verified_at, standing.full_verified_size = now, size
        standing.finding, standing.finding_seq, standing.finding_at = "", 0, None
        standing.bad_entries = []
    standing.save(update_fields=_VERIFIED)


@transaction.atomic
def note_looked(*, tenant: Tenant) -> None:
    """Remembers when the whole log was last looked at, whatever came of it."""
    standing = lock(tenant=tenant)
    standing.full_verified_at = clock.db_now()
    standing.save(update_fields=["full_verified_at"])


@transaction.atomic
def note_bad(*, tenant: Tenant, entries: Iterable[int], full: bool) -> None:
    """
    Remembers which entries a check found wrong, for the pages that show them.

    A full check says it anew; one of new entries adds to what is known.
    """
    standing = lock(tenant=tenant)
    known = set() if full else set(standing.bad_entries or ())
    standing.bad_entries = sorted(known.union(entries))[:BAD_AT_MOST]
    standing.save(update_fields=["bad_entries"])


def note_progress(*, tenant: Tenant, done: int, total: int) -> None:
    """Remembers how far a full check is."""
    LogStanding.objects.filter(tenant=tenant).update(check_done=done, check_total=total)


def note_answered(*, tenant: Tenant, asked_at: datetime | None, error: str) -> None:
    """Ends what was asked for before the check began; a later wish stays."""
    if asked_at is not None:
        asked = LogStanding.objects.filter(tenant=tenant, asked_at=asked_at)
        asked.update(asked_at=None, check_error=error[:300])


def lock(*, tenant: Tenant) -> LogStanding:
    """Locks and returns the tenant's standing; makes it where there is none."""
    LogStanding.objects.get_or_create(tenant=tenant)
    return LogStanding.objects.select_for_update(of=("self",), no_key=True).get(
        tenant=tenant
    )


def _tell(*, tenant: Tenant, topic: str, now: datetime) -> None:
    """
    Promises one message for this occurrence.

    The moment is the subject: a promise is kept once per subject, and the tenant
    itself would be told of its first finding only, for ever.
    """
    moment = int(now.timestamp() * 1_000_000)
    outbox.promise(tenant=tenant, topic=topic, subject_id=moment, now=now)
