"""Which tier a request falls into, and what the requester is told about it."""

import pytest

from breakglass.errors import PolicyViolation
from breakglass.rules.tiers import Impact, Match, select_tier
from tests.unit.rules.make import policy, target, tier

DB = tier("production-database", match=Match(data_classes=("production-database",)))
HIGH = tier("high", match=Match(minimum_impact=Impact.HIGH))
LOW = tier("low")
SHIPPED = policy(DB, HIGH, LOW)


def select(rules=SHIPPED, impact=Impact.LOW, **parts):
    return select_tier(policy=rules, target=target(**parts), impact=impact)


def test_the_first_tier_that_matches_wins():
    assert select().tier is LOW
    assert select(impact=Impact.HIGH).tier is HIGH
    assert select(data_class="production-database").tier is DB
    assert select(impact=Impact.HIGH, data_class="production-database").tier is DB


def test_high_impact_ranks_above_low_although_it_sorts_before_it():
    always = tier("always", match=Match(minimum_impact=Impact.LOW))
    assert select(policy(HIGH, always)).tier is always
    assert select(policy(always, LOW), impact=Impact.HIGH).tier is always


def test_low_impact_does_not_lower_what_the_gate_demands():
    chosen = select(data_class="production-database", impact=Impact.LOW)
    assert chosen.tier is DB
    assert chosen.reasons == ("the gate's data class is production-database",)


def test_when_nothing_matches_the_strictest_applies():
    chosen = select(policy(DB, tier("web", match=Match(services=("web-*",)))))
    assert chosen.tier is DB
    assert chosen.reasons == ("no tier matched, so the strictest applies",)


def test_a_policy_without_tiers_answers_nothing():
    with pytest.raises(PolicyViolation, match="no tiers"):
        select(policy())


@pytest.mark.parametrize(
    ("criterion", "part", "fits", "misses"),
    [
        ("gates", "gate", "prod-eu", "stage-eu"),
        ("services", "service", "prod-eu", "stage-eu"),
        ("branches", "branch", "prod-eu", "stage-eu"),
        ("environments", "environment", "prod-eu", "stage-eu"),
        ("data_classes", "data_class", "prod-eu", "stage-eu"),
    ],
)
def test_each_criterion_takes_any_of_its_patterns(criterion, part, fits, misses):
    special = tier("special", match=Match(**{criterion: ("other", "prod-*")}))
    rules = policy(special, LOW)
    assert select(rules, **{part: fits}).tier is special
    assert fits in select(rules, **{part: fits}).reasons[0]
    assert select(rules, **{part: misses}).tier is LOW


@pytest.mark.parametrize(
    "missing", ["gate", "service", "branch", "environment", "data_class", "impact"]
)
def test_every_criterion_of_a_tier_must_hold(missing):
    match = Match(
        minimum_impact=Impact.HIGH,
        gates=("x",),
        services=("x",),
        branches=("x",),
        environments=("x",),
        data_classes=("x",),
    )
    rules = policy(tier("all", match=match), LOW)
    parts = ("gate", "service", "branch", "environment", "data_class")
    asked = {**dict.fromkeys(parts, "x"), "impact": Impact.HIGH}
    assert select(rules, **asked).tier.slug == "all"
    assert len(select(rules, **asked).reasons) == 6
    other = {missing: Impact.LOW if missing == "impact" else "y"}
    assert select(rules, **{**asked, **other}).tier is LOW


def test_a_request_for_any_branch_overlaps_with_every_branch_pattern():
    release = tier("release", match=Match(branches=("release/*",)))
    chosen = select(policy(release, LOW), branch="")
    assert chosen.tier is release
    assert chosen.reasons == ("you named no branch, so release/* would be covered too",)
    assert select(policy(release, LOW), branch="main").tier is LOW


def test_high_impact_does_not_escape_the_strictest_where_low_gets_it():
    rules = policy(DB, HIGH)
    assert select(rules, impact=Impact.LOW).tier is DB
    chosen = select(rules, impact=Impact.HIGH)
    assert chosen.tier is DB
    assert chosen.reasons == (
        "no tier matches at low impact, so the strictest applies",
    )


def test_leaving_out_the_branch_does_not_escape_the_strictest():
    rules = policy(DB, tier("release", match=Match(branches=("release/*",))))
    assert select(rules, branch="main").tier is DB
    chosen = select(rules, branch="")
    assert chosen.tier is DB
    assert chosen.reasons == ("no tier matches every branch, so the strictest applies",)
    assert select(rules, branch="release/1").tier.slug == "release"


def test_the_reasons_name_the_impact_only_where_it_mattered():
    assert select(impact=Impact.HIGH).reasons == ("you chose high impact",)
    chosen = select(policy(HIGH), impact=Impact.HIGH)
    assert chosen.reasons == ("you chose high impact",)
    assert select(branch="main").reasons == ("this tier applies to every request",)
    assert select().reasons == ("this tier applies to every request",)


def test_the_patterns_of_a_tier_never_cross_a_slash():
    team = tier("team", match=Match(services=("team/*",)))
    assert select(policy(team, LOW), service="team/db").tier is team
    assert select(policy(team, LOW), service="team/prod/db").tier is LOW


def test_a_match_is_open_when_it_asks_for_nothing():
    assert Match().is_open
    assert Match(minimum_impact=Impact.LOW).is_open
    assert not Match(minimum_impact=Impact.HIGH).is_open
    for criterion in ("gates", "services", "branches", "environments", "data_classes"):
        assert not Match(**{criterion: ("x",)}).is_open
