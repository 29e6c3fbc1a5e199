"""Webhooks: who is told of a bypass by machine, and what each of them was told."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from breakglass.models.gates import Gate
from breakglass.models.tenants import Tenant
from breakglass.states import DeliveryState, WebhookEvent
from breakglass.texts import text


class Webhook(models.Model):
    """
    A row is one address that is told of a tenant's bypasses, or of one gate's.

    Its secrets are sealed: read them through `notify.sealed`. The one before the last
    rotation signs as well until `previous_until`.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="webhooks"
    )
    gate = models.ForeignKey(
        Gate,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="webhooks",
        help_text=_("Of which gate it is told. Empty: of all."),
    )
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500)
    secret = models.BinaryField()
    previous = models.BinaryField(null=True, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    off_because = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("tenant", "name")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "name"), name="webhook_name_once_per_tenant"
            ),
            models.CheckConstraint(
                condition=Q(previous__isnull=True, previous_until__isnull=True)
                | Q(previous__isnull=False, previous_until__isnull=False),
                name="webhook_previous_secret_ends",
            ),
        )

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    """
    A row is one event for one webhook: its bytes, made once, and how sending it went.

    `event_id` is the `webhook-id` of every try. A webhook's rows are sent by their
    keys, one after the other.
    """

    webhook = models.ForeignKey(
        Webhook, on_delete=models.PROTECT, related_name="deliveries"
    )
    event_id = models.CharField(max_length=40, unique=True)
    event = models.CharField(max_length=30, choices=WebhookEvent)
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="+")
    bypass_id = models.CharField(max_length=12)
    subject_id = models.BigIntegerField()
    body = models.TextField()
    state = models.CharField(
        max_length=10, choices=DeliveryState, default=DeliveryState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        default_permissions = ()
        verbose_name_plural = "webhook deliveries"
        constraints = (
            models.UniqueConstraint(
                fields=("webhook", "event", "subject_id"),
                name="webhookdelivery_told_once",
            ),
            models.CheckConstraint(
                condition=Q(event__in=WebhookEvent.values),
                name="webhookdelivery_event_is_known",
            ),
        )
        indexes = (
            models.Index(
                fields=("webhook", "id"),
                condition=Q(state="pending"),
                name="webhookdelivery_pending",
            ),
        )

    def __str__(self) -> str:
        return text("%(event)s: %(bypass)s", event=self.event, bypass=self.bypass_id)
