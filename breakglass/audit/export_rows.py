"""rows.json: what the database's rows say, to be held against the log."""

from datetime import datetime
from typing import Any

from breakglass.audit.chain import timestamp
from breakglass.models import Approval, BypassRequest, Deploy, Grant, PostMortem, Tenant


def projections(
    *, tenant: Tenant, requests: list[BypassRequest]
) -> dict[str, list[dict[str, Any]]]:
    """Returns the rows of these requests, exactly as the database has them."""
    ids = [bypass.pk for bypass in requests]
    grants = Grant.objects.filter(tenant=tenant, request__in=ids)
    approvals = Approval.objects.filter(request__in=ids)
    deploys = Deploy.objects.filter(tenant=tenant, grant__request__in=ids)
    written = PostMortem.objects.filter(tenant=tenant, grant__request__in=ids)
    return {
        "requests": [_request(row) for row in requests],
        "approvals": [
            _approval(row)
            for row in approvals.select_related("request", "approver", "bundle")
        ],
        "grants": [_grant(row) for row in grants.select_related("request", "gate")],
        "deploys": [_deploy(row) for row in deploys.select_related("grant__request")],
        "postmortems": [
            _postmortem(row) for row in written.select_related("grant__request")
        ],
    }


def _at(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _request(row: BypassRequest) -> dict[str, Any]:
    return {
        "bypass_id": row.bypass_id,
        "state": row.state,
        "digest": row.digest_hex,
        "requester": row.requester.email,
        "gate": row.gate.slug,
        "service": row.service,
        "branch": row.branch,
        "artifact": row.artifact,
        "impact": row.impact,
        "justification": row.justification,
        "incident_url": row.incident_url,
        "ttl_seconds": row.ttl_seconds,
        "tier": row.tier.slug,
        "policy_version": row.policy.version,
        "opened_at": _at(row.opened_at),
        "lapses_at": _at(row.lapses_at),
    }


def _approval(row: Approval) -> dict[str, Any]:
    return {
        "bypass_id": row.request.bypass_id,
        "approver": row.approver.email,
        "digest": bytes(row.digest).hex(),
        "ttl_seconds": row.ttl_seconds,
        "bundle_sha256": bytes(row.bundle.sha256).hex(),
        "identity": row.bundle.identity,
        "issuer": row.bundle.issuer,
        "signed_by": row.bundle.signed_by,
    }


def _grant(row: Grant) -> dict[str, Any]:
    return {
        "bypass_id": row.request.bypass_id,
        "state": row.state,
        "gate": row.gate.slug,
        "service": row.service,
        "branch": row.branch,
        "artifact": row.artifact,
        "quorum": row.quorum,
        "ttl_seconds": row.ttl_seconds,
        "max_deploys": row.max_deploys,
        "digest_required": row.digest_required,
        "assurance": row.assurance,
        "starts_at": _at(row.starts_at),
        "expires_at": _at(row.expires_at),
        "closed_at": _at(row.closed_at),
        "close_reason": row.close_reason,
    }


def _deploy(row: Deploy) -> dict[str, Any]:
    return {
        "bypass_id": row.grant.request.bypass_id,
        "deploy_id": row.deploy_id,
        "service": row.service,
        "branch": row.branch,
        "artifact": row.artifact,
        "on_behalf_of": row.actor,
        "state": row.state,
        "admitted_at": _at(row.admitted_at),
        "ended_at": _at(row.ended_at),
    }


def _postmortem(row: PostMortem) -> dict[str, Any]:
    return {
        "bypass_id": row.grant.request.bypass_id,
        "state": row.state,
        "due_at": _at(row.due_at),
        "revision": row.revision,
    }
