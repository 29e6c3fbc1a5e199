"""Patterns and scopes against slow but obvious readings of the same rule."""

from hypothesis import given
from hypothesis import strategies as st

from breakglass.rules.scopes import Scope, covers, match_glob

PATTERNS = st.text(alphabet="ab/*", max_size=9)
VALUES = st.text(alphabet="ab/", max_size=9)
PARTS = st.sampled_from(["", "a", "A", "b", "*"])
SCOPES = st.builds(Scope, gate=PARTS, service=PARTS, branch=PARTS, artifact=PARTS)


def obviously_matches(pattern, value):
    """The definition, with all its exponential cost."""
    wanted, found = pattern.split("/"), value.split("/")
    return len(wanted) == len(found) and all(
        segment_matches(*pair) for pair in zip(wanted, found, strict=True)
    )


def segment_matches(pattern, value):
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(
            segment_matches(pattern[1:], value[i:]) for i in range(len(value) + 1)
        )
    return value[:1] == pattern[0] and segment_matches(pattern[1:], value[1:])


@given(pattern=PATTERNS, value=VALUES)
def test_matching_agrees_with_the_definition(pattern, value):
    expected = obviously_matches(pattern, value)
    assert match_glob(pattern=pattern, value=value) is expected


@given(
    pattern=st.text(alphabet="ab/.\u00e9", max_size=6),
    value=st.text(alphabet="ab/.\u00e9", max_size=6),
)
def test_a_pattern_without_stars_matches_itself_alone(pattern, value):
    same = pattern == value and value.isascii()
    assert match_glob(pattern=pattern, value=value) is same
    assert match_glob(pattern=pattern, value=pattern) is pattern.isascii()


class Counted(str):
    """Text that counts how often a character of it is looked at."""

    __slots__ = ("looks",)

    def __new__(cls, text):
        counted = super().__new__(cls, text)
        counted.looks = 0
        return counted

    def __getitem__(self, index):
        self.looks += 1
        return super().__getitem__(index)


def looks(pattern, value):
    counted_pattern, counted_value = Counted(pattern), Counted(value)
    match_glob(pattern=counted_pattern, value=counted_value)
    return counted_pattern.looks + counted_value.looks


def most_looks(pattern, value):
    return 4 * (len(pattern) + 1) * (len(value) + 1)


@given(
    pattern=st.text(alphabet="a*/", max_size=60),
    value=st.text(alphabet="ab/", max_size=60),
)
def test_matching_takes_at_most_length_times_length_steps(pattern, value):
    assert looks(pattern, value) <= most_looks(pattern, value)


def test_the_patterns_that_blow_up_a_regex_stay_cheap():
    for pattern, value in [
        ("*a" * 100 + "b", "a" * 200),
        ("*" * 199 + "b", "a" * 200),
        ("a*" * 100 + "/b", "a" * 200),
        ("*aaaaaaaaaab", "a" * 200),
        ("/".join(["*a*a*b"] * 20), "/".join(["a" * 9] * 20)),
    ]:
        assert not match_glob(pattern=pattern, value=value)
        assert looks(pattern, value) <= most_looks(pattern, value)
    many_stars = ("*a" * 200, "a" * 5000)
    assert looks(*many_stars) <= 10 * (400 + 5000)


@given(granted=SCOPES, asked=SCOPES)
def test_a_grant_covers_only_what_it_names_or_leaves_open(granted, asked):
    if covers(granted=granted, asked=asked):
        assert granted.gate == asked.gate != ""
        assert granted.service == asked.service != ""
        assert granted.branch in ("", asked.branch)
        assert granted.artifact in ("", asked.artifact)


@given(granted=SCOPES, asked=SCOPES)
def test_leaving_a_part_open_never_covers_less(granted, asked):
    wider = Scope(granted.gate, granted.service, "", granted.artifact)
    if covers(granted=granted, asked=asked):
        assert covers(granted=wider, asked=asked)
