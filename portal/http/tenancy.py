"""Which tenant is this request about, and may this person know it exists?"""

from typing import Final

from django.http import HttpRequest

from breakglass.errors import NotFound
from breakglass.models import Tenant, User
from breakglass.queries import access
from breakglass.queries.access import Membership
from portal.http.htmx import PageRequest

SESSION_KEY: Final = "breakglass_tenant"
_KEPT: Final = "breakglass_memberships"


def memberships(request: HttpRequest, user: User) -> list[Membership]:
    """Returns the person's tenants and rights, asked once per request."""
    found: list[Membership] | None = getattr(request, _KEPT, None)
    if found is None:
        found = access.memberships(user=user)
        setattr(request, _KEPT, found)
    return found


def permissions(request: PageRequest, tenant: Tenant) -> frozenset[str]:
    """Returns what the person may do in this tenant; nothing for strangers."""
    ours = memberships(request, request.user)
    return next((o.permissions for o in ours if o.tenant == tenant), frozenset())


def of_request(request: PageRequest, slug: str) -> Tenant:
    """
    Returns the tenant of an address; NotFound for strangers and unknown slugs alike.

    Remembers it for the pages without a tenant in their address, so that the menu
    does not jump to another team.
    """
    ours = memberships(request, request.user)
    tenant = next((one.tenant for one in ours if one.tenant.slug == slug), None)
    if tenant is None:
        raise NotFound(access.NO_SUCH_TENANT)
    if request.session.get(SESSION_KEY) != tenant.slug:
        request.session[SESSION_KEY] = tenant.slug
    return tenant
