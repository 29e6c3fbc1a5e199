"""Gates and the tokens with which they ask."""

from django.db import models

from breakglass.actors import Actor, ActorKind
from breakglass.models.tenants import Tenant


class Gate(models.Model):
    """A row is one control that asks us for decisions."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="gates")
    slug = models.CharField(max_length=200)
    name = models.CharField(max_length=100)
    environment = models.CharField(max_length=100, blank=True)
    data_class = models.CharField(max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    config_digest = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("tenant", "slug")
        default_permissions = ()
        permissions = (
            ("view_gate", "Sees the gate"),
            ("request_gate_bypass", "Asks for a bypass of this gate"),
            ("manage_gate", "Makes and revokes the gate's tokens"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "slug"), name="gate_slug_once_per_tenant"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    slug__regex=r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,199}$"
                ),
                name="gate_slug_is_an_identifier",
            ),
        )

    def __str__(self) -> str:
        return self.slug

    def as_actor(self) -> Actor:
        """Returns this gate as the ledger names it."""
        return Actor(ActorKind.GATE, self.slug, self.slug)


class GateToken(models.Model):
    """A row is one secret of a gate, kept as its SHA-256 only."""

    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="tokens")
    prefix = models.CharField(max_length=20)
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=250)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("gate", "-created_at")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.prefix}…"
