"""Signatures: the intent committed first, the bundle that fulfils it."""

import uuid
from hashlib import sha256

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from breakglass.models.people import User
from breakglass.models.tenants import Tenant
from breakglass.states import IntentState, SignedBy
from breakglass.texts import text


class IntentKind(models.TextChoices):
    """What a statement is about. Approvals are a person's, the rest the portal's."""

    APPROVAL = "approval", text("Approval")
    GRANT = "grant", text("Grant")
    CHECKPOINT = "checkpoint", text("Checkpoint")
    COUNTERSIGNATURE = "counter", text("Countersignature")


class Intent(models.Model):
    """A row holds the exact bytes about to be signed, committed before signing."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=IntentKind.choices)
    state = models.CharField(max_length=10, choices=IntentState.choices)
    signer = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="intents"
    )
    request = models.ForeignKey(
        "breakglass.BypassRequest",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="intents",
    )
    statement = models.BinaryField()
    ttl_seconds = models.PositiveIntegerField(null=True, blank=True)
    comment = models.TextField(blank=True)
    authenticated_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    kind="approval",
                    signer__isnull=False,
                    request__isnull=False,
                    ttl_seconds__isnull=False,
                )
                | Q(kind__in=("grant", "checkpoint", "counter"), signer__isnull=True),
                name="intent_approval_has_a_person",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("draft", "lapsed", "refused"))
                | ~Q(kind="approval")
                | Q(authenticated_at__isnull=False),
                name="intent_committed_is_authenticated",
            ),
            models.CheckConstraint(
                condition=Q(state__in=IntentState.values), name="intent_state_is_known"
            ),
        )
        indexes = (
            models.Index(
                fields=("next_try_at",),
                condition=Q(state__in=("committed", "signed")),
                name="intent_due",
            ),
        )

    def __str__(self) -> str:
        return text("decision %(number)s", number=self.public_id)

    @property
    def digest(self) -> bytes:
        """What a passkey or a sign-in is bound to: SHA-256 of the exact bytes."""
        return sha256(bytes(self.statement)).digest()


class Bundle(models.Model):
    """A row is one verified Sigstore bundle, byte for byte. It never changes."""

    intent = models.OneToOneField(
        Intent, on_delete=models.PROTECT, related_name="bundle"
    )
    bundle = models.BinaryField()
    sha256 = models.BinaryField(max_length=32, unique=True)
    identity = models.CharField(max_length=200)
    issuer = models.CharField(max_length=200)
    signed_by = models.CharField(
        max_length=10, choices=SignedBy.choices, default=SignedBy.INSTANCE
    )
    log_index = models.BigIntegerField(
        null=True, blank=True, help_text=_("None for the sealed key: no log was there")
    )
    integrated_at = models.DateTimeField()
    verified_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(identity__length__gt=0) & Q(issuer__length__gt=0),
                name="bundle_names_its_signer",
            ),
            models.CheckConstraint(
                condition=Q(signed_by="sealed_key", log_index__isnull=True)
                | Q(signed_by__in=("instance", "embedded"), log_index__isnull=False),
                name="bundle_stands_in_a_log",
            ),
        )

    def __str__(self) -> str:
        return text("signature of %(identity)s", identity=self.identity)
