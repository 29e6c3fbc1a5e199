"""Verify the logs in the background: what is new all the time, everything nightly."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Final

from django.db import connection, transaction

from breakglass import clock
from breakglass.audit.walk import Report
from breakglass.errors import Conflict, InvalidInput, SigningFailed
from breakglass.models import LogStanding, Tenant, User
from breakglass.queries import access
from breakglass.queries.logs import entries, standing
from breakglass.services.logs import publishing, standings
from breakglass.services.logs.verification import verify_tenant
from breakglass.texts import plural

logger = logging.getLogger(__name__)

FULL_EVERY: Final = timedelta(hours=23, minutes=45)
"""Less than a day, so that the sweep that comes a little early still runs."""

AGAIN_AFTER: Final = timedelta(hours=1)
"""A log with a finding is looked at sooner: somebody may have mended it."""

ASK_AGAIN_AFTER: Final = timedelta(minutes=1)
"""How often people may have a whole log checked."""

FAILED: Final = "something unforeseen went wrong, which is in the portal's own log"
"""What those who asked are told of a check that broke off."""

_ASKED: Final = ("asked_at", "asked_by", "check_done", "check_total", "check_error")
_LOCK: Final = 0x6C6F67  # "log", the first half of the advisory lock's name


def check_new() -> int:
    """
    Verifies what each log gained since its last verified head; counts the findings.

    A log with a finding is left to the full check, which alone can end it: everything
    behind a break would be told again.
    """
    return _each(Tenant.objects.order_by("pk"), check=_check_new)


def check_whole() -> int:
    """
    Verifies each log from its first entry, once a night; counts the findings.

    Whoever comes while another does it walks on to the next log: a log of millions of
    entries takes longer than a broker waits before it hands the task out again.
    """
    return _each(Tenant.objects.order_by("pk"), check=_check_whole)


def ask(*, tenant: Tenant, person: User) -> None:
    """
    Asks for a full check, soon; while one is asked for, asking again changes nothing.

    Open to whoever reads the log. Raises NotPermitted, and Conflict within a minute
    of the last full check: each one reads everything.
    """
    access.require_log(user=person, tenant=tenant)
    with transaction.atomic():
        known = standings.lock(tenant=tenant)
        now = clock.db_now()
        if known.asked_at is not None:
            return
        checked_at = known.full_verified_at
        if checked_at is not None and now - checked_at < ASK_AGAIN_AFTER:
            seconds = int((now - checked_at).total_seconds())
            msg = plural(
                "the whole log was checked %(count)s second ago: ask again in a minute",
                "the whole log was checked %(count)s seconds ago: ask again in a "
                "minute",
                count=seconds,
            )
            raise Conflict(msg)
        known.asked_at, known.asked_by = now, person
        known.check_done = known.check_total = 0
        known.check_error = ""
        known.save(update_fields=_ASKED)


def check_asked() -> int:
    """Verifies the logs that somebody wants checked now; counts the findings."""
    asked = Tenant.objects.filter(log_standing__asked_at__isnull=False)
    return _each(asked.order_by("pk"), check=_check_whole)


def remember(*, tenant: Tenant, report: Report) -> bool:
    """Writes down what a check came to; returns whether it found something new."""
    worst, full = report.first_bad, report.since == 0
    if worst is None:
        standings.note_verified(
            tenant=tenant, size=report.size, head=report.head, full=full
        )
        return False
    if full:
        standings.note_looked(tenant=tenant)
    bad = {finding.seq for finding in report.findings if finding.seq}
    standings.note_bad(tenant=tenant, entries=bad, full=full)
    return standings.note_finding(tenant=tenant, seq=worst.seq, message=str(worst))


def _each(tenants: Iterable[Tenant], *, check: Callable[[Tenant], bool]) -> int:
    """
    Counts the findings; a check that fails does not keep the other logs waiting.

    Once they are done it is raised, so that the sweep counts as failed.
    """
    found, failed = 0, None
    for tenant in tenants:
        try:
            found += check(tenant)
        except Exception as error:  # an edge: the other logs are checked all the same
            logger.exception("log_check.failed", extra={"tenant": tenant.slug})
            failed = failed or error
    if failed is not None:
        raise failed
    return found


def _check_new(tenant: Tenant) -> bool:
    known = standing.of(tenant=tenant)
    if known is not None and (known.finding_at is not None or _is_quiet(tenant, known)):
        return False
    try:
        report = verify_tenant(tenant=tenant, since=known)
    except SigningFailed as error:
        logger.warning("log_check.cannot_tell", extra={"stage": error.stage})
        return False
    return remember(tenant=tenant, report=report)


def _is_quiet(tenant: Tenant, known: LogStanding) -> bool:
    """A log that did not grow, and still ends with what was verified."""
    head = entries.head(tenant=tenant)
    return head is not None and (head.seq, bytes(head.entry_hash)) == (
        known.verified_size,
        bytes(known.verified_hash),
    )


def _check_whole(tenant: Tenant) -> bool:
    if not _is_due(tenant):
        return False
    with _alone(tenant) as is_alone:
        if not is_alone or not _is_due(tenant):
            return False
        known = standing.of(tenant=tenant)
        asked_at = known.asked_at if known else None
        error = FAILED
        try:
            is_news, error = _checked_whole(tenant)
        finally:
            standings.note_answered(tenant=tenant, asked_at=asked_at, error=error)
        return is_news


def _checked_whole(tenant: Tenant) -> tuple[bool, str]:
    """Returns whether the check found something new, and why it could not be done."""
    file = publishing.file_of(tenant)
    try:
        report = _verified(tenant, file=file if file.exists() else None)
    except SigningFailed as error:
        logger.warning("log_check.cannot_tell", extra={"stage": error.stage})
        return False, str(error)
    return remember(tenant=tenant, report=report), ""


def _verified(tenant: Tenant, *, file: Path | None) -> Report:
    """A file that cannot be read is the guard's finding; the log is verified anyway."""
    told = _Progress(tenant)
    try:
        return verify_tenant(tenant=tenant, checkpoint_file=file, progress=told)
    except InvalidInput:
        report = verify_tenant(tenant=tenant, progress=told)
        report.add(0, "has published checkpoints that cannot be read")
        return report


class _Progress:
    """Writes down how many entries are done, twice a second at most."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._next = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = monotonic()
        if what == "entries" and now >= self._next:
            self._next = now + 0.5
            standings.note_progress(tenant=self._tenant, done=done, total=total)


def _is_due(tenant: Tenant) -> bool:
    known = standing.of(tenant=tenant)
    if known is None or known.full_verified_at is None or known.asked_at is not None:
        return True
    wait = FULL_EVERY if known.finding_at is None else AGAIN_AFTER
    return clock.db_now() - known.full_verified_at >= wait


@contextmanager
def _alone(tenant: Tenant) -> Iterator[bool]:
    """Holds a lock of the session: the check is longer than any transaction may be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, tenant.pk])
        (won,) = cursor.fetchone()
    try:
        yield won
    finally:
        if won:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, tenant.pk])
