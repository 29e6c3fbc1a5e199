"""Gates that are being set up: what is unfinished, and one of them."""

from uuid import UUID

from breakglass.errors import NotFound
from breakglass.models import GateSetup, Tenant
from breakglass.texts import text


def unfinished(*, tenant: Tenant) -> list[GateSetup]:
    """Returns what can be continued, newest first: no gate that is on, or retired."""
    rows = GateSetup.objects.filter(
        tenant=tenant,
        finished_at__isnull=True,
        gate__retired_at__isnull=True,
        gate__turned_on_at__isnull=True,
    )
    return list(rows.select_related("author", "gate").order_by("-created_at", "-pk"))


def setup_for(*, tenant: Tenant, public_id: UUID) -> GateSetup:
    """Returns one of the tenant's set-ups, or raises NotFound."""
    rows = GateSetup.objects.filter(tenant=tenant, public_id=public_id)
    found = rows.select_related("tenant", "owner", "gate__tenant", "gate__owner")
    setup = found.first()
    if setup is None:
        msg = text("there is no such set-up in %(tenant)s", tenant=tenant.slug)
        raise NotFound(msg)
    return setup
