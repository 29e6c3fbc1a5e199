"""How a log stands, for its pages: how long, checked when, sealed how far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from breakglass import clock
from breakglass.audit import narrowing
from breakglass.audit.narrowing import Reach
from breakglass.models import AuditEntry, Checkpoint, LogStanding, Tenant
from breakglass.queries import access
from breakglass.queries.logs import entries as log
from breakglass.queries.logs import standing
from portal.http import tenancy
from portal.http.audit import checks
from portal.http.htmx import PageRequest


@dataclass(frozen=True, slots=True)
class Standing:
    """What the headline of a log says, and what its rows' states are told by."""

    tenant: Tenant
    size: int
    row: LogStanding | None
    checkpoint: Checkpoint | None
    reach: Reach
    now: datetime
    failing: tuple[int, ...] = ()

    @property
    def bad(self) -> list[int]:
        """The entries that fail: found by a check, or seen on the page just now."""
        return sorted({*self.reach.bad, *self.failing})

    @property
    def checked_at(self) -> datetime | None:
        """When a check last came to the end of the log, or looked at all of it."""
        if self.row is None:
            return None
        times = (self.row.verified_at, self.row.full_verified_at)
        return max((at for at in times if at is not None), default=None)

    @property
    def is_being_checked(self) -> bool:
        """Whether somebody asked for a full check that is not done."""
        return self.row is not None and self.row.asked_at is not None

    @property
    def newer(self) -> int:
        """How many entries came after the last check."""
        return max(0, self.size - self.reach.checked)

    @property
    def state(self) -> tuple[object, ...]:
        """What the headline shows; while it is the same, nothing is swapped."""
        row = self.row
        said = (row.check_done, row.check_error, row.finding_at) if row else ()
        sealed = self.checkpoint.pk if self.checkpoint else None
        return (
            self.size,
            self.checked_at,
            self.bad,
            sealed,
            self.is_being_checked,
            said,
        )


def readable(request: PageRequest, slug: str) -> Tenant:
    """Returns the tenant whose log this person may read; NotFound, NotPermitted."""
    tenant = tenancy.of_request(request, slug)
    access.require_log(user=request.user, tenant=tenant)
    return tenant


def of(tenant: Tenant, *, seen: Sequence[int] = ()) -> Standing:
    """Reads how the log stands; `seen` are entries that failed at an earlier look."""
    size, row = _size(tenant), standing.of(tenant=tenant)
    checkpoint = newest_signed(tenant)
    is_signed = checkpoint is not None and checks.is_signed(checkpoint)
    sealed = checkpoint.size if checkpoint is not None and is_signed else 0
    again = log.entries(tenant=tenant, numbers=seen) if seen else []
    return Standing(
        tenant=tenant,
        size=size,
        row=row,
        checkpoint=checkpoint,
        reach=narrowing.reach(sealed=sealed, standing=row),
        now=clock.db_now(),
        failing=failing_of(tenant, again),
    )


def failing_of(tenant: Tenant, rows: Sequence[AuditEntry]) -> tuple[int, ...]:
    """Returns the numbers of the rows whose bytes do not check out."""
    for row in rows:
        row.tenant = tenant  # known already: no query a row
    return tuple(row.seq for row in rows if not checks.is_intact(row))


def newest_signed(tenant: Tenant) -> Checkpoint | None:
    """The newest signed checkpoint; the one before while the newest waits."""
    newest = log.latest_checkpoint(tenant=tenant)
    before = newest.previous if newest is not None else None
    if before is None or newest is None or checks.is_signed(newest):
        return newest
    return before if checks.is_signed(before) else newest


def _size(tenant: Tenant) -> int:
    head = log.head(tenant=tenant)
    return head.seq if head is not None else 0
