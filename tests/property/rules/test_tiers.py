"""Whatever the policy, the requester's choices only raise the tier."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from breakglass.rules.scopes import Scope, match_glob
from breakglass.rules.tiers import Impact, Match, Target, select_tier
from tests.unit.rules.make import policy, tier

PATTERNS = st.lists(
    st.sampled_from(["a", "b", "*", "a/*", "*/b"]), max_size=2, unique=True
).map(tuple)
VALUES = st.sampled_from(["a", "b", "c", "a/b", "c/b", "a/b/c"])
MATCHES = st.builds(
    Match,
    minimum_impact=st.sampled_from([None, *Impact]),
    gates=PATTERNS,
    services=PATTERNS,
    branches=PATTERNS,
    environments=PATTERNS,
    data_classes=PATTERNS,
)
# Sparse ones too, so that tiers match often enough to be interesting.
SPARSE = st.builds(
    Match, minimum_impact=st.sampled_from([None, *Impact]), branches=PATTERNS
)
POLICIES = st.lists(MATCHES | SPARSE, min_size=1, max_size=4).map(
    lambda matches: policy(
        *(tier(f"tier-{n}", match=match) for n, match in enumerate(matches))
    )
)
TARGETS = st.builds(
    Target,
    scope=st.builds(
        Scope,
        gate=VALUES,
        service=VALUES,
        branch=VALUES | st.just(""),
        artifact=st.just(""),
    ),
    environment=VALUES | st.just(""),
    data_class=VALUES | st.just(""),
)


def rank(rules, target, impact):
    """0 is the strictest tier."""
    chosen = select_tier(policy=rules, target=target, impact=impact)
    assert chosen.reasons
    return rules.tiers.index(chosen.tier)


@given(rules=POLICIES, target=TARGETS, impact=st.sampled_from(Impact))
def test_every_request_gets_a_tier_of_the_policy(rules, target, impact):
    assert 0 <= rank(rules, target, impact) < len(rules.tiers)


@given(rules=POLICIES, target=TARGETS)
def test_raising_the_impact_never_lowers_the_tier(rules, target):
    assert rank(rules, target, Impact.HIGH) <= rank(rules, target, Impact.LOW)


@given(rules=POLICIES, target=TARGETS, impact=st.sampled_from(Impact))
def test_asking_for_any_branch_never_lowers_the_tier(rules, target, impact):
    wider = replace(target, scope=replace(target.scope, branch=""))
    assert rank(rules, wider, impact) <= rank(rules, target, impact)


def holds(match, target, impact):
    """The criteria once more, written the long way."""
    scope = target.scope
    pairs = [
        (match.gates, scope.gate),
        (match.services, scope.service),
        (match.environments, target.environment),
        (match.data_classes, target.data_class),
    ]
    if scope.branch:
        pairs.append((match.branches, scope.branch))
    return (match.minimum_impact is not Impact.HIGH or impact is Impact.HIGH) and all(
        not patterns or any(match_glob(pattern=one, value=value) for one in patterns)
        for patterns, value in pairs
    )


@given(rules=POLICIES, target=TARGETS, impact=st.sampled_from(Impact))
def test_with_a_catch_all_at_the_end_the_first_match_wins(rules, target, impact):
    closed = policy(*rules.tiers, tier("rest"))
    first = next(
        number
        for number, one in enumerate(closed.tiers)
        if holds(one.match, target, impact)
    )
    assert rank(closed, target, impact) == first
