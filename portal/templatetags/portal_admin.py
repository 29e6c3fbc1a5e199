"""What the admin's frame shows beside Django's own."""

from typing import Final

from django import template
from django.http import HttpRequest
from django.template import Context

from portal.admin.scoped import managed

register = template.Library()
_NAMED: Final = 2


@register.simple_tag(takes_context=True)
def admin_of(context: Context) -> str:
    """Returns " · acme" for the page's head: whose rows these are, where few."""
    request = context.get("request")
    tenants = managed(request) if isinstance(request, HttpRequest) else []
    if not 1 <= len(tenants) <= _NAMED:
        return ""
    return f" · {', '.join(tenant.slug for tenant in tenants)}"
