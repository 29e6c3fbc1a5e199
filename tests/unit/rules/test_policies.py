"""What is said about a policy before it is published."""

from datetime import timedelta

import pytest

from breakglass.rules.policies import Finding, lint
from breakglass.rules.tiers import Impact, Match, Requirement
from tests.unit.rules.make import HOUR, MINUTE, needs, policy, tier

GROUPS = {"peers": 3, "seniors": 1}


def findings(*tiers, groups=GROUPS):
    return lint(policy=policy(*tiers), known_groups=groups)


def only(*tiers):
    (finding,) = findings(*tiers)
    return finding


def test_a_sound_policy_has_no_findings():
    high = tier("high", match=Match(minimum_impact=Impact.HIGH, gates=("prod-*",)))
    assert findings(high, tier("low")) == ()


def test_a_policy_without_tiers_is_an_error():
    assert findings() == (Finding("error", "", "the policy has no tiers"),)


def test_two_tiers_with_one_slug_are_an_error():
    special = tier("low", match=Match(gates=("x",)))
    found = only(special, tier("low"))
    assert (found.level, found.tier) == ("error", "low")
    assert "same slug" in found.message


def test_a_tier_that_requires_nobody_is_an_error():
    found = only(tier(requirements=()))
    assert found.level == "error"
    assert "nobody is required" in found.message


def test_an_unknown_group_is_an_error():
    found = only(tier(requirements=needs(ghosts=1)))
    assert found == Finding("error", "low", "there is no group ghosts")


def test_a_group_that_is_too_small_is_a_warning():
    found = only(tier(requirements=needs(seniors=2)))
    assert found.level == "warning"
    assert found.message == (
        "seniors has 1 member but 2 are needed: nobody could approve"
    )


def test_a_group_of_exactly_the_needed_size_is_fine():
    assert findings(tier(requirements=needs(seniors=1, peers=3))) == ()


def test_an_empty_group_is_a_warning():
    (found,) = findings(tier(), groups={"peers": 0})
    assert found.message == "peers has 0 members but 1 is needed: nobody could approve"


def test_a_group_required_twice_needs_people_for_both():
    twice = (Requirement("seniors", 1), Requirement("seniors", 1))
    assert "2 are needed" in only(tier(requirements=twice)).message


@pytest.mark.parametrize("count", [0, -2])
def test_a_count_below_one_is_an_error(count):
    found = only(tier(requirements=needs(peers=count)))
    assert found.level == "error"
    assert "at least 1" in found.message


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ((), "no times are offered"),
        ((timedelta(0),), "between 1 minute and 4 hours"),
        ((-HOUR,), "between 1 minute and 4 hours"),
        ((timedelta(seconds=59),), "between 1 minute and 4 hours"),
        ((HOUR, 4 * HOUR + MINUTE), "a time of 4 hours 1 minute is offered"),
        ((timedelta(seconds=90),), "whole minutes"),
        ((MINUTE + timedelta(microseconds=1),), "whole minutes"),
        ((HOUR, 60 * MINUTE), "offered twice"),
    ],
)
def test_a_bad_list_of_times_is_an_error(choices, words):
    found = only(tier(ttl_choices=choices))
    assert found.level == "error"
    assert words in found.message


def test_the_shortest_and_the_longest_time_may_be_offered():
    assert findings(tier(ttl_choices=(MINUTE, 4 * HOUR))) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"pending_for": timedelta(0)},
        {"pending_for": -HOUR},
        {"postmortem_days": 0},
        {"postmortem_days": -1},
        {"max_deploys": 0},
        {"max_active_per_service": 0},
    ],
)
def test_a_limit_that_leaves_nothing_is_an_error(change):
    found = only(tier(**change))
    assert (found.level, found.tier) == ("error", "low")


def test_limits_of_one_are_fine():
    smallest = tier(
        pending_for=MINUTE, postmortem_days=1, max_deploys=1, max_active_per_service=1
    )
    assert findings(smallest) == ()


@pytest.mark.parametrize(
    "match", [Match(gates=("x",)), Match(minimum_impact=Impact.HIGH)]
)
def test_a_last_tier_with_criteria_is_a_warning(match):
    found = only(tier("first", match=Match(gates=("y",))), tier("last", match=match))
    assert (found.level, found.tier) == ("warning", "last")
    assert "falls to the strictest one, first" in found.message


@pytest.mark.parametrize("match", [Match(), Match(minimum_impact=Impact.LOW)])
def test_a_tier_after_one_that_matches_everything_is_an_error(match):
    first = tier("first", match=match)
    found = only(first, tier("second"))
    assert (found.level, found.tier) == ("error", "second")
    assert "earlier tier first matches everything" in found.message
    assert len(findings(first, tier("second"), tier("third"))) == 2


@pytest.mark.parametrize(
    "criterion", ["gates", "services", "branches", "environments", "data_classes"]
)
@pytest.mark.parametrize(
    "pattern",
    ["", " ", "a b", "[a]", "a?", "caf\u00e9", "a\n", "-a", "{a,b}", "a" * 201],
)
def test_a_malformed_pattern_is_an_error(criterion, pattern):
    special = tier("special", match=Match(**{criterion: ("good", pattern)}))
    found = only(special, tier("low"))
    assert (found.level, found.tier) == ("error", "special")
    assert "pattern" in found.message
    assert found.message.isascii()
    assert len(found.message) < 200


def test_an_empty_pattern_is_called_empty():
    found = only(tier("x", match=Match(branches=("",))), tier("low"))
    assert found.message == "an empty pattern among branches"


@pytest.mark.parametrize("pattern", ["*", "prod-*", "*/main", "release/*", "a.b+c@d:e"])
def test_a_good_pattern_is_fine(pattern):
    assert findings(tier("x", match=Match(branches=(pattern,))), tier("low")) == ()


def test_a_fallback_that_too_few_could_use_is_a_warning():
    allows = tier(requirements=needs(peers=2), offline_quorum=True)

    groups = {"peers": 3}
    enough = lint(
        policy=policy(allows), known_groups=groups, with_passkey={"peers": {1, 2, 3}}
    )
    short = lint(
        policy=policy(allows), known_groups=groups, with_passkey={"peers": {1, 2}}
    )

    assert enough == ()
    assert [(f.level, f.tier) for f in short] == [("warning", "low")]
    assert "3 people with passkeys are needed" in short[0].message
