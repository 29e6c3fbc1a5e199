"""Post-mortems: the write-up that every grant owes."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from breakglass.models.named import NamedByText
from breakglass.models.people import User
from breakglass.models.tenants import Tenant
from breakglass.states import GateBlame, PostMortemState
from breakglass.texts import text


class PostMortemTemplate(NamedByText, models.Model):
    """A row is one tenant's template, in Markdown with ${names} to fill in."""

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, related_name="postmortem_template"
    )
    body = models.TextField()
    required_headings = models.TextField(
        blank=True,
        help_text=_("One heading a line; each needs a text before publishing."),
    )
    updated_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return text("template of %(tenant)s", tenant=self.tenant)


class PostMortem(models.Model):
    """A row exists from the moment its grant does, and opens when that closes."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="postmortems"
    )
    state = models.CharField(
        max_length=10,
        choices=PostMortemState.choices,
        default=PostMortemState.SCHEDULED,
    )
    assignee = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="postmortems"
    )
    template = models.TextField()
    required_headings = models.TextField(blank=True)
    opens_at = models.DateTimeField()
    due_at = models.DateTimeField()
    body = models.TextField(blank=True)
    no_action_reason = models.TextField(blank=True)
    gate_blamed = models.CharField(
        max_length=10,
        choices=GateBlame.choices,
        default="",
        db_default="",
        blank=True,
        help_text=_("Was the gate at fault? Empty until the writer has answered."),
    )
    hidden_lines = ArrayField(
        models.BigIntegerField(),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Audit entries that the timeline leaves out."),
    )
    revision = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    saved_at = models.DateTimeField(null=True, blank=True)
    saved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    soon_told_at = models.DateTimeField(null=True, blank=True)
    overdue_told_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("due_at", "id")
        default_permissions = ()
        verbose_name = "post-mortem"
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=PostMortemState.values),
                name="postmortem_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=models.F("opens_at")),
                name="postmortem_due_after_opening",
            ),
            models.CheckConstraint(
                condition=Q(state="published", published_at__isnull=False)
                | (~Q(state="published") & Q(published_at__isnull=True)),
                name="postmortem_published_is_dated",
            ),
            models.CheckConstraint(
                condition=Q(gate_blamed__in=["", *GateBlame.values]),
                name="postmortem_gate_blamed_is_known",
            ),
        )
        indexes = (
            models.Index(fields=("tenant", "state", "due_at"), name="postmortem_due"),
        )

    def __str__(self) -> str:
        return text("post-mortem %(number)s", number=self.pk)


class ActionItem(models.Model):
    """A row is one thing that a post-mortem says will be done."""

    postmortem = models.ForeignKey(
        PostMortem, on_delete=models.PROTECT, related_name="action_items"
    )
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=300)
    owner = models.CharField(max_length=100, blank=True)
    due_on = models.DateField(null=True, blank=True)
    link = models.CharField(max_length=500, blank=True, default="", db_default="")
    is_done = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("postmortem", "position", "id")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(text__length__gt=0), name="actionitem_says_something"
            ),
        )

    def __str__(self) -> str:
        return self.text
