"""Evidence archives of a tenant: the newest, and one by its ID."""

from uuid import UUID

from breakglass.errors import NotFound
from breakglass.models import Export, Tenant


def recent(*, tenant: Tenant, limit: int = 30) -> list[Export]:
    """Returns what was asked for last, newest first."""
    rows = Export.objects.filter(tenant=tenant).select_related("requested_by")
    return list(rows.order_by("-pk")[:limit])


def one(*, tenant: Tenant, public_id: UUID) -> Export:
    """Returns one export of this tenant, or raises NotFound."""
    found = Export.objects.filter(tenant=tenant, public_id=public_id).first()
    if found is None:
        msg = f"there is no such export of {tenant.slug}"
        raise NotFound(msg)
    return found
