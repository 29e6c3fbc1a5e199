"""The outbox: promises of side effects, written with the change that makes them."""

from django.db import models
from django.db.models import Q

from breakglass.models.tenants import Tenant
from breakglass.states import DeliveryState


class OutboxMessage(models.Model):
    """A row is one promise: this topic, about this subject, not before due_at."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    topic = models.CharField(max_length=50)
    subject_id = models.BigIntegerField()
    person_id = models.BigIntegerField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=200, unique=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    state = models.CharField(
        max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("due_at", "id")
        default_permissions = ()
        indexes = (
            models.Index(
                fields=("due_at", "id"),
                condition=Q(state="pending"),
                name="outboxmessage_pending",
            ),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.subject_id}"
