"""Machines that speak for gates by their platform's tokens, instead of a secret."""

import uuid

from django.db import models
from django.db.models import Q

from breakglass.models.gates import Gate
from breakglass.states import IdentityKind


class TokenIssuer(models.Model):
    """
    A row is one issuer of machines' tokens, with the public keys it last published.

    Keys are fetched by a sweep and never by a request. `wanted_at`: a token came under
    a key that is not among them.
    """

    issuer = models.CharField(max_length=200, unique=True)
    keys = models.JSONField(default=list)
    fetched_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    wanted_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("issuer",)
        default_permissions = ()

    def __str__(self) -> str:
        return self.issuer


class GateIdentity(models.Model):
    """A row is one machine that speaks for a gate. It is removed, never deleted."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="identities")
    issuer = models.ForeignKey(
        TokenIssuer, on_delete=models.PROTECT, related_name="identities"
    )
    kind = models.CharField(max_length=20, choices=IdentityKind)
    audience = models.CharField(max_length=500)
    claims = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=250)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("gate", "-created_at")
        default_permissions = ()
        verbose_name_plural = "gate identities"
        constraints = (
            models.UniqueConstraint(
                fields=("issuer", "audience", "kind", "claims"),
                condition=Q(removed_at__isnull=True),
                name="gateidentity_live_once",
            ),
            models.CheckConstraint(
                condition=~Q(claims={}), name="gateidentity_is_bound_by_something"
            ),
        )

    def __str__(self) -> str:
        return self.short

    @property
    def short(self) -> str:
        """What people call it: the beginning of its ID."""
        return f"id_{self.public_id.hex[:8]}"


class TokenUse(models.Model):
    """A row is one machine's token that was used, and the one deploy that it is for."""

    issuer = models.ForeignKey(TokenIssuer, on_delete=models.PROTECT, related_name="+")
    jti_hash = models.BinaryField(max_length=32)
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="+")
    deploy_id = models.CharField(max_length=200)
    used_at = models.DateTimeField()
    forget_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("issuer", "jti_hash"), name="tokenuse_once_per_issuer"
            ),
        )

    def __str__(self) -> str:
        return self.deploy_id
