"""Deploys: what went through a gate, under which grant."""

from django.db import models
from django.db.models import Q

from breakglass.models.gates import Gate
from breakglass.models.grants import Grant
from breakglass.models.tenants import Tenant
from breakglass.states import DeployState


class Deploy(models.Model):
    """A row is one deploy that a gate let through under a grant."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="deploys")
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="deploys")
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="deploys")
    deploy_id = models.CharField(max_length=200)
    service = models.CharField(max_length=200)
    branch = models.CharField(max_length=200, blank=True)
    artifact = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=200, blank=True)
    state = models.CharField(
        max_length=10, choices=DeployState.choices, default=DeployState.ADMITTED
    )
    admitted_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    overran_seconds = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("admitted_at", "id")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("gate", "deploy_id"), name="deploy_id_once_per_gate"
            ),
            models.CheckConstraint(
                condition=Q(state__in=DeployState.values), name="deploy_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="admitted", ended_at__isnull=True)
                | (~Q(state="admitted") & Q(ended_at__isnull=False)),
                name="deploy_ended_when_not_in_flight",
            ),
            models.CheckConstraint(
                condition=Q(overran_seconds__isnull=True)
                | Q(state__in=["succeeded", "failed"]),
                name="deploy_overran_when_it_reported",
            ),
        )
        indexes = (
            models.Index(
                fields=("grant",),
                condition=Q(state="admitted"),
                name="deploy_in_flight",
            ),
            models.Index(fields=("tenant", "admitted_at"), name="deploy_latest"),
        )

    def __str__(self) -> str:
        return self.deploy_id
