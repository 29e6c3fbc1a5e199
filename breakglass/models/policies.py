"""Policies: numbered, immutable versions of a tenant's tiers."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from breakglass.models.named import NamedByText
from breakglass.models.people import RoleGroup, User
from breakglass.models.tenants import Tenant
from breakglass.states import PolicyState, SigningOutage
from breakglass.texts import text


def _patterns() -> "ArrayField[list[str], list[str]]":
    return ArrayField(models.CharField(max_length=200), default=list, blank=True)


class Policy(NamedByText, models.Model):
    """A row is one version of a tenant's rules, or the draft of the next."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="policies"
    )
    state = models.CharField(
        max_length=10, choices=PolicyState.choices, default=PolicyState.DRAFT
    )
    version = models.PositiveIntegerField(null=True, blank=True)
    digest = models.BinaryField(max_length=32, null=True, blank=True)
    note = models.CharField(
        max_length=200, blank=True, help_text=_("What changes, in one line.")
    )
    author = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.CharField(max_length=250, blank=True)
    proposed_at = models.DateTimeField(null=True, blank=True)
    proposed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    proposed_digest = models.BinaryField(max_length=32, null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("tenant", "-version")
        default_permissions = ()
        verbose_name_plural = "policies"
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "version"), name="policy_version_once_per_tenant"
            ),
            models.UniqueConstraint(
                fields=("tenant",),
                condition=models.Q(state="draft"),
                name="policy_one_draft_per_tenant",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state="draft",
                    version__isnull=True,
                    published_at__isnull=True,
                    digest__isnull=True,
                )
                | models.Q(
                    state="published",
                    version__gte=1,
                    published_at__isnull=False,
                    digest__isnull=False,
                ),
                name="policy_published_is_numbered",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    proposed_at__isnull=True,
                    proposed_by__isnull=True,
                    proposed_digest__isnull=True,
                )
                | models.Q(
                    proposed_at__isnull=False,
                    proposed_by__isnull=False,
                    proposed_digest__isnull=False,
                ),
                name="policy_proposal_is_whole",
            ),
        )

    def __str__(self) -> str:
        return (
            text("Version %(version)s", version=self.version)
            if self.version
            else text("Draft")
        )


class Tier(models.Model):
    """A row is one rung: when it applies, who must approve, for how long."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="tiers")
    position = models.PositiveSmallIntegerField(
        help_text=_("1 is the strictest; the first tier that matches applies.")
    )
    slug = models.SlugField(max_length=50)
    name = models.CharField(max_length=100)
    minimum_impact = models.CharField(
        max_length=10,
        blank=True,
        choices=(("low", text("Low or high")), ("high", text("High"))),
        help_text=_("The impact that the requester must have chosen at least."),
    )
    gates = _patterns()
    services = _patterns()
    branches = _patterns()
    environments = _patterns()
    data_classes = _patterns()
    ttl_choices = ArrayField(
        models.PositiveIntegerField(), help_text=_("Seconds, separated by commas.")
    )
    pending_seconds = models.PositiveIntegerField(
        default=3600, help_text=_("A request that nobody answers lapses after this.")
    )
    remind_seconds = models.PositiveIntegerField(
        default=300, help_text=_("Approvers are told again when nobody has answered.")
    )
    max_deploys = models.PositiveIntegerField(null=True, blank=True)
    digest_required = models.BooleanField(default=False)
    passkey_required = models.BooleanField(
        default=False, help_text=_("Each approval must carry a passkey's assertion.")
    )
    signing_outage = models.CharField(
        max_length=20,
        choices=SigningOutage.choices,
        default=SigningOutage.BLOCK,
        help_text=_("What may happen while the signing service is down."),
    )
    max_active_per_service = models.PositiveIntegerField(null=True, blank=True)
    postmortem_days = models.PositiveSmallIntegerField(
        default=5, help_text=_("Business days from the close to the deadline.")
    )

    class Meta:
        ordering = ("policy", "position")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("policy", "slug"), name="tier_slug_once_per_policy"
            ),
            models.UniqueConstraint(
                fields=("policy", "position"),
                name="tier_position_once_per_policy",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=models.Q(pending_seconds__gte=60)
                & models.Q(remind_seconds__gte=30)
                & models.Q(postmortem_days__gte=1),
                name="tier_times_are_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(signing_outage__in=SigningOutage.values),
                name="tier_signing_outage_is_known",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Requirement(models.Model):
    """A row is one demand of a tier: so many people from this group."""

    tier = models.ForeignKey(
        Tier, on_delete=models.CASCADE, related_name="requirements"
    )
    group = models.ForeignKey(RoleGroup, on_delete=models.PROTECT, related_name="+")
    count = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ("tier", "id")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("tier", "group"), name="requirement_group_once_per_tier"
            ),
            models.CheckConstraint(
                condition=models.Q(count__gte=1), name="requirement_counts_somebody"
            ),
        )

    def __str__(self) -> str:
        return f"{self.count} from {self.group_id}"
