"""Messages: what was sent, who is told, and the facts that the texts are made of."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from breakglass import outbox
from breakglass.models import (
    AuditEntry,
    BypassRequest,
    Channel,
    Credential,
    Deploy,
    Export,
    Grant,
    LogStanding,
    Notification,
    RoleMember,
    Tenant,
    User,
)
from breakglass.notify import facts
from breakglass.notify.log_messages import ExportFacts, LogFacts
from breakglass.queries import approvers
from breakglass.queries.people import passkeys
from breakglass.states import Assurance, DeliveryState

PAGE_MAX = 200


def sent(
    *, tenants: Sequence[Tenant], before: int | None, limit: int = 50
) -> list[Notification]:
    """
    Returns what was sent, waits or failed in these tenants, newest first.

    Keyset by id: pass the last row's id as `before` for the next page. A channel's
    row shows its name as the address, never its URL.
    """
    rows = Notification.objects.filter(tenant__in=tenants)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    rows = rows.select_related("tenant", "recipient", "channel", "message")
    return list(rows.order_by("-pk")[: min(limit, PAGE_MAX)])


def told_of_finding(*, standing: LogStanding) -> list[str]:
    """Returns who was told that a log does not verify: people and channels, by name."""
    if standing.finding_at is None:
        return []
    moment = int(standing.finding_at.timestamp() * 1_000_000)
    rows = Notification.objects.filter(
        tenant=standing.tenant_id,
        message__topic=outbox.LOG_FINDING,
        message__subject_id=moment,
    )
    rows = rows.exclude(state=DeliveryState.SKIPPED)
    linked = rows.select_related("recipient", "channel").order_by("pk")
    return list(dict.fromkeys(str(row.recipient or row.channel) for row in linked))


def managers_of(*, tenant: Tenant) -> list[User]:
    """Returns the active people of the tenant's roles that hold manage_tenant."""
    return holders_of(tenant=tenant, permission="manage_tenant")


def holders_of(*, tenant: Tenant, permission: str) -> list[User]:
    """Returns the active people of the tenant's roles that hold a permission."""
    holds = RoleMember.objects.filter(
        user=OuterRef("pk"),
        role__tenant=tenant,
        role__tenant_permissions__contains=[permission],
    )
    return list(User.objects.filter(Exists(holds), is_active=True).order_by("email"))


def members_among(*, tenant: Tenant, people: Iterable[User]) -> list[User]:
    """Returns those who may see the tenant still, each once, in their order."""
    members = {one.pk for one in holders_of(tenant=tenant, permission="view_tenant")}
    return [one for one in dict.fromkeys(people) if one.pk in members]


def watchers_of(*, tenant: Tenant) -> list[User]:
    """Returns who guards the evidence: may close bypasses early, or export the log."""
    holds = RoleMember.objects.filter(
        user=OuterRef("pk"),
        role__tenant=tenant,
        role__tenant_permissions__overlap=["close_grant", "export_evidence"],
    )
    return list(User.objects.filter(Exists(holds), is_active=True).order_by("email"))


def active_channels_of(*, tenant: Tenant) -> list[Channel]:
    """Returns where the tenant wants to be told, beside people's e-mail."""
    return list(Channel.objects.filter(tenant=tenant, is_active=True).order_by("pk"))


def request_of(*, tenant: Tenant, pk: int) -> BypassRequest:
    """Returns the request that an outbox message of this tenant names."""
    return BypassRequest.objects.select_related(
        "tenant", "gate", "requester", "tier", "policy", "ended_by"
    ).get(tenant=tenant, pk=pk)


def reminder_of(*, tenant: Tenant, pk: int) -> tuple[BypassRequest, str]:
    """Returns the request that a reminder's entry is about, and whom it waits for."""
    entry = AuditEntry.objects.get(tenant=tenant, pk=pk)
    group = json.loads(bytes(entry.body))["facts"]["group"]
    found = BypassRequest.objects.only("pk").get(
        tenant=tenant, bypass_id=entry.bypass_id
    )
    return request_of(tenant=tenant, pk=found.pk), group


