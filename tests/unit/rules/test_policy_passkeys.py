"""A policy that asks for passkeys says who could not approve."""

from datetime import timedelta

from breakglass.rules.policies import lint
from tests.unit.rules.make import HOUR, needs, policy, tier

GROUPS = {"peers": 3, "seniors": 2}


def messages(made, **with_passkey):
    found = lint(policy=policy(made), known_groups=GROUPS, with_passkey=with_passkey)
    assert {finding.level for finding in found} <= {"warning"}
    return [finding.message for finding in found]


def test_a_tier_that_asks_for_no_passkey_says_nothing_about_them():
    assert messages(tier(requirements=needs(peers=2))) == []


def test_too_few_people_with_a_passkey_are_a_warning_for_each_group():
    made = tier(requirements=needs(peers=2, seniors=1), passkey_required=True)

    (message,) = messages(made, peers={1}, seniors={7})
    assert message == (
        "each approval needs a passkey, and 1 of peers has one that can approve, "
        "but 2 are needed"
    )
    assert len(messages(made)) == 2
    assert messages(made, peers={1, 2}, seniors={7}) == []


def test_the_fallback_needs_one_person_more_with_a_passkey():
    made = tier(requirements=needs(peers=1, seniors=1), offline_quorum=True)

    (message,) = messages(made, peers={1, 2}, seniors={2})
    assert message == (
        "while signing is down 3 people with passkeys are needed, and 2 have one that "
        "can approve"
    )
    assert messages(made, peers={1, 2}, seniors={3}) == []


def test_the_fallback_lasts_an_hour_so_a_tier_of_longer_times_is_a_warning():
    made = tier(offline_quorum=True, ttl_choices=(4 * HOUR,))
    (message,) = messages(made, peers={1, 2})
    assert "lasts 1 hour at most" in message

    short = tier(offline_quorum=True, ttl_choices=(timedelta(minutes=60),))
    assert messages(short, peers={1, 2}) == []
