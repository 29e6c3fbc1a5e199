"""Provenance: whose a gate trusts, and what was given."""

from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from breakglass.models import Gate, GateTrust, Provenance
from breakglass.services.provenance import trusting
from portal.admin.scoped import (
    ManagedFilter,
    ReadOnlyAdmin,
    ScopedAdmin,
    actor,
    managed,
)
from portal.templatetags.portal import status

_TENANT = ("tenant", ManagedFilter)


@admin.register(GateTrust)
class GateTrustAdmin(ScopedAdmin[GateTrust]):
    """Whose provenance each gate takes; one row a gate."""

    can_add = True
    can_change = True
    list_display = ("gate", "tenant", "identity", "issuer", "changed_at")
    list_filter = (_TENANT,)
    list_select_related = ("gate", "tenant")
    search_fields = ("gate__slug", "identity")
    fields = ("gate", "identity", "issuer", "root")

    def get_readonly_fields(
        self, request: HttpRequest, obj: GateTrust | None = None
    ) -> tuple[str, ...]:
        """It stays with its gate."""
        return ("gate",) if obj else ()

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offers only gates of managed tenants."""
        if db_field.related_model is Gate:
            rows = Gate.objects.filter(tenant__in=managed(request))
            kwargs["queryset"] = rows.order_by("tenant", "slug")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self,
        request: HttpRequest,
        obj: GateTrust,
        form: ModelForm[GateTrust],
        change: bool,
    ) -> None:
        """Saves it through the service."""
        saved = trusting.trust(
            gate=obj.gate,
            identity=obj.identity,
            issuer=obj.issuer,
            root=obj.root,
            actor=actor(request),
        )
        self.save_as_told(obj, saved)


@admin.register(Provenance)
class ProvenanceAdmin(ReadOnlyAdmin[Provenance]):
    """What gates gave for their deploys, and what it proves."""

    list_display = ("deploy", "tenant", "how", "identity", "builder", "reason")
    list_filter = (_TENANT, "state")
    list_select_related = ("deploy", "tenant")
    search_fields = ("deploy__deploy_id", "deploy__service", "identity")
    exclude = ("bundle", "bundle_sha256")

    @admin.display(description=_("state"), ordering="state")
    def how(self, obj: Provenance) -> SafeString:
        """Its state: an icon and words."""
        return format_html("{}", status(obj.state, "provenance"))
