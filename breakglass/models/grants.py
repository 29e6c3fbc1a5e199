"""Grants: the time-boxed permission that a quorum makes."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from breakglass.models.gates import Gate
from breakglass.models.people import User
from breakglass.models.postmortems import PostMortem
from breakglass.models.requests import BypassRequest
from breakglass.models.signing import Intent
from breakglass.models.tenants import Tenant
from breakglass.rules.scopes import Scope
from breakglass.rules.window import Window
from breakglass.states import Assurance, GrantState
from breakglass.texts import text


class Grant(models.Model):
    """A row is one grant. Its window is set once; nothing can move its end."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="grants")
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="grants")
    request = models.OneToOneField(
        BypassRequest, on_delete=models.PROTECT, related_name="grant"
    )
    postmortem = models.OneToOneField(
        PostMortem, on_delete=models.PROTECT, related_name="grant"
    )
    statement = models.OneToOneField(
        Intent, on_delete=models.PROTECT, related_name="grant"
    )
    service = models.CharField(max_length=200)
    branch = models.CharField(max_length=200, blank=True)
    artifact = models.CharField(max_length=200, blank=True)
    quorum = models.PositiveSmallIntegerField()
    ttl_seconds = models.PositiveIntegerField()
    max_deploys = models.PositiveIntegerField(null=True, blank=True)
    digest_required = models.BooleanField(default=False)
    assurance = models.CharField(
        max_length=20, choices=Assurance.choices, default=Assurance.SIGSTORE
    )
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(
        max_length=10, choices=GrantState.choices, default=GrantState.ACTIVE
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    close_reason = models.TextField(blank=True)
    snapped_back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-starts_at", "-id")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=GrantState.values), name="grant_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    expires_at=F("starts_at") + F("ttl_seconds") * timedelta(seconds=1)
                ),
                name="grant_window_is_its_ttl",
            ),
            models.CheckConstraint(
                condition=Q(ttl_seconds__gte=60, ttl_seconds__lte=86400),
                name="grant_ttl_is_bounded",
            ),
            models.CheckConstraint(
                condition=Q(state="active", closed_at__isnull=True)
                | (~Q(state="active") & Q(closed_at__isnull=False)),
                name="grant_closed_when_not_active",
            ),
            models.CheckConstraint(
                condition=Q(quorum__gte=1), name="grant_has_a_quorum"
            ),
            models.CheckConstraint(
                condition=Q(assurance="sigstore")
                | Q(assurance="offline_quorum", quorum__gte=2, ttl_seconds__lte=3600),
                name="grant_offline_is_stricter",
            ),
        )
        indexes = (
            models.Index(
                fields=("gate", "service", "expires_at"),
                condition=Q(state="active"),
                name="grant_active_by_scope",
            ),
            models.Index(
                fields=("expires_at",), condition=Q(state="active"), name="grant_due"
            ),
            models.Index(fields=("tenant", "-starts_at"), name="grant_latest"),
        )

    def __str__(self) -> str:
        return text("grant of %(request)s", request=self.request)

    @property
    def window(self) -> Window:
        """The half-open span in which the grant may be in force."""
        return Window(starts_at=self.starts_at, expires_at=self.expires_at)

    @property
    def scope(self) -> Scope:
        """What the grant covers, as the rules see it."""
        return Scope(
            gate=self.gate.slug,
            service=self.service,
            branch=self.branch,
            artifact=self.artifact,
        )


class Countersignature(models.Model):
    """
    A row owes a grant of the fallback the instance's signature, by a deadline.

    Flagged once the deadline has passed, and for ever: a later signature is stored
    beside the flag and takes nothing back.
    """

    grant = models.OneToOneField(
        Grant, on_delete=models.PROTECT, related_name="countersignature"
    )
    statement = models.OneToOneField(
        Intent, on_delete=models.PROTECT, null=True, blank=True, related_name="counter"
    )
    due_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True, blank=True)
    flagged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(
                fields=("due_at",),
                condition=Q(signed_at__isnull=True),
                name="countersignature_due",
            ),
        )

    def __str__(self) -> str:
        return f"countersignature of {self.grant_id}"
