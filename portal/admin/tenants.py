"""Tenants and their post-mortem templates."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from breakglass.models import PostMortemTemplate, Tenant
from breakglass.services.tenancy import tenants
from portal.admin.scoped import (
    ManagedFilter,
    ScopedAdmin,
    actor,
    managed,
    person,
    yes_or_no,
)


@admin.register(Tenant)
class TenantAdmin(ScopedAdmin[Tenant]):
    """Tenants. Only a superuser makes one; its managers rename it."""

    tenant_path = "pk"
    can_change = True
    list_display = ("slug", "name", yes_or_no("is_active"), "created_at")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The first tenant is made when there is none to manage yet."""
        return super().has_module_permission(request) or self._is_root(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Making a tenant is the platform's business."""
        return self._is_root(request)

    def has_view_permission(
        self, request: HttpRequest, obj: Tenant | None = None
    ) -> bool:
        """Shows managed tenants, and an empty list to a superuser."""
        return super().has_view_permission(request, obj) or (
            obj is None and self._is_root(request)
        )

    def manages(self, request: HttpRequest, obj: Tenant | None) -> bool:
        """A tenant is its own tenant."""
        return obj in managed(request) if obj else bool(managed(request))

    def get_fields(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        """A new tenant is active."""
        if obj is None:
            return ["slug", "name"]
        settable = ("is_active", "emergency_text", "policy_needs_second_admin")
        return ["slug", "name", *settable, "created_at"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Tenant | None = None
    ) -> tuple[str, ...]:
        """
        The slug stands in addresses and in the log.

        Switching a tenant off locks its own managers out, so only a superuser may.
        Nor does one admin alone lift what asks for a second one.
        """
        if obj is None:
            return ()
        kept = ("slug", "created_at")
        if self._is_root(request):
            return kept
        lifted = ("policy_needs_second_admin",) if obj.policy_needs_second_admin else ()
        return (*kept, "is_active", *lifted)

    def save_model(
        self, request: HttpRequest, obj: Tenant, form: ModelForm[Tenant], change: bool
    ) -> None:
        """Creates (with default groups, policy and template) or changes a tenant."""
        if change:
            saved = tenants.change(
                tenant=Tenant.objects.get(pk=obj.pk),
                actor=actor(request),
                name=obj.name,
                is_active=obj.is_active,
                emergency_text=obj.emergency_text,
                policy_needs_second_admin=obj.policy_needs_second_admin,
            )
        else:
            saved = tenants.create(slug=obj.slug, name=obj.name, actor=actor(request))
        self.save_as_told(obj, saved)

    def _is_root(self, request: HttpRequest) -> bool:
        user = person(request)
        return user.is_active and user.is_staff and user.is_superuser


@admin.register(PostMortemTemplate)
class PostMortemTemplateAdmin(ScopedAdmin[PostMortemTemplate]):
    """The text that new post-mortems start from; every tenant has one."""

    can_change = True
    list_display = ("tenant", "updated_at")
    list_filter = (("tenant", ManagedFilter),)
    list_select_related = ("tenant",)
    fields = ("tenant", "body", "required_headings", "updated_at")
    readonly_fields = ("tenant", "updated_at")

    def save_model(
        self,
        request: HttpRequest,
        obj: PostMortemTemplate,
        form: ModelForm[PostMortemTemplate],
        change: bool,
    ) -> None:
        """Sets the template through the service; open post-mortems keep theirs."""
        tenants.set_template(
            tenant=obj.tenant,
            actor=actor(request),
            body=obj.body,
            required_headings=obj.required_headings,
        )
