"""Policies as rows, and as the values that the rules take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Exists,
    OuterRef,
    Q,
    QuerySet,
    prefetch_related_objects,
)
from django.db.models.functions import JSONObject

from breakglass.models import BypassRequest, Policy, Requirement, Tenant, Tier
from breakglass.queries.outage import is_offline
from breakglass.rules import tiers as rules
from breakglass.rules.outage import offline_terms
from breakglass.rules.stricter import Terms, stricter_terms
from breakglass.states import PolicyState, SigningOutage


@dataclass(frozen=True, slots=True)
class InQuestion:
    """The two tiers that a request has to meet, and their groups' names by slug."""

    pinned: rules.Tier
    latest: rules.Tier
    names: dict[str, str]

    @property
    def groups(self) -> frozenset[str]:
        """The slugs of the groups in which somebody's yes could count."""
        asked = (*self.pinned.requirements, *self.latest.requirements)
        return frozenset(need.group for need in asked)


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
    rows = list(policy.tiers.all())  # those that `current` loaded, if it did
    prefetch_related_objects(rows, "requirements__group")
    ordered = sorted(rows, key=lambda tier: tier.position)
    return rules.Policy(
        version=policy.version or 0,
        tiers=tuple(tier_rules(tier=tier) for tier in ordered),
    )


def tier_rules(*, tier: Tier) -> rules.Tier:
    """Returns one tier as the rules see it; groups by their slugs."""
    prefetch_related_objects([tier], "requirements__group")  # once a tier
    rows = sorted(tier.requirements.all(), key=lambda row: row.pk)
    return _rules(
        tier=tier,
        requirements=[rules.Requirement(row.group.slug, row.count) for row in rows],
    )


def _rules(*, tier: Tier, requirements: Iterable[rules.Requirement]) -> rules.Tier:
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
        requirements=tuple(requirements),
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
    return pinned, _chosen(bypass=bypass, policy=as_rules(policy=latest))


def all_in_question(*, requests: Sequence[BypassRequest]) -> dict[int, InQuestion]:
    """
    Returns what `tiers_in_question` says of each request, by its id: one query.

    The requests should have been loaded with `select_related("gate__tenant")`.
    """
    tenants = {bypass.tenant_id for bypass in requests}
    rows = list(_tiers(pinned=[b.tier_id for b in requests], tenants=tenants))
    as_rule = {row.pk: _rules(tier=row, requirements=_needs(row)) for row in rows}
    names = {
        row.pk: {need["group"]: need["name"] for need in _json(row)} for row in rows
    }
    latest = {
        tenant: max(
            (r.policy for r in rows if r.policy.tenant_id == tenant and _live(r)),
            key=lambda policy: policy.version or 0,
            default=None,
        )
        for tenant in tenants
    }
    found: dict[int, InQuestion] = {}
    for bypass in requests:
        pinned, policy = as_rule[bypass.tier_id], latest[bypass.tenant_id]
        known = dict(names[bypass.tier_id])
        chosen = pinned
        if policy is not None:
            its = [row for row in rows if row.policy_id == policy.pk]
            version = rules.Policy(
                version=policy.version or 0,
                tiers=tuple(as_rule[row.pk] for row in its),
            )
            chosen = _chosen(bypass=bypass, policy=version)
            for row in its:
                known |= names[row.pk]
        found[bypass.pk] = InQuestion(pinned=pinned, latest=chosen, names=known)
    return found


def _tiers(*, pinned: Iterable[int], tenants: Iterable[int]) -> QuerySet[Tier]:
    """The pinned tiers, and all of each tenant's current version, strictest first."""
    newer = Policy.objects.filter(
        state=PolicyState.PUBLISHED,
        tenant=OuterRef("tenant"),
        version__gt=OuterRef("version"),
    )
    newest = Policy.objects.filter(
        ~Exists(newer), state=PolicyState.PUBLISHED, tenant__in=set(tenants)
    )
    needs = Requirement.objects.filter(tier=OuterRef("pk")).order_by("pk")
    return (
        Tier.objects.filter(Q(pk__in=set(pinned)) | Q(policy__in=newest.values("pk")))
        .select_related("policy")
        .annotate(
            needs=ArraySubquery(
                needs.values(
                    need=JSONObject(
                        group="group__slug", name="group__name", count="count"
                    )
                )
            )
        )
        .order_by("policy", "position")
    )


def _live(row: Tier) -> bool:
    return row.policy.state == PolicyState.PUBLISHED


def _json(row: Tier) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = row.needs  # type: ignore[attr-defined] # annotated
    return found


def _needs(row: Tier) -> list[rules.Requirement]:
    return [rules.Requirement(need["group"], need["count"]) for need in _json(row)]


def _chosen(*, bypass: BypassRequest, policy: rules.Policy) -> rules.Tier:
    target = rules.Target(
        scope=bypass.scope,
        environment=bypass.gate.environment,
        data_class=bypass.gate.data_class,
    )
    impact = rules.Impact(bypass.impact)
    return rules.select_tier(policy=policy, target=target, impact=impact).tier


def terms_of(*, bypass: BypassRequest) -> Terms:
    """
    Returns the stricter terms of the pinned and the current policy, by axis.

    A request that goes on under the outage fallback has the fallback's terms on top.
    """
    pinned, latest = tiers_in_question(bypass=bypass)
    terms = stricter_terms(pinned=pinned, current=latest)
    return offline_terms(terms=terms) if is_offline(bypass=bypass) else terms


def pinned_version(*, tenant: Tenant, bypass_id: str) -> int | None:
    """Returns the policy version that a request is pinned to, if there is one."""
    found = BypassRequest.objects.filter(tenant=tenant, bypass_id=bypass_id)
    return found.values_list("policy__version", flat=True).first()
