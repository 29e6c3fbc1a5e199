"""How each log stands: verified or not, writable or read-only."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from django.db.models import Q, QuerySet

from breakglass.models import LogStanding, Tenant

Rows = TypeVar("Rows", bound=QuerySet[Any])


WRITABLE: Final = Q(tenant__log_standing__read_only_at__isnull=True)
"""For rows with a tenant: the tenant's log takes entries."""


def of(*, tenant: Tenant) -> LogStanding | None:
    """Returns the tenant's standing, or None while nothing has looked at its log."""
    return LogStanding.objects.filter(tenant=tenant).first()


def is_read_only(*, tenant: Tenant) -> bool:
    """
    Says whether the tenant's log takes no entries.

    Asks nothing when the tenant was loaded with `select_related("log_standing")`.
    """
    standing = getattr(tenant, "log_standing", None)  # a missing row raises otherwise
    return standing is not None and standing.read_only_at is not None


def writable(rows: Rows) -> Rows:
    """
    Narrows rows to tenants whose log takes entries, for the sweeps.

    A sweep leaves the others alone: what it would record cannot be recorded, and
    trying again each second would only fill the server's log.
    """
    narrowed: Rows = rows.filter(WRITABLE)
    return narrowed


def writable_tenants() -> QuerySet[Tenant]:
    """Returns the tenants whose log takes entries."""
    return Tenant.objects.filter(log_standing__read_only_at__isnull=True)


def troubled(*, tenants: Sequence[Tenant]) -> list[LogStanding]:
    """Returns the standings with a finding or read-only, read-only first."""
    rows = LogStanding.objects.filter(tenant__in=tenants).select_related("tenant")
    return troubled_first(rows)


def troubled_first(rows: Iterable[LogStanding]) -> list[LogStanding]:
    """Returns those of the standings with a finding or read-only, read-only first."""
    troubled = (r for r in rows if r.read_only_at or r.finding_at)
    return sorted(troubled, key=lambda r: (r.read_only_at is None, r.tenant.slug))


def counts() -> tuple[int, int]:
    """Returns how many logs are read-only, and how many have a finding."""
    rows = LogStanding.objects.all()
    return (
        rows.filter(read_only_at__isnull=False).count(),
        rows.filter(finding_at__isnull=False).count(),
    )
