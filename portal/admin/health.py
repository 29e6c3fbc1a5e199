"""From when on a gate's figures are findings: one row a tenant, changed on record."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from breakglass.models import HealthTerms
from breakglass.services.gates import health
from portal.admin.scoped import ManagedFilter, ScopedAdmin, actor

_TERMS = (
    "period_days",
    "bypasses_per_100",
    "minimum_deploys",
    "scope_repeats",
    "unused",
    "blamed_percent",
    "minimum_postmortems",
)


@admin.register(HealthTerms)
class HealthTermsAdmin(ScopedAdmin[HealthTerms]):
    """The thresholds of the gate health report; 0 switches one off."""

    can_change = True
    list_display = ("tenant", *_TERMS)
    list_filter = (("tenant", ManagedFilter),)
    list_select_related = ("tenant",)
    fields = ("tenant", *_TERMS)
    readonly_fields = ("tenant",)

    def save_model(
        self,
        request: HttpRequest,
        obj: HealthTerms,
        form: ModelForm[HealthTerms],
        change: bool,
    ) -> None:
        """Stores them through the service."""
        saved = health.set_terms(
            tenant=obj.tenant, thresholds=obj.thresholds, actor=actor(request)
        )
        self.save_as_told(obj, saved)
