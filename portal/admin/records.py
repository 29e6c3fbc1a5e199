"""What was found, handed over, reviewed and taken home: to look at, like evidence."""

from django.contrib import admin

from breakglass.models import (
    Countersignature,
    Export,
    Finding,
    PostMortemHandover,
    PostMortemNote,
    PostMortemReview,
    Reanchor,
)
from portal.admin.scoped import ManagedFilter, ReadOnlyAdmin

_TENANT = ("tenant", ManagedFilter)
_BYPASS = "postmortem__grant__request__bypass_id"


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin[Finding]):
    """Findings about gates; owners answer them in the portal."""

    list_display = ("kind", "tenant", "gate", "owner", "opened_at", "closed_at")
    list_filter = (_TENANT, "kind")
    list_select_related = ("tenant", "gate", "owner")
    search_fields = ("gate__slug", "owner__email")


@admin.register(PostMortemReview)
class PostMortemReviewAdmin(ReadOnlyAdmin[PostMortemReview]):
    """When a write-up was read by others, and what came of it."""

    tenant_path = "postmortem__tenant"
    list_display = ("postmortem", "asked_by", "asked_at", "outcome", "ended_at")
    list_filter = ("outcome",)
    list_select_related = ("postmortem__grant__request", "asked_by")
    search_fields = (_BYPASS,)


@admin.register(PostMortemHandover)
class PostMortemHandoverAdmin(ReadOnlyAdmin[PostMortemHandover]):
    """Who gave a write-up to whom."""

    tenant_path = "postmortem__tenant"
    list_display = ("postmortem", "previous", "assignee", "by", "at")
    list_select_related = (
        *("postmortem__grant__request", "previous", "assignee", "by"),
    )
    search_fields = (_BYPASS,)


@admin.register(PostMortemNote)
class PostMortemNoteAdmin(ReadOnlyAdmin[PostMortemNote]):
    """What was added after a publication."""

    tenant_path = "postmortem__tenant"
    list_display = ("postmortem", "author", "at")
    list_select_related = ("postmortem__grant__request", "author")
    search_fields = (_BYPASS,)


@admin.register(Countersignature)
class CountersignatureAdmin(ReadOnlyAdmin[Countersignature]):
    """What grants of the outage fallback still owe, or owed too long."""

    tenant_path = "grant__tenant"
    list_display = ("grant", "due_at", "signed_at", "flagged_at")
    list_select_related = ("grant__request",)
    search_fields = ("grant__request__bypass_id",)


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin[Export]):
    """Who took evidence home, and why. The files are fetched in the portal."""

    list_display = (
        *("created_at", "tenant", "requested_by", "reason", "format", "state"),
    )
    list_filter = (_TENANT, "format", "state")
    list_select_related = ("tenant", "requested_by")
    exclude = ("file",)


@admin.register(Reanchor)
class ReanchorAdmin(ReadOnlyAdmin[Reanchor]):
    """Where a log goes on after it no longer extended what was published."""

    list_display = (
        *("proposed_at", "tenant", "size", "proposed_by", "confirmed_by"),
        *("confirmed_at", "dropped_at"),
    )
    list_filter = (_TENANT,)
    list_select_related = ("tenant", "proposed_by", "confirmed_by")
