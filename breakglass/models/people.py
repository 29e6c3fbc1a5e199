"""People and machines, their identities, and the groups that approve."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from breakglass.actors import Actor, ActorKind
from breakglass.models.tenants import Tenant
from breakglass.texts import text


class UserKind(models.TextChoices):
    """Machines may ask; only humans are ever counted in a quorum."""

    HUMAN = "human", text("Person")
    MACHINE = "machine", text("Machine")


class Theme(models.TextChoices):
    """The colours of the pages; empty is whatever the device prefers."""

    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class UserManager(BaseUserManager["User"]):
    """Makes users by their e-mail address, which is their login."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Returns the user with that e-mail, whatever its letters' case."""
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None, **fields: object) -> "User":
        """Stores one user; a None password can never log in."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A row is one person (or machine), however many identities they hold."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(max_length=200, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(
        max_length=10, choices=UserKind.choices, default=UserKind.HUMAN
    )
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    date_joined = models.DateTimeField()
    # Two accounts that turned out to be one person: this one was given up for that.
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged"
    )

    # How pages look to this person. Empty: as the browser says.
    time_zone = models.CharField(max_length=64, blank=True, db_default="", default="")
    is_24_hour = models.BooleanField(default=True, db_default=True)
    language = models.CharField(max_length=10, blank=True, db_default="", default="")
    theme = models.CharField(
        max_length=10, choices=Theme.choices, blank=True, db_default="", default=""
    )
    has_shortcuts = models.BooleanField(default=True, db_default=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        ordering = ("email",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(Lower("email"), name="user_email_is_one_person"),
            models.CheckConstraint(
                condition=models.Q(kind__in=UserKind.values), name="user_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(merged_into__isnull=True)
                | models.Q(is_active=False),
                name="user_merged_is_inactive",
            ),
            models.CheckConstraint(
                condition=models.Q(theme__in=["", *Theme.values]),
                name="user_theme_is_known",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_human(self) -> bool:
        """True for a person, false for a machine."""
        return self.kind == UserKind.HUMAN

    def as_actor(self) -> Actor:
        """Returns this user as the ledger names it."""
        return Actor(ActorKind.USER, str(self.public_id), self.email)


class Identity(models.Model):
    """A row is one (issuer, subject) pair of an identity provider."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="identities")
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    unlinked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name_plural = "identities"
        constraints = (
            models.UniqueConstraint(
                fields=("issuer", "subject"),
                condition=models.Q(unlinked_at__isnull=True),
                name="identity_is_one_person",
            ),
        )

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class RoleGroup(models.Model):
    """A row is one role of a tenant: who counts, and what they may see and do."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="roles")
    slug = models.SlugField(max_length=50)
    name = models.CharField(max_length=100)
    tenant_permissions = ArrayField(
        models.CharField(max_length=50), default=list, blank=True
    )
    gate_permissions = ArrayField(
        models.CharField(max_length=50), default=list, blank=True
    )
    auth_group = models.OneToOneField(
        Group, on_delete=models.PROTECT, related_name="role", editable=False
    )
    members = models.ManyToManyField(
        User,
        through="RoleMember",
        through_fields=("role", "user"),
        related_name="role_groups",
    )

    class Meta:
        ordering = ("tenant", "slug")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "slug"), name="rolegroup_slug_once_per_tenant"
            ),
        )

    def __str__(self) -> str:
        return self.name


class RoleMember(models.Model):
    """A row says that one person holds one role, and who put them there."""

    role = models.ForeignKey(
        RoleGroup, on_delete=models.PROTECT, related_name="memberships"
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=250)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("role", "user"), name="rolemember_once_per_person"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} in {self.role_id}"
