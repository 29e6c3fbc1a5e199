"""Policies as rows, and as the values that the rules take."""

from datetime import timedelta

from breakglass.models import BypassRequest, Policy, Tenant, Tier
from breakglass.queries.outage import is_offline
from breakglass.rules import tiers as rules
from breakglass.rules.outage import offline_terms
from breakglass.rules.stricter import Terms, stricter_terms
from breakglass.states import PolicyState, SigningOutage


def current(*, tenant: Tenant) -> Policy | None:
    """Returns the tenant's highest published version, or None before the first."""
    return (
        Policy.objects.filter(tenant=tenant, state=PolicyState.PUBLISHED)
        .order_by("-version")
        .prefetch_related("tiers__requirements__group")
        .first()
    )


def current_version(*, tenant: Tenant) -> int | None:
    """Returns the number of the current version alone: what a decision answers."""
    return (
        Policy.objects.filter(tenant=tenant, state=PolicyState.PUBLISHED)
        .order_by("-version")
        .values_list("version", flat=True)
        .first()
    )


def draft(*, tenant: Tenant) -> Policy | None:
    """Returns the tenant's draft, if one is being edited."""
    return Policy.objects.filter(tenant=tenant, state=PolicyState.DRAFT).first()


def as_rules(*, policy: Policy) -> rules.Policy:
    """Returns the version as the rules see it, strictest tier first."""
    ordered = policy.tiers.prefetch_related("requirements__group").order_by("position")
    return rules.Policy(
        version=policy.version or 0,
        tiers=tuple(tier_rules(tier=tier) for tier in ordered),
    )


def tier_rules(*, tier: Tier) -> rules.Tier:
    """Returns one tier as the rules see it; groups by their slugs."""
    requirements = tier.requirements.select_related("group").order_by("pk")
    return rules.Tier(
        slug=tier.slug,
        name=tier.name,
        match=rules.Match(
            minimum_impact=rules.Impact(tier.minimum_impact)
            if tier.minimum_impact
            else None,
            gates=tuple(tier.gates),
            services=tuple(tier.services),
            branches=tuple(tier.branches),
            environments=tuple(tier.environments),
            data_classes=tuple(tier.data_classes),
        ),
        requirements=tuple(
            rules.Requirement(group=row.group.slug, count=row.count)
            for row in requirements
        ),
        ttl_choices=tuple(timedelta(seconds=s) for s in sorted(tier.ttl_choices)),
        pending_for=timedelta(seconds=tier.pending_seconds),
        remind_after=timedelta(seconds=tier.remind_seconds),
        max_deploys=tier.max_deploys,
        digest_required=tier.digest_required,
        max_active_per_service=tier.max_active_per_service,
        postmortem_days=tier.postmortem_days,
        passkey_required=tier.passkey_required,
        offline_quorum=tier.signing_outage == SigningOutage.OFFLINE_QUORUM,
    )


def tiers_in_question(*, bypass: BypassRequest) -> tuple[rules.Tier, rules.Tier]:
    """
    Returns the request's pinned tier, and the tier that today's policy would choose.

    Both have to be met (design.md section 12, the stricter of two). The second looks
    at the gate as it is now, so a gate that became stricter counts as well.
    """
    pinned = tier_rules(tier=bypass.tier)
    latest = current(tenant=bypass.tenant)
    if latest is None:
        return pinned, pinned
    target = rules.Target(
        scope=bypass.scope,
        environment=bypass.gate.environment,
        data_class=bypass.gate.data_class,
    )
    chosen = rules.select_tier(
        policy=as_rules(policy=latest),
        target=target,
        impact=rules.Impact(bypass.impact),
    )
    return pinned, chosen.tier


def terms_of(*, bypass: BypassRequest) -> Terms:
    """
    Returns the stricter terms of the pinned and the current policy, by axis.

    A request that goes on under the outage fallback has the fallback's terms on top.
    """
    pinned, latest = tiers_in_question(bypass=bypass)
    terms = stricter_terms(pinned=pinned, current=latest)
    return offline_terms(terms=terms) if is_offline(bypass=bypass) else terms
