"""Reads a policy before it is published and says what is wrong with it."""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from breakglass.rules.outage import FURTHER_APPROVERS
from breakglass.rules.tiers import Match, Policy, Tier, covers
from breakglass.rules.window import MAXIMUM_TTL, MINIMUM_TTL, in_words
from breakglass.texts import Text, plural, text

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
        return (Finding("error", "", text("the policy has no tiers")),)
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
            yield _error(tier=tier, message=text("another tier has the same slug"))
        seen.add(tier.slug)
        if open_tier:
            message = text(
                "never reached: the earlier tier %(tier)s matches everything",
                tier=open_tier,
            )
            yield _error(tier=tier, message=message)
        else:
            yield from _shadowed(policy=policy, tier=tier)
            if tier.match.is_open:
                open_tier = tier.slug
    last = policy.tiers[-1]
    if not last.match.is_open:
        message = text(
            "the last tier has criteria: what matches no tier falls to the "
            "strictest one, %(tier)s",
            tier=policy.tiers[0].slug,
        )
        yield _warning(tier=last, message=message)


def _shadowed(*, policy: Policy, tier: Tier) -> Iterator[Finding]:
    """A tier whose every request an earlier one takes is never reached."""
    for earlier in policy.tiers:
        if earlier is tier:
            return
        if covers(match=earlier.match, other=tier.match):
            message = text(
                "never reached: the earlier tier %(tier)s matches all that it does",
                tier=earlier.slug,
            )
            yield _error(tier=tier, message=message)
            return


def _requirements(*, tier: Tier, known_groups: Mapping[str, int]) -> Iterator[Finding]:
    if not tier.requirements:
        yield _error(tier=tier, message=text("nobody is required to approve"))
    needed: dict[str, int] = {}
    for requirement in tier.requirements:
        group, count = requirement.group, requirement.count
        if count < 1:
            message = text(
                "%(count)s people are required from %(group)s: require at least 1",
                count=count,
                group=group,
            )
            yield _error(tier=tier, message=message)
        needed[group] = needed.get(group, 0) + max(0, count)
    for group, count in needed.items():
        if group not in known_groups:
            yield _error(
                tier=tier, message=text("there is no group %(group)s", group=group)
            )
        elif known_groups[group] < count:
            members = known_groups[group]
            message = text(
                "%(group)s has %(members)s but %(needed)s: nobody could approve",
                group=group,
                members=plural("%(count)s member", "%(count)s members", count=members),
                needed=_are_needed(count),
            )
            yield _warning(tier=tier, message=message)


def _passkeys(*, tier: Tier, with_passkey: Mapping[str, Set[int]]) -> Iterator[Finding]:
    """Where passkeys are asked for and too few have one, nobody could approve."""
    if tier.passkey_required:
        for need in tier.requirements:
            have = len(with_passkey.get(need.group, frozenset()))
            if have < need.count:
                message = plural(
                    "each approval needs a passkey, and %(count)s of %(group)s has "
                    "one that can approve, but %(needed)s",
                    "each approval needs a passkey, and %(count)s of %(group)s have "
                    "one that can approve, but %(needed)s",
                    count=have,
                    group=need.group,
                    needed=_are_needed(need.count),
                )
                yield _warning(tier=tier, message=message)
    if not tier.offline_quorum:
        return
    groups = {need.group for need in tier.requirements}
    have = len(set().union(*(with_passkey.get(g, frozenset()) for g in groups)))
    needed = sum(need.count for need in tier.requirements) + FURTHER_APPROVERS
    if have < needed:
        message = plural(
            "while signing is down %(needed)s people with passkeys are needed, and "
            "%(count)s has one that can approve",
            "while signing is down %(needed)s people with passkeys are needed, and "
            "%(count)s have one that can approve",
            count=have,
            needed=needed,
        )
        yield _warning(tier=tier, message=message)
    if tier.ttl_choices and min(tier.ttl_choices) > OFFLINE_TTL:
        message = text(
            "while signing is down a bypass lasts %(length)s at most: offer a time "
            "that short",
            length=in_words(OFFLINE_TTL),
        )
        yield _warning(tier=tier, message=message)


def _ttl_choices(*, tier: Tier) -> Iterator[Finding]:
    if not tier.ttl_choices:
        yield _error(tier=tier, message=text("no times are offered"))
    if len(set(tier.ttl_choices)) != len(tier.ttl_choices):
        yield _error(tier=tier, message=text("a time is offered twice"))
    for ttl in tier.ttl_choices:
        if not MINIMUM_TTL <= ttl <= MAXIMUM_TTL:
            message = text(
                "a time of %(length)s is offered: stay between %(least)s and %(most)s",
                length=in_words(ttl),
                least=in_words(MINIMUM_TTL),
                most=in_words(MAXIMUM_TTL),
            )
            yield _error(tier=tier, message=message)
        elif ttl % timedelta(minutes=1):
            message = text(
                "a time of %(length)s is offered: use whole minutes",
                length=in_words(ttl),
            )
            yield _error(tier=tier, message=message)


def _limits(*, tier: Tier) -> Iterator[Finding]:
    if tier.pending_for <= timedelta(0):
        message = text("requests lapse at once: let them wait for some time")
        yield _error(tier=tier, message=message)
    if tier.postmortem_days < 1:
        message = text("the post-mortem needs at least 1 business day")
        yield _error(tier=tier, message=message)
    if tier.max_deploys is not None and tier.max_deploys < 1:
        message = text("a limit of no deploys grants nothing: allow 1, or set no limit")
        yield _error(tier=tier, message=message)
    limit = tier.max_active_per_service
    if limit is not None and limit < 1:
        message = text(
            "a limit of no active grants grants nothing: allow 1, or set none"
        )
        yield _error(tier=tier, message=message)


def _patterns(*, tier: Tier) -> Iterator[Finding]:
    for criterion, pattern in _listed(match=tier.match):
        if not pattern:
            message = text("an empty pattern among %(criterion)s", criterion=criterion)
            yield _error(tier=tier, message=message)
        elif _PATTERN.fullmatch(pattern) is None:
            message = text(
                "the pattern %(pattern)s among %(criterion)s can match nothing: use "
                "ASCII letters, digits, . _ / : @ + - and *",
                pattern=ascii(pattern[:40]),
                criterion=criterion,
            )
            yield _error(tier=tier, message=message)


def _listed(*, match: Match) -> Iterator[tuple[str, str]]:
    for criterion, patterns in (
        (text("gates"), match.gates),
        (text("services"), match.services),
        (text("branches"), match.branches),
        (text("environments"), match.environments),
        (text("data classes"), match.data_classes),
    ):
        for pattern in patterns:
            yield criterion, pattern


def _are_needed(count: int) -> Text:
    return plural("%(count)s is needed", "%(count)s are needed", count=count)


def _error(*, tier: Tier, message: str) -> Finding:
    return Finding("error", tier.slug, message)


def _warning(*, tier: Tier, message: str) -> Finding:
    return Finding("warning", tier.slug, message)
