"""Which tenant is this request about, and may this person know it exists?"""

from typing import Final

from breakglass.models import Tenant
from breakglass.queries import access
from portal.http.htmx import PageRequest

SESSION_KEY: Final = "breakglass_tenant"


def of_request(request: PageRequest, slug: str) -> Tenant:
    """
    Returns the tenant of an address; NotFound for strangers and unknown slugs alike.

    Remembers it for the pages without a tenant in their address, so that the menu
    does not jump to another team.
    """
    tenant = access.tenant_for(user=request.user, slug=slug)
    if request.session.get(SESSION_KEY) != tenant.slug:
        request.session[SESSION_KEY] = tenant.slug
    return tenant
