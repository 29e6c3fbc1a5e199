"""The ledger's tables. Their triggers are raw SQL: see migration 0002."""

from django.db import models

from breakglass.models.signing import Intent
from breakglass.models.tenants import Tenant
from breakglass.texts import text


class ChainHead(models.Model):
    """A row is the tip of one tenant's chain; only the database moves it."""

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, primary_key=True, related_name="chain_head"
    )
    seq = models.BigIntegerField(default=0)
    entry_hash = models.BinaryField(max_length=32)
    max_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"head {self.seq} of {self.tenant_id}"


class AuditEntry(models.Model):
    """A row is one link of a tenant's chain. `body` is the truth, the rest an index."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="entries")
    seq = models.BigIntegerField()
    prev_hash = models.BinaryField(max_length=32)
    entry_hash = models.BinaryField(max_length=32)
    body = models.BinaryField()
    at = models.DateTimeField()
    event = models.CharField(max_length=50)
    actor = models.CharField(max_length=250)
    bypass_id = models.CharField(max_length=9, blank=True)

    class Meta:
        ordering = ("tenant", "-seq")
        default_permissions = ()
        verbose_name_plural = "audit entries"
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "seq"), name="auditentry_seq_once_per_tenant"
            ),
            models.UniqueConstraint(
                fields=("tenant", "entry_hash"), name="auditentry_hash_once_per_tenant"
            ),
            models.CheckConstraint(
                condition=models.Q(seq__gte=1), name="auditentry_seq_starts_at_one"
            ),
        )
        indexes = (
            models.Index(
                fields=("tenant", "event", "-seq"), name="auditentry_by_event"
            ),
            models.Index(
                fields=("tenant", "bypass_id", "-seq"), name="auditentry_by_bypass"
            ),
            models.Index(
                fields=("tenant", "actor", "-seq"), name="auditentry_by_actor"
            ),
            models.Index(fields=("tenant", "at"), name="auditentry_by_time"),
        )

    def __str__(self) -> str:
        return text("entry %(number)s", number=self.seq)


class Checkpoint(models.Model):
    """A row is one signed statement of a chain's size and head."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="checkpoints"
    )
    size = models.BigIntegerField()
    head_hash = models.BinaryField(max_length=32)
    previous = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="next"
    )
    statement = models.OneToOneField(
        Intent, on_delete=models.PROTECT, related_name="checkpoint"
    )
    # RFC 6962 over the entry hashes; None on checkpoints of before there were trees.
    tree_root = models.BinaryField(max_length=32, null=True, blank=True)
    # The hashes of the perfect subtrees left to right: where the next one grows from.
    tree_peaks = models.BinaryField(null=True, blank=True)
    sealed_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    send_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("tenant", "-id")
        default_permissions = ()

    def __str__(self) -> str:
        return text("checkpoint at %(size)s", size=self.size)
