"""Reads a policy before it is published and says what is wrong with it."""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from breakglass.rules.outage import FURTHER_APPROVERS
from breakglass.rules.tiers import Match, Policy, Tier
from breakglass.rules.window import MAXIMUM_TTL, MINIMUM_TTL, in_words

OFFLINE_TTL: Final = timedelta(hours=1)
# The alphabet of identifiers and `*`; see identifiers.check_identifier.
_PATTERN: Final = re.compile(r"[A-Za-z0-9*][A-Za-z0-9._/:@+*-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. An error blocks publishing; `tier` is a slug, or "" for all."""

    level: Literal["error", "warning"]
    tier: str
    message: str


def lint(
    *,
    policy: Policy,
    known_groups: Mapping[str, int],
    with_passkey: Mapping[str, Set[int]] | None = None,
) -> tuple[Finding, ...]:
    """
    Returns everything that is wrong or doubtful, tier by tier; empty is good.

    `known_groups` maps each group of the tenant to the number of people in it who
    could approve today (human and active), `with_passkey` to those among them, by any
    number, who have a passkey that may approve; without it nothing is said of passkeys.
    """
    if not policy.tiers:
        return (Finding("error", "", "the policy has no tiers"),)
    findings = [*_order(policy=policy)]
    for tier in policy.tiers:
        findings += _requirements(tier=tier, known_groups=known_groups)
        if with_passkey is not None:
            findings += _passkeys(tier=tier, with_passkey=with_passkey)
        findings += _ttl_choices(tier=tier)
        findings += _limits(tier=tier)
        findings += _patterns(tier=tier)
    return tuple(findings)


def _order(*, policy: Policy) -> Iterator[Finding]:
    """What only shows when the tiers are read together."""
    seen: set[str] = set()
    open_tier = ""
    for tier in policy.tiers:
        if tier.slug in seen:
            yield _error(tier=tier, message="another tier has the same slug")
        seen.add(tier.slug)
        if open_tier:
            message = f"never reached: the earlier tier {open_tier} matches everything"
            yield _error(tier=tier, message=message)
        elif tier.match.is_open:
            open_tier = tier.slug
    last = policy.tiers[-1]
    if not last.match.is_open:
        message = (
            "the last tier has criteria: what matches no tier falls to the "
            f"strictest one, {policy.tiers[0].slug}"
        )
        yield _warning(tier=last, message=message)


def _requirements(*, tier: Tier, known_groups: Mapping[str, int]) -> Iterator[Finding]:
    if not tier.requirements:
        yield _error(tier=tier, message="nobody is required to approve")
    needed: dict[str, int] = {}
    for requirement in tier.requirements:
        group, count = requirement.group, requirement.count
        if count < 1:
            message = f"{count} people are required from {group}: require at least 1"
            yield _error(tier=tier, message=message)
        needed[group] = needed.get(group, 0) + max(0, count)
    for group, count in needed.items():
        if group not in known_groups:
            yield _error(tier=tier, message=f"there is no group {group}")
        elif known_groups[group] < count:
            members = known_groups[group]
            message = (
                f"{group} has {members} {'member' if members == 1 else 'members'} "
                f"but {count} {'is' if count == 1 else 'are'} needed: "
                "nobody could approve"
            )
            yield _warning(tier=tier, message=message)


def _passkeys(*, tier: Tier, with_passkey: Mapping[str, Set[int]]) -> Iterator[Finding]:
    """Where passkeys are asked for and too few have one, nobody could approve."""
    if tier.passkey_required:
        for need in tier.requirements:
            have = len(with_passkey.get(need.group, frozenset()))
            if have < need.count:
                message = (
                    f"each approval needs a passkey, and {have} of {need.group} "
                    f"{'has' if have == 1 else 'have'} one that can approve, but "
                    f"{need.count} {'is' if need.count == 1 else 'are'} needed"
                )
                yield _warning(tier=tier, message=message)
    if not tier.offline_quorum:
        return
    groups = {need.group for need in tier.requirements}
    have = len(set().union(*(with_passkey.get(g, frozenset()) for g in groups)))
    needed = sum(need.count for need in tier.requirements) + FURTHER_APPROVERS
    if have < needed:
        message = (
            f"while signing is down {needed} people with passkeys are needed, and "
            f"{have} {'has' if have == 1 else 'have'} one that can approve"
        )
        yield _warning(tier=tier, message=message)
    if tier.ttl_choices and min(tier.ttl_choices) > OFFLINE_TTL:
        message = (
            f"while signing is down a bypass lasts {in_words(OFFLINE_TTL)} at most: "
            "offer a time that short"
        )
        yield _warning(tier=tier, message=message)


def _ttl_choices(*, tier: Tier) -> Iterator[Finding]:
    if not tier.ttl_choices:
        yield _error(tier=tier, message="no times are offered")
    if len(set(tier.ttl_choices)) != len(tier.ttl_choices):
        yield _error(tier=tier, message="a time is offered twice")
    for ttl in tier.ttl_choices:
        if not MINIMUM_TTL <= ttl <= MAXIMUM_TTL:
            message = (
                f"a time of {in_words(ttl)} is offered: stay between "
                f"{in_words(MINIMUM_TTL)} and {in_words(MAXIMUM_TTL)}"
            )
            yield _error(tier=tier, message=message)
        elif ttl % timedelta(minutes=1):
            message = f"a time of {in_words(ttl)} is offered: use whole minutes"
            yield _error(tier=tier, message=message)


def _limits(*, tier: Tier) -> Iterator[Finding]:
    if tier.pending_for <= timedelta(0):
        message = "requests lapse at once: let them wait for some time"
        yield _error(tier=tier, message=message)
    if tier.postmortem_days < 1:
        message = "the post-mortem needs at least 1 business day"
        yield _error(tier=tier, message=message)
    if tier.max_deploys is not None and tier.max_deploys < 1:
        message = "a limit of no deploys grants nothing: allow 1, or set no limit"
        yield _error(tier=tier, message=message)
    limit = tier.max_active_per_service
    if limit is not None and limit < 1:
        message = "a limit of no active grants grants nothing: allow 1, or set none"
        yield _error(tier=tier, message=message)


def _patterns(*, tier: Tier) -> Iterator[Finding]:
    for criterion, pattern in _listed(match=tier.match):
        if not pattern:
            yield _error(tier=tier, message=f"an empty pattern among {criterion}")
        elif _PATTERN.fullmatch(pattern) is None:
            message = (
                f"the pattern {pattern[:40]!a} among {criterion} can match "
                "nothing: use ASCII letters, digits, . _ / : @ + - and *"
            )
            yield _error(tier=tier, message=message)


def _listed(*, match: Match) -> Iterator[tuple[str, str]]:
    for criterion, patterns in (
        ("gates", match.gates),
        ("services", match.services),
        ("branches", match.branches),
        ("environments", match.environments),
        ("data classes", match.data_classes),
    ):
        for pattern in patterns:
            yield criterion, pattern


def _error(*, tier: Tier, message: str) -> Finding:
    return Finding("error", tier.slug, message)


def _warning(*, tier: Tier, message: str) -> Finding:
    return Finding("warning", tier.slug, message)
