"""What becomes of a post-mortem: its revisions, reviews, owners and later notes."""

from typing import Any

from django.db import models
from django.db.models import Q

from breakglass.models.people import User
from breakglass.models.postmortems import PostMortem
from breakglass.states import ReviewOutcome


class PostMortemRevision(models.Model):
    """A row is one saved state of a write-up, as the log has its digest."""

    postmortem = models.ForeignKey(
        PostMortem, on_delete=models.PROTECT, related_name="revisions"
    )
    revision = models.PositiveIntegerField()
    body = models.TextField(blank=True)
    answers: models.JSONField[Any, Any] = models.JSONField(
        help_text="Everything beside the text, each as its digest."
    )
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("postmortem", "revision")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("postmortem", "revision"), name="postmortemrevision_once"
            ),
        )

    def __str__(self) -> str:
        return f"revision {self.revision}"


class PostMortemDraft(models.Model):
    """A row is what one person typed and has not saved; nobody else sees it."""

    postmortem = models.ForeignKey(
        PostMortem, on_delete=models.PROTECT, related_name="drafts"
    )
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    typed = models.TextField(help_text="The editor's fields, as a form sends them.")
    kept_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("postmortem", "person"), name="postmortemdraft_one_a_person"
            ),
        )

    def __str__(self) -> str:
        return f"draft of {self.person_id}"


class PostMortemReview(models.Model):
    """A row is one time that a write-up was sent to be read by others."""

    postmortem = models.ForeignKey(
        PostMortem, on_delete=models.PROTECT, related_name="reviews"
    )
    reviewers: models.ManyToManyField[User, Any] = models.ManyToManyField(
        User, related_name="+"
    )
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(
        max_length=15, choices=ReviewOutcome.choices, default="", blank=True
    )
    comment = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("postmortem", "asked_at", "id")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("postmortem",),
                condition=Q(ended_at__isnull=True),
                name="postmortemreview_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", ended_at__isnull=True)
                | Q(outcome__in=ReviewOutcome.values, ended_at__isnull=False),
                name="postmortemreview_ended_is_dated",
            ),
        )

    def __str__(self) -> str:
        return f"review of {self.postmortem_id}"


class PostMortemHandover(models.Model):
    """A row is one change of who writes it."""

    postmortem = models.ForeignKey(
        PostMortem, on_delete=models.PROTECT, related_name="handovers"
    )
    previous = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    assignee = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("postmortem", "at", "id")
        default_permissions = ()

    def __str__(self) -> str:
        return f"to {self.assignee_id}"


class PostMortemNote(models.Model):
    """A row is what somebody added after the publication, which itself stays."""

    postmortem = models.ForeignKey(
        PostMortem, on_delete=models.PROTECT, related_name="notes"
    )
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("postmortem", "at", "id")
        default_permissions = ()

    def __str__(self) -> str:
        return f"note of {self.author_id}"
