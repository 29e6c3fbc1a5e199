"""Gates, the tokens with which they ask, and their last calls."""

import uuid
from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from breakglass.actors import Actor, ActorKind
from breakglass.models.people import RoleGroup, User
from breakglass.models.tenants import Tenant
from breakglass.rules.sources import (
    BRANCH_FROM,
    IMAGES,
    SERVICE_FROM,
    SOURCE_MAX,
    Sources,
)
from breakglass.states import AtClose, GateKind
from breakglass.texts import text

CACHE_MOST: Final = 600
"""Ten minutes: whoever keeps answers longer would hardly ever see a bypass."""
SILENT_MINUTES: Final = 15
SILENT_MOST: Final = 1440
"""A day: whoever says nothing for longer is not watched at all."""


class Gate(models.Model):
    """
    A row is one control that asks us for decisions.

    It is in use while `is_active`. Before it was ever turned on it is being set up:
    its tokens are known, and every answer is enforce. Switched off later, it is paused.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="gates")
    slug = models.CharField(max_length=200)
    name = models.CharField(max_length=100)
    environment = models.CharField(max_length=100, blank=True)
    data_class = models.CharField(max_length=100, blank=True)
    kind = models.CharField(
        max_length=20,
        choices=GateKind,
        default=GateKind.SHELL,
        db_default=GateKind.SHELL.value,
    )
    service = models.CharField(max_length=200, blank=True, default="", db_default="")
    owner = models.ForeignKey(
        RoleGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="gates"
    )
    at_close = models.CharField(
        verbose_name=_("deploys in flight at the close"),
        max_length=20,
        choices=AtClose,
        default=AtClose.HOLD_NEXT_STAGE,
        db_default=AtClose.HOLD_NEXT_STAGE.value,
    )
    silent_minutes = models.PositiveSmallIntegerField(
        verbose_name=_("minutes of silence"),
        default=SILENT_MINUTES,
        db_default=SILENT_MINUTES,
        help_text=_(
            "A gate that sends heartbeats counts as silent after so many minutes "
            "without any call, and so does a deploy that said that it runs."
        ),
    )
    cache_seconds = models.PositiveSmallIntegerField(
        verbose_name=_("seconds for which it keeps answers"),
        null=True,
        blank=True,
        help_text=_(
            "How long the gate uses an answer again without asking. It is told to "
            "enforce that much before a bypass ends. Empty: as its kind does by itself."
        ),
    )
    service_from = models.CharField(
        verbose_name=_("service of a cluster's object"),
        max_length=SOURCE_MAX,
        default=SERVICE_FROM,
        db_default=SERVICE_FROM,
        help_text=_("label:KEY, annotation:KEY, namespace or name."),
    )
    branch_from = models.CharField(
        verbose_name=_("branch of a cluster's object"),
        max_length=SOURCE_MAX,
        default=BRANCH_FROM,
        db_default=BRANCH_FROM,
        help_text=_("label:KEY, annotation:KEY or none."),
    )
    artifact_from = models.CharField(
        verbose_name=_("artefact of a cluster's object"),
        max_length=SOURCE_MAX,
        default=IMAGES,
        db_default=IMAGES,
        help_text=_("images, label:KEY, annotation:KEY or none."),
    )
    is_active = models.BooleanField(default=True)
    turned_on_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    config_digest = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("tenant", "slug")
        default_permissions = ()
        permissions = (
            ("view_gate", text("Sees the gate")),
            ("request_gate_bypass", text("Asks for a bypass of this gate")),
            ("manage_gate", text("Makes and revokes the gate's tokens")),
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
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(retired_at__isnull=True),
                name="gate_retired_is_not_in_use",
            ),
            models.CheckConstraint(
                condition=Q(at_close__in=AtClose.values), name="gate_at_close_is_known"
            ),
            models.CheckConstraint(
                condition=Q(cache_seconds__isnull=True)
                | Q(cache_seconds__lte=CACHE_MOST),
                name="gate_cache_is_bounded",
            ),
            models.CheckConstraint(
                condition=Q(silent_minutes__gte=1, silent_minutes__lte=SILENT_MOST),
                name="gate_silence_is_bounded",
            ),
        )

    def __str__(self) -> str:
        return self.slug

    @property
    def in_setup(self) -> bool:
        """Whether it was never turned on."""
        never = self.turned_on_at is None and self.retired_at is None
        return never and not self.is_active

    @property
    def is_retired(self) -> bool:
        """Whether it is gone for good."""
        return self.retired_at is not None

    @property
    def silent_for(self) -> timedelta:
        """How long it, or a deploy that said it runs, may say nothing."""
        return timedelta(minutes=self.silent_minutes)

    @property
    def sources(self) -> Sources:
        """Where a cluster's objects say what they deploy."""
        return Sources(self.service_from, self.branch_from, self.artifact_from)

    def as_actor(self) -> Actor:
        """Returns this gate as the ledger names it."""
        return Actor(ActorKind.GATE, self.slug, self.slug)


class GateToken(models.Model):
    """
    A row is one secret of a gate, kept as its SHA-256 only.

    It works until `lives_until`, which is set when it is made, and where it was rotated
    until `expires_at`, whichever comes first.
    """

    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="tokens")
    prefix = models.CharField(max_length=20)
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=250)
    lives_until = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("gate", "-created_at")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.prefix}…"


class GateContact(models.Model):
    """
    A row is a run of calls alike of one gate; only the last few are kept.

    For people who set up or mend a gate. No evidence: that is in the ledger.
    """

    gate = models.ForeignKey(Gate, on_delete=models.CASCADE, related_name="contacts")
    call = models.CharField(max_length=20)
    outcome = models.CharField(max_length=60)
    is_accepted = models.BooleanField()
    token = models.CharField(max_length=20, blank=True)
    address = models.CharField(max_length=60, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        ordering = ("gate", "-last_at", "-pk")
        default_permissions = ()
        indexes = (
            models.Index(fields=("gate", "-last_at"), name="gatecontact_last_of_gate"),
        )

    def __str__(self) -> str:
        return f"{self.call}: {self.outcome}"


class GateSetup(models.Model):
    """A row is a new gate's answers so far: it can be left, and continued later."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=GateKind)
    slug = models.CharField(max_length=200, blank=True)
    service = models.CharField(max_length=200, blank=True)
    environment = models.CharField(max_length=100, blank=True)
    data_class = models.CharField(max_length=100, blank=True)
    owner = models.ForeignKey(
        RoleGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at_close = models.CharField(
        max_length=20, choices=AtClose, default=AtClose.HOLD_NEXT_STAGE
    )
    gate = models.OneToOneField(
        Gate, on_delete=models.PROTECT, null=True, blank=True, related_name="setup"
    )
    created_at = models.DateTimeField()
    connected_at = models.DateTimeField(null=True, blank=True)
    waits_since = models.DateTimeField(null=True, blank=True)
    test_skipped = models.BooleanField(default=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("tenant", "-created_at")
        default_permissions = ()

    def __str__(self) -> str:
        return self.slug or str(self.public_id)
