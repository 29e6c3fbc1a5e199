"""Tenants: a team with its own gates, policies and log."""

import uuid
from typing import Final

from django.db import models
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _

from breakglass.texts import text

EMERGENCY_TEXT_MAXIMUM: Final = 2000


class Tenant(models.Model):
    """A row is one tenant. It is deactivated, never deleted."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    emergency_text = models.TextField(
        blank=True,
        db_default="",  # the release before this one makes tenants without it
        max_length=EMERGENCY_TEXT_MAXIMUM,
        help_text=_(
            "What to do when breakglass cannot help: whom to call, and where the "
            "manual procedure is. Shown when a request is refused or cannot be sent."
        ),
    )
    policy_needs_second_admin = models.BooleanField(
        default=False,
        db_default=False,  # the release before this one makes tenants without it
        help_text=_(
            "One admin proposes a policy version, and another one confirms it. Once "
            "this is on, only a superuser switches it off."
        ),
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("slug",)
        default_permissions = ()
        permissions = (
            ("view_tenant", text("Sees the tenant, its requests and post-mortems")),
            ("request_bypass", text("Asks for a bypass")),
            ("view_audit_log", text("Reads the audit log")),
            ("export_evidence", text("Takes evidence home")),
            ("close_grant", text("Closes any grant early")),
            ("manage_tenant", text("Edits policies, gates, roles and templates")),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z0-9][a-z0-9-]{0,49}$"),
                name="tenant_slug_is_plain",
            ),
            models.CheckConstraint(
                condition=models.Q(name__length__gt=0), name="tenant_has_a_name"
            ),
        )

    def __str__(self) -> str:
        return self.slug


models.CharField.register_lookup(Length)
models.TextField.register_lookup(Length)
