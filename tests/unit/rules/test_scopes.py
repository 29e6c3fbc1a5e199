"""Which questions a grant answers, and which values a pattern matches."""

import pytest

from breakglass.rules.scopes import covers, match_glob
from tests.unit.rules.make import DIGEST, scope


def test_a_grant_covers_its_own_scope():
    exact = scope(branch="hotfix/oom", artifact=DIGEST)
    assert covers(granted=exact, asked=exact)


def test_an_empty_branch_or_artifact_of_the_grant_means_any():
    asked = scope(branch="main", artifact=DIGEST)
    assert covers(granted=scope(), asked=asked)
    assert covers(granted=scope(branch="main"), asked=asked)
    assert covers(granted=scope(artifact=DIGEST), asked=asked)
    assert covers(granted=scope(), asked=scope())


@pytest.mark.parametrize("part", ["gate", "service", "branch", "artifact"])
def test_a_different_value_in_any_part_is_not_covered(part):
    full = {"gate": "g", "service": "s", "branch": "b", "artifact": "a"}
    other = {**full, part: "other"}
    assert not covers(granted=scope(**full), asked=scope(**other))
    assert not covers(
        granted=scope(**full), asked=scope(**{**full, part: full[part].upper()})
    )


@pytest.mark.parametrize("part", ["branch", "artifact"])
def test_a_question_that_leaves_out_what_is_pinned_is_not_covered(part):
    full = {"branch": "main", "artifact": DIGEST}
    assert not covers(granted=scope(**full), asked=scope(**{**full, part: ""}))


@pytest.mark.parametrize("part", ["gate", "service"])
def test_an_empty_gate_or_service_covers_nothing(part):
    broken = scope(**{part: ""})
    assert not covers(granted=broken, asked=scope())
    assert not covers(granted=broken, asked=broken)


def test_stars_in_a_grant_are_no_patterns():
    assert not covers(granted=scope(branch="*"), asked=scope(branch="main"))


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("main", "main"),
        ("*", "main"),
        ("*", ""),
        ("", ""),
        ("release/*", "release/1.2"),
        ("release/*", "release/"),
        ("*/*", "team/prod"),
        ("a*c", "abbbc"),
        ("a*c", "ac"),
        ("a*b*c", "aXbYbc"),
        ("*ab", "aab"),
        ("**", "abc"),
        ("*a/*b", "aa/bb"),
        ("x*/y", "xx/y"),
        ("a+b.c", "a+b.c"),
    ],
)
def test_a_pattern_matches(pattern, value):
    assert match_glob(pattern=pattern, value=value)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("team/*", "team/prod/db"),  # fnmatch says yes
        ("*", "team/prod"),
        ("**", "team/prod"),
        ("*/*", "team"),
        ("*/*", "a/b/c"),
        ("*/b", "a/x/b"),
        ("a*/b", "ax/by/b"),
        ("release/*", "release"),
        ("main", "Main"),
        ("main", "main2"),
        ("main", "xmain"),
        ("a*c", "acb"),
        ("a.c", "abc"),
        ("[ab]", "a"),
        ("?", "a"),
        ("", "a"),
        ("a", ""),
        ("*/", "a"),
        ("caf*", "caf\u00e9"),
        ("caf\u00e9", "caf\u00e9"),
        ("prod", "\uff50\uff52\uff4f\uff44"),
    ],
)
def test_a_pattern_does_not_match(pattern, value):
    assert not match_glob(pattern=pattern, value=value)
