"""What happened, to look at: no row here can be added, changed or deleted."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from breakglass.models import (
    Approval,
    AuditEntry,
    Bundle,
    BypassRequest,
    Checkpoint,
    Deploy,
    Grant,
    Intent,
    Notification,
    PostMortem,
)
from breakglass.rules.tiers import Impact
from portal.admin.scoped import ManagedFilter, ReadOnlyAdmin, short

_TENANT = ("tenant", ManagedFilter)
_IMPACTS: Final[Mapping[str, Any]] = {Impact.LOW: _("Low"), Impact.HIGH: _("High")}


class ImpactFilter(admin.AllValuesFieldListFilter):
    """The impacts that were chosen, in the reader's words."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yields the filter's links."""
        for choice in super().choices(changelist):
            said = str(choice["display"])
            yield {**choice, "display": _IMPACTS.get(said, said)}


@admin.register(BypassRequest)
class BypassRequestAdmin(ReadOnlyAdmin[BypassRequest]):
    """Requests, newest first."""

    list_display = (
        *("bypass_id", "tenant", "gate", "service", "tier", "requester", "state"),
        "opened_at",
    )
    list_filter = (_TENANT, "state", ("impact", ImpactFilter))
    list_select_related = ("tenant", "gate", "tier", "requester")
    search_fields = ("bypass_id", "service", "requester__email")
    exclude = ("form_key", "impact")
    readonly_fields = ("impact_shown", "digest_shown")

    @admin.display(description=_("impact"))
    def impact_shown(self, obj: BypassRequest) -> Any:
        """What the requester chose, in the reader's words."""
        return _IMPACTS.get(obj.impact, obj.impact)

    @admin.display(description=_("digest"))
    def digest_shown(self, obj: BypassRequest) -> str:
        """What approvers sign, as they see it."""
        return obj.digest_hex


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin[Approval]):
    """Signed approvals."""

    tenant_path = "request__tenant"
    list_display = ("request", "approver", "ttl_seconds", "signed_as", "created_at")
    list_select_related = ("request__tenant", "approver", "bundle")
    search_fields = ("request__bypass_id", "approver__email")

    @admin.display(description=_("signed as"))
    def signed_as(self, obj: Approval) -> str:
        """The identity in the certificate."""
        return obj.bundle.identity


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin[Grant]):
    """Grants with their windows."""

    list_display = (
        *("request", "tenant", "gate", "service", "state", "starts_at"),
        *("expires_at", "closed_at"),
    )
    list_filter = (_TENANT, "state")
    list_select_related = ("request", "tenant", "gate")
    search_fields = ("request__bypass_id", "service")


@admin.register(Deploy)
class DeployAdmin(ReadOnlyAdmin[Deploy]):
    """Deploys that went through a gate under a grant."""

    list_display = (
        *("deploy_id", "tenant", "gate", "service", "bypass", "state"),
        *("admitted_at", "ended_at"),
    )
    list_filter = (_TENANT, "state")
    list_select_related = ("tenant", "gate", "grant__request")
    search_fields = ("deploy_id", "service", "grant__request__bypass_id")

    @admin.display(description=_("bypass"))
    def bypass(self, obj: Deploy) -> str:
        """The bypass ID that it carries."""
        return obj.grant.request.bypass_id


@admin.register(PostMortem)
class PostMortemAdmin(ReadOnlyAdmin[PostMortem]):
    """Post-mortems; they are written in the portal."""

    list_display = (
        *("bypass", "tenant", "state", "assignee", "due_at", "published_at"),
    )
    list_filter = (_TENANT, "state")
    list_select_related = ("tenant", "assignee", "grant__request")
    search_fields = ("grant__request__bypass_id", "assignee__email")

    @admin.display(description=_("bypass"))
    def bypass(self, obj: PostMortem) -> str:
        """The bypass that it is about."""
        return obj.grant.request.bypass_id


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    """The ledger. The audit browser of the portal verifies; this only lists."""

    list_display = ("seq", "tenant", "at", "actor", "event", "bypass_id", "hash")
    list_filter = (_TENANT, "event")
    list_select_related = ("tenant",)
    search_fields = ("bypass_id", "actor")
    readonly_fields = ("hash", "text")

    @admin.display(description=_("hash"))
    def hash(self, obj: AuditEntry) -> str:
        """The start of the entry's hash."""
        return short(obj.entry_hash)

    @admin.display(description=_("what it says"))
    def text(self, obj: AuditEntry) -> SafeString:
        """The stored bytes, with line breaks."""
        try:
            shown = json.dumps(json.loads(bytes(obj.body)), indent=2)
        except ValueError:
            shown = repr(bytes(obj.body))
        return format_html("<pre>{}</pre>", shown)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin[Checkpoint]):
    """Seals of the ledger."""

    list_display = ("size", "tenant", "head", "sealed_at", "published_at", "signature")
    list_filter = (_TENANT,)
    list_select_related = ("tenant", "statement")
    readonly_fields = ("head",)

    @admin.display(description=_("head hash"))
    def head(self, obj: Checkpoint) -> str:
        """The start of the sealed head's hash."""
        return short(obj.head_hash)

    @admin.display(description=_("signature"))
    def signature(self, obj: Checkpoint) -> str:
        """How far its signature has come."""
        return obj.statement.get_state_display()


@admin.register(Intent)
class IntentAdmin(ReadOnlyAdmin[Intent]):
    """What is about to be signed, or was."""

    list_display = (
        *("public_id", "tenant", "kind", "state", "signer", "request", "created_at"),
        *("attempts", "last_error"),
    )
    list_filter = (_TENANT, "kind", "state")
    list_select_related = ("tenant", "signer", "request")
    search_fields = ("request__bypass_id", "signer__email")


@admin.register(Bundle)
class BundleAdmin(ReadOnlyAdmin[Bundle]):
    """Verified Sigstore bundles."""

    tenant_path = "intent__tenant"
    list_display = ("identity", "issuer", "kind", "log_index", "integrated_at")
    list_select_related = ("intent__tenant",)
    search_fields = ("identity",)

    @admin.display(description=_("for"))
    def kind(self, obj: Bundle) -> str:
        """What was signed."""
        return obj.intent.get_kind_display()


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin[Notification]):
    """Messages, sent and not."""

    list_display = (
        *("created_at", "tenant", "kind", "address", "subject", "state"),
        *("attempts", "last_error"),
    )
    list_filter = (_TENANT, "kind", "state")
    list_select_related = ("tenant", "recipient", "channel")
    search_fields = ("subject", "address")
    exclude = ("message",)  # the promise behind it is a machine's row
