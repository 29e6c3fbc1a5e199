"""What is signed, word for word: an approval in its giver's name, a grant in ours."""

from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from breakglass.audit import chain
from breakglass.models import BypassRequest, User
from breakglass.queries import policies
from breakglass.rules.stricter import Terms
from breakglass.rules.window import Window
from breakglass.signing import statements
from breakglass.states import Assurance


def approval(
    *,
    bypass: BypassRequest,
    approver: User,
    ttl: timedelta,
    comment: str,
    now: datetime,
    nonce: UUID,
) -> bytes:
    """
    Returns what the approver signs: also what a passkey and a sign-in are bound to.

    The nonce is random, so that nobody can make the digest before the decision.
    """
    terms = policies.terms_of(bypass=bypass)
    return statements.statement(
        name=bypass.bypass_id,
        sha256=bytes(bypass.digest),
        predicate_type=statements.APPROVAL_TYPE,
        predicate={
            "verdict": "approve",
            "nonce": str(nonce),
            "bypass_id": bypass.bypass_id,
            "tenant": str(bypass.tenant.public_id),
            "approver": {"subject": str(approver.public_id), "email": approver.email},
            "ttl_seconds": int(ttl.total_seconds()),
            "tier": bypass.tier.slug,
            "policy_version": bypass.policy.version,
            "policy_digest": bytes(bypass.policy.digest or b"").hex(),
            "max_deploys": terms.max_deploys,
            "digest_required": terms.digest_required,
            "comment_sha256": sha256(comment.encode()).hexdigest(),
            "decided_at": chain.timestamp(now),
        },
    )


def grant(
    *, bypass: BypassRequest, window: Window, terms: Terms, assurance: Assurance
) -> bytes:
    """Returns what the portal signs: what was granted, and on whose approvals."""
    given = bypass.approvals.select_related("approver", "bundle").order_by("pk")
    return statements.statement(
        name=bypass.bypass_id,
        sha256=bytes(bypass.digest),
        predicate_type=statements.GRANT_TYPE,
        predicate={
            "bypass_id": bypass.bypass_id,
            "tenant": str(bypass.tenant.public_id),
            "starts_at": chain.timestamp(window.starts_at),
            "expires_at": chain.timestamp(window.expires_at),
            "max_deploys": terms.max_deploys,
            "digest_required": terms.digest_required,
            "assurance": str(assurance),
            "tier": bypass.tier.slug,
            "policy_version": bypass.policy.version,
            "approvals": [
                {
                    "email": approval.bundle.identity,
                    "ttl_seconds": approval.ttl_seconds,
                    "bundle_sha256": bytes(approval.bundle.sha256).hex(),
                }
                for approval in given
            ],
        },
    )
