"""What the admin's frame shows beside Django's own."""

from typing import Final

from django import template
from django.contrib.admin.helpers import AdminReadonlyField
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field
from django.http import HttpRequest
from django.template import Context
from django.utils.translation import gettext as _

from breakglass.texts import translated
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


@register.filter
def contents(field: AdminReadonlyField) -> str:
    """
    Returns what a field holds that is there to be read.

    Django makes plain strings of our texts here, and a picture of yes and no.
    """
    row = field.form.instance
    try:
        column = row._meta.get_field(field.field["field"])  # noqa: SLF001 - Django's documented API
    except FieldDoesNotExist:
        return str(field.contents())
    value = getattr(row, column.name, None)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    for choice, label in column.flatchoices if isinstance(column, Field) else ():
        if value == choice:
            return translated(label)
    return str(field.contents())
