"""A policy's tiers, and which of them a request falls into (design.md section 4)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from breakglass.errors import PolicyViolation
from breakglass.rules.scopes import Scope, match_glob
from breakglass.texts import all_of, text


class Impact(StrEnum):
    """How bad it may get, in the requester's words. Compare by rank, not by text."""

    LOW = "low"
    HIGH = "high"


# As text "high" sorts before "low"; the rank is what a tier's minimum means.
_RANK: Final = {Impact.LOW: 0, Impact.HIGH: 1}
_CHOSEN: Final = {
    Impact.LOW: text("you chose low impact"),
    Impact.HIGH: text("you chose high impact"),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """`count` different people from `group` must approve."""

    group: str
    count: int


@dataclass(frozen=True, slots=True)
class Match:
    """
    When a tier applies: every criterion that is not empty must hold.

    The lists hold patterns for `match_glob`; one that matches is enough.
    """

    minimum_impact: Impact | None = None
    gates: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    data_classes: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it holds for every request (a minimum of low asks nothing)."""
        listed = self.gates or self.services or self.branches
        listed = listed or self.environments or self.data_classes
        return not listed and self.minimum_impact in (None, Impact.LOW)


@dataclass(frozen=True, slots=True)
class Tier:
    """
    One rung of a policy: whom it applies to, who must approve, what is granted.

    `max_deploys` and `max_active_per_service` are None for no limit;
    `postmortem_days` are business days. `offline_quorum`: while signing is down, one
    more approver may stand in for it, all with passkeys (security.md 4.3).
    """

    slug: str
    name: str
    match: Match
    requirements: tuple[Requirement, ...]
    ttl_choices: tuple[timedelta, ...]
    pending_for: timedelta
    remind_after: timedelta
    max_deploys: int | None
    digest_required: bool
    max_active_per_service: int | None
    postmortem_days: int
    passkey_required: bool = False
    offline_quorum: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """A tenant's numbered rule set: tiers, strictest first."""

    version: int
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for; environment and data class are the gate's attributes."""

    scope: Scope
    environment: str
    data_class: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The tier that applies, and why, in words for the requester."""

    tier: Tier
    reasons: tuple[str, ...]


def select_tier(*, policy: Policy, target: Target, impact: Impact) -> Selection:
    """
    Returns the first tier that matches, or the strictest when none does.

    What the requester chooses can only raise the tier (design.md section 4).
    First match alone does not promise that: where only a high-impact tier or a
    branch tier matches, low impact or another branch would match nothing and get
    the strictest. So when nothing matches at low impact, or (no branch named)
    apart from the branch patterns, the strictest applies as well.
    Raises PolicyViolation for a policy without tiers.
    """
    if not policy.tiers:
        raise PolicyViolation(
            text("this policy has no tiers, so nothing can be asked for")
        )
    strictest = policy.tiers[0]
    chosen = _first(policy=policy, target=target, impact=impact, any_branch=True)
    if chosen is None:
        return Selection(
            strictest, (text("no tier matched, so the strictest applies"),)
        )
    if chosen is not strictest:
        low = _first(policy=policy, target=target, impact=Impact.LOW, any_branch=True)
        if low is None:
            why = text("no tier matches at low impact, so the strictest applies")
            return Selection(strictest, (why,))
        if not _first(
            policy=policy, target=target, impact=Impact.LOW, any_branch=False
        ):
            why = text("no tier matches every branch, so the strictest applies")
            return Selection(strictest, (why,))
    return Selection(chosen, _reasons(match=chosen.match, target=target, impact=impact))


def _first(
    *, policy: Policy, target: Target, impact: Impact, any_branch: bool
) -> Tier | None:
    """`any_branch` says whether an unnamed branch overlaps with every pattern."""
    for tier in policy.tiers:
        if _matches(
            match=tier.match, target=target, impact=impact, any_branch=any_branch
        ):
            return tier
    return None


def _matches(*, match: Match, target: Target, impact: Impact, any_branch: bool) -> bool:
    minimum, scope = match.minimum_impact, target.scope
    if minimum is not None and _RANK[impact] < _RANK[minimum]:
        return False
    if scope.branch:
        branch_fits = _fits(patterns=match.branches, value=scope.branch)
    else:
        branch_fits = any_branch or not match.branches
    return (
        branch_fits
        and _fits(patterns=match.gates, value=scope.gate)
        and _fits(patterns=match.services, value=scope.service)
        and _fits(patterns=match.environments, value=target.environment)
        and _fits(patterns=match.data_classes, value=target.data_class)
    )


def _fits(*, patterns: tuple[str, ...], value: str) -> bool:
    if not patterns:
        return True
    return any(match_glob(pattern=pattern, value=value) for pattern in patterns)


def covers(*, match: Match, other: Match) -> bool:
    """
    Says whether `match` surely holds wherever `other` does.

    A pattern is covered by itself, and a name without `*` by whatever matches it; of
    two different patterns nothing is claimed.
    """
    if match.minimum_impact == Impact.HIGH and other.minimum_impact != Impact.HIGH:
        return False
    return all(
        not ours
        or (
            bool(theirs) and all(_covered(patterns=ours, pattern=one) for one in theirs)
        )
        for ours, theirs in (
            (match.gates, other.gates),
            (match.services, other.services),
            (match.branches, other.branches),
            (match.environments, other.environments),
            (match.data_classes, other.data_classes),
        )
    )


def _covered(*, patterns: tuple[str, ...], pattern: str) -> bool:
    if pattern in patterns:
        return True
    return "*" not in pattern and _fits(patterns=patterns, value=pattern)


def _reasons(*, match: Match, target: Target, impact: Impact) -> tuple[str, ...]:
    scope = target.scope
    reasons = []
    if match.data_classes:
        reasons.append(
            text("the gate's data class is %(value)s", value=target.data_class)
        )
    if match.environments:
        reasons.append(
            text("the gate's environment is %(value)s", value=target.environment)
        )
    if match.gates:
        reasons.append(text("the gate is %(value)s", value=scope.gate))
    if match.services:
        reasons.append(text("the service is %(value)s", value=scope.service))
    if match.branches and scope.branch:
        reasons.append(text("the branch is %(value)s", value=scope.branch))
    elif match.branches:
        reasons.append(
            text(
                "you named no branch, so %(branches)s would be covered too",
                branches=all_of(match.branches),
            )
        )
    if match.minimum_impact not in (None, Impact.LOW):
        reasons.append(_CHOSEN[impact])
    return tuple(reasons) or (text("this tier applies to every request"),)
