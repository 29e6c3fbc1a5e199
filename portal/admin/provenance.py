"""Provenance: whose a gate trusts, and what was given."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from breakglass.models import GateTrust, Provenance
from breakglass.services.provenance import trusting
from portal.admin.gate_scoped import GateScopedAdmin
from portal.admin.scoped import (
    ManagedFilter,
    ReadOnlyAdmin,
    actor,
)
from portal.templatetags.portal import status

_TENANT = ("tenant", ManagedFilter)


@admin.register(GateTrust)
class GateTrustAdmin(GateScopedAdmin[GateTrust]):
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
