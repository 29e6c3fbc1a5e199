"""Passkeys that approve: enrolled credentials, and what each tenant's log knows."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from breakglass.models.people import User
from breakglass.models.tenants import Tenant


class Credential(models.Model):
    """A row is one WebAuthn credential of one person. It is revoked, never deleted."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="credentials")
    name = models.CharField(max_length=100)
    credential_id = models.BinaryField(max_length=1023, unique=True)
    public_key = models.BinaryField(max_length=2048, help_text="COSE_Key bytes")
    aaguid = models.UUIDField()
    rp_id = models.CharField(max_length=253)
    transports = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    sign_count = models.PositiveBigIntegerField(default=0)
    enrolled_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering = ("user", "enrolled_at")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by="")
                | Q(revoked_at__isnull=False),
                name="credential_revoked_by_somebody",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CredentialNotice(models.Model):
    """
    A row says that one tenant's log names a credential, and from when it counts there.

    The cool-down runs from the log's own entry, so that a credential that appears in
    the log cannot approve in that tenant before people had time to see it.
    """

    credential = models.ForeignKey(
        Credential, on_delete=models.PROTECT, related_name="notices"
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    logged_at = models.DateTimeField()
    usable_from = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("credential", "tenant"), name="credentialnotice_once_per_tenant"
            ),
            models.CheckConstraint(
                condition=Q(usable_from__gte=models.F("logged_at")),
                name="credentialnotice_cools_down",
            ),
        )

    def __str__(self) -> str:
        return f"{self.credential_id} in {self.tenant_id}"
