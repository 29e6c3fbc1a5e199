"""Channels, and what was sent to whom."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from breakglass.models.outbox import OutboxMessage
from breakglass.models.people import User
from breakglass.models.tenants import Tenant
from breakglass.states import DeliveryState
from breakglass.texts import text


class ChannelKind(models.TextChoices):
    """The ways out. E-mail is always there; the rest go through apprise."""

    EMAIL = "email", text("E-mail")
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    PAGERDUTY = "pagerduty", "PagerDuty"
    WEBHOOK = "webhook", "Webhook"


class Channel(models.Model):
    """A row is one place, beside people's e-mail, where a tenant is told."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="channels"
    )
    kind = models.CharField(
        max_length=10,
        choices=[c for c in ChannelKind.choices if c[0] != ChannelKind.EMAIL],
    )
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500, help_text=_("An apprise address."))
    is_active = models.BooleanField(default=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "name"), name="channel_name_once_per_tenant"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"


class Notification(models.Model):
    """A row is one message to one recipient on one channel."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="notifications"
    )
    message = models.ForeignKey(
        OutboxMessage, on_delete=models.PROTECT, related_name="notifications"
    )
    recipient = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=ChannelKind.choices)
    address = models.CharField(max_length=200)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    path = models.CharField(max_length=200, blank=True)
    state = models.CharField(
        max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(recipient__isnull=False) | Q(channel__isnull=False),
                name="notification_goes_somewhere",
            ),
            models.UniqueConstraint(
                fields=("message", "kind", "address"), name="notification_told_once"
            ),
        )
        indexes = (
            models.Index(
                fields=("next_try_at",),
                condition=Q(state="pending"),
                name="notification_pending",
            ),
        )

    def __str__(self) -> str:
        return self.subject
