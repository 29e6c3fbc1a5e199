"""Gates and channels: registered and changed through their services."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from breakglass.models import Channel, Gate
from breakglass.models.gates import CACHE_MOST
from breakglass.services.gates import asking, registry, terms
from breakglass.services.tenancy import channels
from portal.admin.scoped import ManagedFilter, ScopedAdmin, actor, yes_or_no
from portal.forms.gates import ChannelForm


@admin.register(Gate)
class GateAdmin(ScopedAdmin[Gate]):
    """Gates. Tokens are issued in the portal, where they can be shown once."""

    can_add = True
    can_change = True
    list_display = (
        *("slug", "tenant", "name", "environment", "data_class"),
        yes_or_no("is_active"),
        "last_seen_at",
    )
    list_filter = (("tenant", ManagedFilter), "is_active")
    list_select_related = ("tenant",)
    search_fields = ("slug", "name")

    def get_fields(self, request: HttpRequest, obj: Gate | None = None) -> Any:
        """A new gate is in use at once; its contact is the gate's own to report."""
        named = ["tenant", "slug", "name", "environment", "data_class"]
        named += ["at_close", "silent_minutes", "cache_seconds"]
        named += ["service_from", "branch_from", "artifact_from"]
        return [*named, "is_active", "last_seen_at", "config_digest"] if obj else named

    def get_readonly_fields(
        self, request: HttpRequest, obj: Gate | None = None
    ) -> tuple[str, ...]:
        """Tenant and slug stand in requests and in the log: they never change."""
        return ("tenant", "slug", "last_seen_at", "config_digest") if obj else ()

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Says the bounds of a number in words; the constraint would name itself."""
        if db_field.name == "cache_seconds":
            kwargs = {**kwargs, "min_value": 0, "max_value": CACHE_MOST}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Gate, form: ModelForm[Gate], change: bool
    ) -> None:
        """Registers or changes the gate through the service."""
        words: dict[str, Any] = {
            "name": obj.name,
            "environment": obj.environment,
            "data_class": obj.data_class,
            "actor": actor(request),
        }
        if change:
            stored = Gate.objects.select_related("tenant").get(pk=obj.pk)
            saved = registry.change(gate=stored, is_active=obj.is_active, **words)
        else:
            saved = registry.register(tenant=obj.tenant, slug=obj.slug, **words)
        saved = terms.set_terms(
            gate=saved,
            at_close=obj.at_close,
            silent_minutes=obj.silent_minutes,
            actor=actor(request),
        )
        saved = asking.set_asking(
            gate=saved,
            cache_seconds=obj.cache_seconds,
            sources=obj.sources,
            actor=actor(request),
        )
        self.save_as_told(obj, saved)


@admin.register(Channel)
class ChannelAdmin(ScopedAdmin[Channel]):
    """Where a tenant is told, beside people's e-mail. Addresses hold secrets."""

    can_add = True
    can_change = True
    form = ChannelForm
    list_display = ("name", "tenant", "kind", yes_or_no("is_active"))
    list_filter = (("tenant", ManagedFilter), "kind", "is_active")
    list_select_related = ("tenant",)
    fields = ("tenant", "kind", "name", "url", "is_active")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Channel | None = None
    ) -> tuple[str, ...]:
        """A channel stays with its tenant."""
        return ("tenant",) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: Channel, form: ModelForm[Channel], change: bool
    ) -> None:
        """Saves the channel through the service."""
        saved = channels.save(
            tenant=obj.tenant,
            kind=obj.kind,
            name=obj.name,
            url=obj.url,
            is_active=obj.is_active,
            actor=actor(request),
            channel_id=obj.pk if change else None,
        )
        self.save_as_told(obj, saved)
