"""The tiers of a draft, as fields on its page."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from breakglass.models import Policy, Requirement, RoleGroup, Tier
from breakglass.states import PolicyState
from portal.forms.policies import TierForm


def is_draft(policy: Policy | None) -> bool:
    """Says whether this is a version that may still be edited."""
    return policy is not None and policy.state == PolicyState.DRAFT


class TierInline(admin.StackedInline[Tier, Policy]):
    """The tiers of a draft, strictest first; of a published version, nothing."""

    model = Tier
    form = TierForm
    extra = 0
    ordering = ("position",)
    verbose_name = _("tier")
    verbose_name_plural = _("tiers")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("position", "slug", "name"),)}),
        (
            _("When it applies (empty means any)"),
            {
                "fields": (
                    "minimum_impact",
                    ("gates", "services", "branches"),
                    ("environments", "data_classes"),
                )
            },
        ),
        (_("Who must approve"), {"fields": ("needs",)}),
        (_("With what evidence"), {"fields": ("passkey_required", "signing_outage")}),
        (
            _("How long"),
            {
                "fields": (
                    "ttl_choices",
                    ("pending_seconds", "remind_seconds"),
                    ("max_deploys", "max_active_per_service", "digest_required"),
                )
            },
        ),
        (_("Afterwards"), {"fields": ("postmortem_days",)}),
    )

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Gives the form the groups of this tenant, and of no other."""
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.form.groups = RoleGroup.objects.filter(
            tenant=obj.tenant if obj else None
        )
        return formset

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Drafts only."""
        return is_draft(obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Drafts only; Django asks once without the policy, whose page has checked."""
        return obj is None or is_draft(obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Drafts only: a published version is shown in words."""
        return obj is None or is_draft(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A tier of a draft was never in force, so it may go."""
        return is_draft(obj)


def require(tier: Tier, cleaned: dict[str, Any]) -> None:
    """Replaces a draft tier's requirements by what its lines say."""
    if "needs" not in cleaned or cleaned.get("DELETE"):
        return
    tier.requirements.all().delete()
    Requirement.objects.bulk_create(
        Requirement(tier=tier, group=group, count=count)
        for group, count in cleaned["needs"]
    )
