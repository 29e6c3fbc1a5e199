"""What differs between two versions of a policy."""

import pytest

from breakglass.rules.policies import lint
from breakglass.rules.policy_changes import FieldChange, Kind, changes
from breakglass.rules.tiers import Impact, Match
from tests.unit.rules.make import HOUR, MINUTE, needs, policy, tier


def found(before, after):
    old = policy(*before) if before else None
    return [
        (one.kind, one.tier.slug, one.is_moved, [field.name for field in one.fields])
        for one in changes(before=old, after=policy(*after))
    ]


def test_the_same_tiers_differ_in_nothing():
    assert found([tier("high"), tier("low")], [tier("high"), tier("low")]) == []


def test_without_a_version_before_every_tier_is_new():
    assert found(None, [tier("low")]) == [(Kind.ADDED, "low", False, [])]


def test_tiers_come_and_go():
    assert found([tier("a"), tier("low")], [tier("b"), tier("low")]) == [
        (Kind.ADDED, "b", False, []),
        (Kind.REMOVED, "a", False, []),
    ]


def test_only_what_has_to_move_is_said_to_have_moved():
    a, b, c, d = (tier(slug) for slug in "abcd")
    assert found([a, b, c, d], [d, a, b, c]) == [(Kind.CHANGED, "d", True, [])]
    (only,) = changes(before=policy(a, b, c, d), after=policy(d, a, b, c))
    assert (only.place_before, only.place_after) == (4, 1)


def test_a_new_tier_in_front_moves_nobody():
    assert found([tier("a"), tier("b")], [tier("x"), tier("a"), tier("b")]) == [
        (Kind.ADDED, "x", False, [])
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "Other"),
        ("requirements", needs(peers=2)),
        ("ttl_choices", (HOUR,)),
        ("pending_for", HOUR),
        ("remind_after", 5 * MINUTE),
        ("max_deploys", 3),
        ("digest_required", True),
        ("max_active_per_service", 1),
        ("postmortem_days", 2),
        ("passkey_required", True),
        ("offline_quorum", True),
    ],
)
def test_every_field_of_a_tier_is_compared(name, value):
    before = tier("low")
    after = tier("low", **{name: value})
    (change,) = changes(before=policy(before), after=policy(after))
    assert change.fields == (FieldChange(name, getattr(before, name), value),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("minimum_impact", Impact.HIGH),
        ("gates", ("x",)),
        ("services", ("x",)),
        ("branches", ("x",)),
        ("environments", ("x",)),
        ("data_classes", ("x",)),
    ],
)
def test_every_criterion_of_a_tier_is_compared(name, value):
    after = tier("low", match=Match(**{name: value}))
    (change,) = changes(before=policy(tier("low")), after=policy(after))
    (field,) = change.fields
    assert (field.name, field.after) == (name, value)


def test_the_order_of_patterns_and_groups_says_nothing():
    one = tier(match=Match(gates=("a", "b")), requirements=needs(x=1, y=2))
    two = tier(match=Match(gates=("b", "a")), requirements=needs(y=2, x=1))
    assert found([one], [two]) == []


@pytest.mark.parametrize(
    ("earlier", "later", "is_dead"),
    [
        (Match(gates=("prod-*",)), Match(gates=("prod-deploy",)), True),
        (Match(gates=("prod-*",)), Match(gates=("prod-*",), services=("a",)), True),
        (
            Match(gates=("a", "b")),
            Match(gates=("b",), minimum_impact=Impact.HIGH),
            True,
        ),
        (Match(gates=("a",)), Match(gates=("a", "b")), False),
        (Match(gates=("a",)), Match(services=("a",)), False),
        (Match(gates=("prod-deploy",)), Match(gates=("prod-*",)), False),
        (Match(gates=("a",), minimum_impact=Impact.HIGH), Match(gates=("a",)), False),
        (Match(services=("pay/*",)), Match(services=("pay/a/b",)), False),
    ],
)
def test_a_tier_is_never_reached_where_an_earlier_one_always_wins(
    earlier, later, is_dead
):
    tried = policy(tier("a", match=earlier), tier("b", match=later), tier("c"))
    said = lint(policy=tried, known_groups={"peers": 3})
    assert [f.tier for f in said if "never reached" in f.message] == (
        ["b"] if is_dead else []
    )
    assert all(f.level == "error" for f in said)