def grant_of(*, tenant: Tenant, pk: int) -> Grant:
    """Returns the grant that an outbox message of this tenant names."""
    return _grants().get(tenant=tenant, pk=pk)


def grant_of_postmortem(*, tenant: Tenant, pk: int) -> Grant:
    """Returns the grant of the post-mortem that an outbox message names."""
    return _grants().get(tenant=tenant, postmortem=pk)


def deploy_of(*, tenant: Tenant, pk: int) -> Deploy:
    """Returns the deploy that an outbox message of this tenant names."""
    return Deploy.objects.select_related(
        "grant__request__tenant",
        "grant__request__gate",
        "grant__request__requester",
        "grant__request__tier",
        "grant__request__policy",
    ).get(tenant=tenant, pk=pk)


def bypass_facts(*, bypass: BypassRequest) -> facts.BypassFacts:
    """Returns a request as the texts take it, with what its quorum misses now."""
    reached = approvers.quorum(bypass=bypass)
    groups = approvers.still_needed(bypass=bypass, reached=reached, without=[])
    return facts.BypassFacts(
        site=settings.BASE_URL,
        tenant=bypass.tenant.slug,
        bypass_id=bypass.bypass_id,
        gate=bypass.gate.slug,
        service=bypass.service,
        branch=bypass.branch,
        artifact=bypass.artifact,
        requester=bypass.requester.name,
        requester_email=bypass.requester.email,
        justification=bypass.justification,
        incident_url=bypass.incident_url,
        impact=bypass.impact,
        tier=bypass.tier.name,
        tier_slug=bypass.tier.slug,
        ttl=bypass.ttl,
        needs=tuple(facts.Need(group=g.name, count=g.count) for g in groups),
        lapses_at=bypass.lapses_at,
        digest=bypass.digest_hex,
    )


def grant_facts(*, grant: Grant) -> facts.GrantFacts:
    """Returns a grant as the texts take it."""
    return facts.GrantFacts(
        bypass=bypass_facts(bypass=grant.request),
        expires_at=grant.expires_at,
        ttl=grant.expires_at - grant.starts_at,
        max_deploys=grant.max_deploys,
        deploys=grant.deploys.count(),
        closed_at=grant.closed_at,
        closed_by=str(grant.closed_by) if grant.closed_by else "",
        close_reason=grant.close_reason,
        postmortem_due_at=grant.postmortem.due_at,
        assignee=str(grant.postmortem.assignee),
        is_offline=grant.assurance == Assurance.OFFLINE_QUORUM,
    )


def log_facts(*, tenant: Tenant, what: str, since: datetime) -> LogFacts:
    """Returns how a log stands as the texts take it."""
    return LogFacts(site=settings.BASE_URL, tenant=tenant.slug, what=what, since=since)


def export_facts(*, made: Export) -> ExportFacts:
    """Returns an export as the texts take it."""
    return ExportFacts(
        site=settings.BASE_URL,
        tenant=made.tenant.slug,
        bypass_id=made.scope["bypass_id"] if made.scope["kind"] == "bypass" else "",
        is_part=made.scope["kind"] == "filter",
        reason=made.reason,
        asked_at=made.created_at,
    )


def deploy_facts(*, deploy: Deploy) -> facts.DeployFacts:
    """Returns a deploy as the texts take it."""
    return facts.DeployFacts(
        bypass=bypass_facts(bypass=deploy.grant.request),
        deploy_id=deploy.deploy_id,
        admitted_at=deploy.admitted_at,
        actor=deploy.actor,
    )


def credential_facts(*, pk: int) -> facts.CredentialFacts:
    """Returns a passkey as the texts take it."""
    row = Credential.objects.get(pk=pk)
    return facts.CredentialFacts(
        site=settings.BASE_URL,
        name=row.name,
        enrolled_at=row.enrolled_at,
        usable_from=passkeys.usable_from(credential=row),
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )


def _grants() -> QuerySet[Grant]:
    return Grant.objects.select_related(
        "request__tenant",
        "request__gate",
        "request__requester",
        "request__tier",
        "request__policy",
        "postmortem__assignee",
        "closed_by",
    )
