"""Admin pages of what belongs to a gate: only gates of managed tenants are offered."""

from typing import Any, Generic

from django.db.models import ForeignKey
from django.forms import ModelChoiceField
from django.http import HttpRequest

from breakglass.models import Gate
from portal.admin.scoped import M, ScopedAdmin, bare, managed


class GateScopedAdmin(ScopedAdmin[M], Generic[M]):
    """Base of those pages; their lists have no links that open pop-ups."""

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offers only gates of managed tenants."""
        if db_field.related_model is Gate:
            rows = Gate.objects.filter(tenant__in=managed(request))
            kwargs["queryset"] = rows.order_by("tenant", "slug")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Takes the links off once Django has put them on."""
        form = super().get_form(request, *args, **kwargs)
        for name in ("tenant", "gate"):
            bare(form.base_fields.get(name))
        return form
