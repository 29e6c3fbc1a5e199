"""Findings about gates, and what the gate health report counts and judges by."""

import uuid
from datetime import UTC, date, datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from breakglass.models.gates import Gate
from breakglass.models.named import NamedByText
from breakglass.models.people import User
from breakglass.models.tenants import Tenant
from breakglass.rules.gate_health import DEFAULTS, Thresholds
from breakglass.states import FindingKind
from breakglass.texts import text


class Finding(models.Model):
    """A row is one thing about a gate that its owner has to answer, with a reason."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="findings"
    )
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="findings")
    kind = models.CharField(max_length=30, choices=FindingKind.choices)
    owner = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="findings"
    )
    facts = models.JSONField(help_text=_("What was seen when it was opened."))
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    close_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-opened_at", "-id")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("gate", "kind"),
                condition=Q(closed_at__isnull=True),
                name="finding_one_open_per_gate_and_kind",
            ),
            models.CheckConstraint(
                condition=Q(
                    closed_at__isnull=True, closed_by__isnull=True, close_reason=""
                )
                | Q(closed_at__isnull=False, close_reason__length__gt=0),
                name="finding_closed_with_a_reason",
            ),
        )
        indexes = (
            models.Index(
                fields=("tenant",),
                condition=Q(closed_at__isnull=True),
                name="finding_open",
            ),
            models.Index(fields=("gate", "kind", "-closed_at"), name="finding_latest"),
        )

    def __str__(self) -> str:
        return text("%(kind)s: %(gate)s", kind=self.get_kind_display(), gate=self.gate)


class GateDay(models.Model):
    """A row counts what one gate was answered on one day (UTC) beside the deploys."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="days")
    day = models.DateField()
    enforced = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("gate", "day")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("gate", "day"), name="gateday_once"),
        )
        indexes = (models.Index(fields=("tenant", "day"), name="gateday_of_tenant"),)

    def __str__(self) -> str:
        return f"{self.gate_id} on {self.day}"


class HealthTerms(NamedByText, models.Model):
    """A row says from when on one tenant's gates are worth a finding. 0 is never."""

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, primary_key=True, related_name="health_terms"
    )
    period_days = models.PositiveSmallIntegerField(
        default=DEFAULTS.period_days, help_text=_("How many days back is looked.")
    )
    bypasses_per_100 = models.PositiveSmallIntegerField(
        default=DEFAULTS.bypasses_per_100,
        help_text=_(
            "Bypasses per 100 deploys seen, from which a gate is bypassed often."
        ),
    )
    minimum_deploys = models.PositiveIntegerField(
        default=DEFAULTS.minimum_deploys,
        help_text=_("Deploys seen below which that is not judged."),
    )
    scope_repeats = models.PositiveSmallIntegerField(
        default=DEFAULTS.scope_repeats,
        help_text=_("Bypasses of one gate for one service, from which it repeats."),
    )
    unused = models.PositiveSmallIntegerField(
        default=DEFAULTS.unused,
        help_text=_("Closed bypasses of a gate that no deploy used."),
    )
    blamed_percent = models.PositiveSmallIntegerField(
        default=DEFAULTS.blamed_percent,
        help_text=_("Percent of post-mortems that blame the gate."),
    )
    minimum_postmortems = models.PositiveSmallIntegerField(
        default=DEFAULTS.minimum_postmortems,
        help_text=_("Post-mortems with an answer below which that is not judged."),
    )
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name = "gate health thresholds"
        verbose_name_plural = "gate health thresholds"
        constraints = (
            models.CheckConstraint(
                condition=Q(period_days__gte=1, period_days__lte=366),
                name="healthterms_period_is_bounded",
            ),
            models.CheckConstraint(
                condition=Q(blamed_percent__lte=100),
                name="healthterms_percent_is_one",
            ),
        )

    def __str__(self) -> str:
        return text("gate health of %(tenant)s", tenant=self.tenant)

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds as the rules take them."""
        return Thresholds(
            period_days=self.period_days,
            bypasses_per_100=self.bypasses_per_100,
            minimum_deploys=self.minimum_deploys,
            scope_repeats=self.scope_repeats,
            unused=self.unused,
            blamed_percent=self.blamed_percent,
            minimum_postmortems=self.minimum_postmortems,
        )


class HealthSummary(models.Model):
    """A row says that a tenant was, or is being, told of one month (its first day)."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="health_summaries"
    )
    month = models.DateField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-month",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "month"), name="healthsummary_once_a_month"
            ),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} in {self.month:%Y-%m}"

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The month as a half-open span of UTC."""
        return at_midnight(self.month), at_midnight(month_after(self.month))


def at_midnight(day: date) -> datetime:
    """Returns the start of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def month_after(day: date) -> date:
    """Returns the first day of the month after that day's."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
