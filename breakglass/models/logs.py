"""How far each log was verified, whether it may grow, and what was taken home."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from breakglass.models.people import User
from breakglass.models.tenants import Tenant
from breakglass.states import ExportFormat, ExportState


class LogStanding(models.Model):
    """
    A row says how one tenant's log stands: verified up to where, and read-only or not.

    A finding stays until a full check finds nothing; read-only stays until two admins
    re-anchor the log on record.
    """

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, primary_key=True, related_name="log_standing"
    )
    verified_size = models.BigIntegerField(default=0)
    verified_hash = models.BinaryField(max_length=32, default=bytes(32))
    verified_at = models.DateTimeField(null=True, blank=True)
    full_verified_at = models.DateTimeField(null=True, blank=True)
    full_verified_size = models.BigIntegerField(default=0)
    finding = models.TextField(blank=True)
    finding_seq = models.BigIntegerField(default=0)
    finding_at = models.DateTimeField(null=True, blank=True)
    # What the check that found something found: the entries, the first hundred of them.
    bad_entries = ArrayField(models.BigIntegerField(), null=True, blank=True)
    # Somebody asked for a full check that is not done yet, and how far it is.
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    check_done = models.BigIntegerField(default=0, db_default=0)
    check_total = models.BigIntegerField(default=0, db_default=0)
    check_error = models.CharField(max_length=300, blank=True, db_default="")
    read_only_at = models.DateTimeField(null=True, blank=True)
    read_only_reason = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(finding="", finding_at__isnull=True)
                | (Q(finding__length__gt=0) & Q(finding_at__isnull=False)),
                name="logstanding_finding_has_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"log of {self.tenant_id}"


class Reanchor(models.Model):
    """
    A row is one decision of two admins to go on from the log as it stands.

    `published_size` and `published_hash` are the checkpoint that the log no longer
    extends; `size` and `head_hash` are where it goes on.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="reanchors"
    )
    reason = models.TextField()
    size = models.BigIntegerField()
    head_hash = models.BinaryField(max_length=32)
    published_size = models.BigIntegerField()
    published_hash = models.BinaryField(max_length=32)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("tenant",),
                condition=Q(confirmed_at__isnull=True, dropped_at__isnull=True),
                name="reanchor_one_open_per_tenant",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True)
                | ~Q(confirmed_by=models.F("proposed_by")),
                name="reanchor_takes_two",
            ),
        )

    def __str__(self) -> str:
        return f"re-anchor of {self.tenant_id} at {self.size}"


class Export(models.Model):
    """A row is one evidence archive: who asked for it, why, and how far it is."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="exports")
    requested_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.TextField()
    scope = models.JSONField(help_text=_("kind: log, bypass or filter, and its terms"))
    format = models.CharField(
        max_length=10,
        choices=ExportFormat.choices,
        default=ExportFormat.ARCHIVE,
        db_default=ExportFormat.ARCHIVE,
    )
    size = models.BigIntegerField(help_text=_("of the log when it was asked for"))
    state = models.CharField(
        max_length=10, choices=ExportState.choices, default=ExportState.WAITING
    )
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    file = models.CharField(max_length=300, blank=True)
    sha256 = models.BinaryField(max_length=32, null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=ExportState.values), name="export_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(format__in=ExportFormat.values),
                name="export_format_is_known",
            ),
            models.CheckConstraint(
                condition=Q(reason__length__gt=0), name="export_has_a_reason"
            ),
        )
        indexes = (
            models.Index(
                fields=("created_at",),
                condition=Q(state__in=("waiting", "running")),
                name="export_due",
            ),
        )

    def __str__(self) -> str:
        return f"export {self.public_id}"
