"""Policies: draft the next version, check it, publish it for good."""

import logging
from hashlib import sha256

from django.db import transaction
from django.db.models import Count, Max, Q

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, NotFound, NotPermitted, PolicyViolation
from breakglass.models import Policy, Requirement, RoleGroup, Tenant, Tier, User
from breakglass.queries import policies as queries
from breakglass.queries.people import passkeys
from breakglass.rules.policies import Finding, lint
from breakglass.states import PolicyState
from breakglass.texts import joined, text

logger = logging.getLogger(__name__)


@transaction.atomic
def new_draft(*, tenant: Tenant, author: User | None) -> Policy:
    """
    Starts the next version as a copy of the current one; returns the draft.

    Raises Conflict when the tenant has a draft already: there is one at a time.
    """
    Tenant.objects.select_for_update(of=("self",), no_key=True).get(pk=tenant.pk)
    if queries.draft(tenant=tenant) is not None:
        msg = text("there is a draft already: publish or discard it first")
        raise Conflict(msg)
    latest = queries.current(tenant=tenant)
    draft = Policy.objects.create(
        tenant=tenant, author=author, created_at=clock.db_now()
    )
    if latest is not None:
        for tier in latest.tiers.prefetch_related("requirements").order_by("position"):
            _copy(tier=tier, into=draft)
    return draft


def check(*, policy: Policy) -> tuple[Finding, ...]:
    """Returns what is wrong or doubtful about a version, errors first."""
    counted = Count(
        "memberships",
        filter=Q(memberships__user__is_active=True, memberships__user__kind="human"),
    )
    groups = RoleGroup.objects.filter(tenant=policy.tenant).annotate(size=counted)
    known = {group.slug: group.size for group in groups}
    findings = lint(
        policy=queries.as_rules(policy=policy),
        known_groups=known,
        with_passkey=passkeys.ready_by_group(tenant=policy.tenant),
    )
    return tuple(sorted(findings, key=lambda finding: finding.level != "error"))


@transaction.atomic
def publish(*, policy_id: int, actor: Actor) -> Policy:
    """
    Freezes a draft as the tenant's next version; the database keeps it frozen.

    Raises PolicyViolation with the errors that `check` finds, Conflict when it is
    published already, NotPermitted where the tenant wants two admins for it: see
    `policy_proposals`. Pending requests keep their version; the stricter one counts.
    """
    policy, tenant = lock_draft(policy_id)
    if tenant.policy_needs_second_admin:
        msg = text("one admin proposes a version here, and another one confirms it")
        raise NotPermitted(msg)
    return put_in_force(policy=policy, actor=actor)


def put_in_force(*, policy: Policy, actor: Actor) -> Policy:
    """Publishes a draft that the caller holds by `lock_draft`, in its transaction."""
    require_sound(policy=policy)
    version, document = next_document(policy=policy)
    policy.version = version
    policy.digest = sha256(chain.canonical(document)).digest()
    policy.state = PolicyState.PUBLISHED
    policy.published_at = clock.db_now()
    policy.published_by = actor.name
    policy.save(
        update_fields=["version", "digest", "state", "published_at", "published_by"]
    )
    ledger.append(
        tenant=policy.tenant,
        event=events.POLICY_PUBLISHED,
        actor=actor,
        facts={
            "version": policy.version,
            "digest": policy.digest.hex(),
            "note": policy.note,
            "policy": document,
        },
    )
    return policy


def require_sound(*, policy: Policy) -> None:
    """Raises PolicyViolation with the errors that `check` finds."""
    errors = [f for f in check(policy=policy) if f.level == "error"]
    if errors:
        found = [
            joined([f.tier, f.message], between=": ") if f.tier else f.message
            for f in errors
        ]
        raise PolicyViolation(joined(found, between="; "))


def next_document(*, policy: Policy) -> tuple[int, dict[str, chain.Fact]]:
    """Returns the number that a draft would get, and the document it would be then."""
    published = Policy.objects.filter(tenant=policy.tenant)
    highest = published.aggregate(highest=Max("version"))["highest"] or 0
    return highest + 1, _document(policy=policy, version=highest + 1)


@transaction.atomic
def discard_draft(*, policy_id: int, actor: Actor) -> None:
    """Drops a draft that nobody published; nothing of it was ever in force."""
    policy = _lock(policy_id)
    policy.delete()
    logger.info(
        "policy.draft_discarded",
        extra={"tenant": policy.tenant.slug, "by": str(actor)},
    )


def lock_draft(policy_id: int) -> tuple[Policy, Tenant]:
    """
    Locks a draft and its tenant, in this order; returns both as they are now.

    Raises NotFound when it was discarded, Conflict when it was published meanwhile.
    """
    policy = _lock(policy_id)
    tenants = Tenant.objects.select_for_update(of=("self",), no_key=True)
    return policy, tenants.get(pk=policy.tenant_id)


def _lock(policy_id: int) -> Policy:
    policy = (
        Policy.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant", "proposed_by")
        .filter(pk=policy_id)
        .first()
    )
    if policy is None:
        msg = text("there is no such draft any more")
        raise NotFound(msg)
    if policy.state != PolicyState.DRAFT:
        msg = text(
            "version %(version)s is published and cannot be changed",
            version=policy.version,
        )
        raise Conflict(msg)
    return policy


def _copy(*, tier: Tier, into: Policy) -> None:
    requirements = list(tier.requirements.all())
    tier.pk = None
    tier.policy = into
    tier.save(force_insert=True)
    Requirement.objects.bulk_create(
        Requirement(tier=tier, group=r.group, count=r.count) for r in requirements
    )


def _document(*, policy: Policy, version: int) -> dict[str, chain.Fact]:
    """Returns the whole version as plain JSON: what its digest covers."""
    tiers: list[chain.Fact] = []
    for tier in queries.as_rules(policy=policy).tiers:
        minimum = tier.match.minimum_impact
        match: dict[str, chain.Fact] = {
            "minimum_impact": str(minimum) if minimum else "",
            "gates": list(tier.match.gates),
            "services": list(tier.match.services),
            "branches": list(tier.match.branches),
            "environments": list(tier.match.environments),
            "data_classes": list(tier.match.data_classes),
        }
        tiers.append(
            {
                "slug": tier.slug,
                "name": tier.name,
                "match": match,
                "requirements": [
                    {"group": r.group, "count": r.count} for r in tier.requirements
                ],
                "ttl_seconds": [int(c.total_seconds()) for c in tier.ttl_choices],
                "pending_seconds": int(tier.pending_for.total_seconds()),
                "remind_seconds": int(tier.remind_after.total_seconds()),
                "max_deploys": tier.max_deploys,
                "digest_required": tier.digest_required,
                "max_active_per_service": tier.max_active_per_service,
                "postmortem_days": tier.postmortem_days,
                "passkey_required": tier.passkey_required,
                "offline_quorum": tier.offline_quorum,
            }
        )
    return {"type": "breakglass/policy/v1", "version": version, "tiers": tiers}
