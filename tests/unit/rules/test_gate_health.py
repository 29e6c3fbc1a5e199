"""What a gate's figures say, with the numbers worked out by hand."""

import pytest

from breakglass.rules.gate_health import (
    BLAMED,
    OFTEN,
    REPEATED,
    UNUSED,
    Figures,
    Repeat,
    Thresholds,
    breaches,
    repeats_from,
)

QUIET = Thresholds(bypasses_per_100=0, scope_repeats=0, unused=0, blamed_percent=0)


def kinds(figures, **thresholds):
    wanted = Thresholds(**{**vars_of(QUIET), **thresholds})
    return [breach.kind for breach in breaches(figures=figures, thresholds=wanted)]


def vars_of(thresholds):
    return {name: getattr(thresholds, name) for name in thresholds.__dataclass_fields__}


@pytest.mark.parametrize(
    ("bypasses", "admitted", "enforced", "tenths"),
    [
        (1, 1, 2, 333),  # 1 of 3
        (2, 0, 3, 667),  # 66.66… is rounded up
        (1, 0, 800, 1),  # 0.125 is rounded down
        (1, 0, 400, 3),  # 0.25: half is rounded up
        (0, 5, 0, 0),
        (3, 2, 0, 1500),  # two of three were never used
        (3, 0, 0, None),  # nothing was seen, so there is no rate
    ],
)
def test_the_rate_is_in_tenths_per_hundred(bypasses, admitted, enforced, tenths):
    seen = Figures(bypasses=bypasses, admitted=admitted, enforced=enforced)
    assert seen.tenths_per_100 == tenths


@pytest.mark.parametrize(
    ("bypasses", "deploys", "found"),
    [(2, 20, True), (1, 20, False), (2, 21, False), (2, 19, False), (3, 30, True)],
)
def test_a_gate_is_bypassed_often_from_its_threshold_on_and_with_enough_deploys(
    bypasses, deploys, found
):
    figures = Figures(bypasses=bypasses, enforced=deploys)
    said = kinds(figures, bypasses_per_100=10, minimum_deploys=20)
    assert said == ([OFTEN] if found else [])


def test_no_deploys_at_all_are_no_rate_even_when_none_are_asked_for():
    assert kinds(Figures(bypasses=9), bypasses_per_100=1, minimum_deploys=0) == []


def test_only_services_bypassed_often_enough_repeat_and_the_worst_is_named():
    repeats = [Repeat("b", "", 3), Repeat("a", "main", 3), Repeat("c", "", 2)]
    assert repeats_from(repeats=repeats, at_least=3) == (repeats[1], repeats[0])
    assert repeats_from(repeats=repeats, at_least=0) == ()
    [breach] = breaches(
        figures=Figures(repeats=repeats),
        thresholds=Thresholds(**{**vars_of(QUIET), "scope_repeats": 3}),
    )
    assert breach.kind == REPEATED
    assert breach.details == {
        "service": "a",
        "branch": "main",
        "bypasses": 3,
        "services": 2,
        "threshold": 3,
        "days": 30,
    }


@pytest.mark.parametrize(("unused", "found"), [(2, []), (3, [UNUSED])])
def test_bypasses_that_nobody_used_count_from_the_threshold_on(unused, found):
    assert kinds(Figures(closed=5, unused=unused), unused=3) == found


@pytest.mark.parametrize(
    ("blamed", "partly", "cleared", "found"),
    [
        (1, 1, 2, True),  # 2 of 4 is half
        (1, 0, 2, False),  # 1 of 3
        (2, 0, 0, False),  # two are too few to say
        (0, 3, 0, True),  # partly counts
        (0, 0, 3, False),
    ],
)
def test_a_gate_is_blamed_by_enough_of_enough_post_mortems(
    blamed, partly, cleared, found
):
    figures = Figures(blamed=blamed, partly=partly, cleared=cleared)
    said = kinds(figures, blamed_percent=50, minimum_postmortems=3)
    assert said == ([BLAMED] if found else [])


def test_no_answers_are_no_share_even_when_none_are_asked_for():
    assert kinds(Figures(), blamed_percent=1, minimum_postmortems=0) == []
    assert Figures().blamed_percent is None


def test_zero_switches_each_of_them_off():
    worst = Figures(
        bypasses=9,
        closed=9,
        unused=9,
        admitted=9,
        enforced=90,
        blamed=9,
        repeats=[Repeat("a", "", 9)],
    )
    assert len(breaches(figures=worst, thresholds=Thresholds())) == 3  # 9 of 99 is not
    assert kinds(worst) == []
