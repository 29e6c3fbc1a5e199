"""Bypass requests and the approvals that answer them."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from breakglass.models.gates import Gate
from breakglass.models.people import User
from breakglass.models.policies import Policy, Tier
from breakglass.models.signing import Bundle
from breakglass.models.tenants import Tenant
from breakglass.rules.scopes import Scope
from breakglass.states import RequestState
from breakglass.texts import text


class BypassRequest(models.Model):
    """A row is one frozen request: `body` is what approvers sign the digest of."""

    bypass_id = models.CharField(max_length=9, unique=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="requests"
    )
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="requests")
    requester = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="requests"
    )
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+")
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+")
    service = models.CharField(max_length=200)
    branch = models.CharField(max_length=200, blank=True)
    artifact = models.CharField(max_length=200, blank=True)
    impact = models.CharField(max_length=10)
    justification = models.TextField()
    incident_url = models.CharField(max_length=500, blank=True)
    ttl_seconds = models.PositiveIntegerField()
    renews = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="renewals"
    )
    form_key = models.UUIDField(null=True, blank=True)
    body = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    opened_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    state = models.CharField(
        max_length=10, choices=RequestState.choices, default=RequestState.PENDING
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    end_comment = models.TextField(blank=True)

    class Meta:
        ordering = ("-opened_at", "-id")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(bypass_id__regex=r"^BG-[0-9A-HJKMNP-TV-Z]{6}$"),
                name="bypassrequest_id_is_sayable",
            ),
            models.CheckConstraint(
                condition=Q(state__in=RequestState.values),
                name="bypassrequest_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", ended_at__isnull=True)
                | (~Q(state="pending") & Q(ended_at__isnull=False)),
                name="bypassrequest_ended_when_not_pending",
            ),
            models.CheckConstraint(
                condition=Q(ttl_seconds__gte=60, ttl_seconds__lte=86400),
                name="bypassrequest_ttl_is_bounded",
            ),
            models.CheckConstraint(
                condition=Q(lapses_at__gt=F("opened_at")),
                name="bypassrequest_lapses_later",
            ),
            models.CheckConstraint(
                condition=Q(service__length__gt=0), name="bypassrequest_names_a_service"
            ),
            models.UniqueConstraint(
                fields=("requester", "form_key"), name="bypassrequest_sent_once"
            ),
        )
        indexes = (
            models.Index(
                fields=("lapses_at",),
                condition=Q(state="pending"),
                name="bypassrequest_pending",
            ),
            models.Index(fields=("tenant", "-opened_at"), name="bypassrequest_latest"),
        )

    def __str__(self) -> str:
        return self.bypass_id

    @property
    def ttl(self) -> timedelta:
        """The length that the requester proposed."""
        return timedelta(seconds=self.ttl_seconds)

    @property
    def scope(self) -> Scope:
        """What the request is about, as the rules see it."""
        return Scope(
            gate=self.gate.slug,
            service=self.service,
            branch=self.branch,
            artifact=self.artifact,
        )

    @property
    def digest_hex(self) -> str:
        """The digest as approvers see it and post it back."""
        return bytes(self.digest).hex()


class Approval(models.Model):
    """A row is one person's signed yes. It never changes."""

    request = models.ForeignKey(
        BypassRequest, on_delete=models.PROTECT, related_name="approvals"
    )
    approver = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="approvals"
    )
    digest = models.BinaryField(max_length=32)
    ttl_seconds = models.PositiveIntegerField()
    comment = models.TextField(blank=True)
    bundle = models.OneToOneField(
        Bundle, on_delete=models.PROTECT, related_name="approval"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("created_at", "id")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("request", "approver"), name="approval_once_per_person"
            ),
            models.CheckConstraint(
                condition=Q(ttl_seconds__gte=60, ttl_seconds__lte=86400),
                name="approval_ttl_is_bounded",
            ),
        )

    def __str__(self) -> str:
        return text("approval %(number)s", number=self.pk)

    @property
    def ttl(self) -> timedelta:
        """The length that this approver set."""
        return timedelta(seconds=self.ttl_seconds)
