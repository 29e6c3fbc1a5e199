"""
What the figures of one gate say, and which of them its owner has to answer.

A gate that is bypassed all the time guards nothing; one whose bypasses nobody uses, or
that every post-mortem blames, asks to be mended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Details = Mapping[str, str | int]

PER: Final = 100
OFTEN: Final = "bypassed_often"
REPEATED: Final = "scope_repeated"
UNUSED: Final = "bypass_unused"
BLAMED: Final = "gate_blamed"
KINDS: Final = (OFTEN, REPEATED, UNUSED, BLAMED)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on a figure is a finding; 0 switches that one off."""

    period_days: int = 30
    bypasses_per_100: int = 10
    minimum_deploys: int = 20
    scope_repeats: int = 3
    unused: int = 3
    blamed_percent: int = 50
    minimum_postmortems: int = 3


DEFAULTS: Final = Thresholds()


@dataclass(frozen=True, slots=True)
class Repeat:
    """One service that one gate was bypassed for again and again.

    `branch` is set when each of them named the same one.
    """

    service: str
    branch: str
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """
    One gate over one span.

    `admitted` deploys went through under a bypass and `enforced` ones were told to
    enforce. `blamed`, `partly` and `cleared` are the answers of published post-mortems
    to "was the gate to blame"; those without an answer are in none of them.
    """

    bypasses: int = 0
    closed: int = 0
    unused: int = 0
    admitted: int = 0
    enforced: int = 0
    blamed: int = 0
    partly: int = 0
    cleared: int = 0
    repeats: Sequence[Repeat] = ()

    @property
    def deploys(self) -> int:
        """Deploys seen: let through under a bypass, or told to enforce."""
        return self.admitted + self.enforced

    @property
    def tenths_per_100(self) -> int | None:
        """Bypasses per 100 deploys seen, in tenths; None when none was seen."""
        return _share(part=self.bypasses, whole=self.deploys, per=10 * PER)

    @property
    def answered(self) -> int:
        """Post-mortems that say whether the gate was to blame."""
        return self.blamed + self.partly + self.cleared

    @property
    def blamed_percent(self) -> int | None:
        """How many of those blame it, wholly or partly; None without an answer."""
        return _share(part=self.blamed + self.partly, whole=self.answered, per=PER)


@dataclass(frozen=True, slots=True)
class Breach:
    """One figure that is over its threshold, and what was seen."""

    kind: str
    details: Details


def repeats_from(*, repeats: Sequence[Repeat], at_least: int) -> tuple[Repeat, ...]:
    """Returns the scopes that repeat, most often first; none when switched off."""
    if not at_least:
        return ()
    return tuple(
        sorted(
            (repeat for repeat in repeats if repeat.count >= at_least),
            key=lambda repeat: (-repeat.count, repeat.service),
        )
    )


def breaches(*, figures: Figures, thresholds: Thresholds) -> tuple[Breach, ...]:
    """
    Returns what is over its threshold, in the order of KINDS.

    A rate needs enough deploys, a share enough post-mortems: one bypass of two
    deploys is 50 per 100 and says nothing.
    """
    found = (
        _often(figures=figures, thresholds=thresholds),
        _repeated(figures=figures, thresholds=thresholds),
        _unused(figures=figures, thresholds=thresholds),
        _blamed(figures=figures, thresholds=thresholds),
    )
    return tuple(breach for breach in found if breach is not None)


def _often(*, figures: Figures, thresholds: Thresholds) -> Breach | None:
    limit, tenths = thresholds.bypasses_per_100, figures.tenths_per_100
    if not limit or tenths is None or figures.deploys < thresholds.minimum_deploys:
        return None
    if figures.bypasses * PER < limit * figures.deploys:
        return None
    seen = {"bypasses": figures.bypasses, "deploys": figures.deploys}
    return _breach(kind=OFTEN, thresholds=thresholds, seen={**seen, "threshold": limit})


def _repeated(*, figures: Figures, thresholds: Thresholds) -> Breach | None:
    limit = thresholds.scope_repeats
    repeated = repeats_from(repeats=figures.repeats, at_least=limit)
    if not repeated:
        return None
    worst = repeated[0]
    return _breach(
        kind=REPEATED,
        thresholds=thresholds,
        seen={
            "service": worst.service,
            "branch": worst.branch,
            "bypasses": worst.count,
            "services": len(repeated),
            "threshold": limit,
        },
    )


def _unused(*, figures: Figures, thresholds: Thresholds) -> Breach | None:
    limit = thresholds.unused
    if not limit or figures.unused < limit:
        return None
    seen = {"unused": figures.unused, "closed": figures.closed}
    return _breach(
        kind=UNUSED, thresholds=thresholds, seen={**seen, "threshold": limit}
    )


def _blamed(*, figures: Figures, thresholds: Thresholds) -> Breach | None:
    limit, enough = thresholds.blamed_percent, thresholds.minimum_postmortems
    if not limit or not figures.answered or figures.answered < enough:
        return None
    blaming = figures.blamed + figures.partly
    if blaming * PER < limit * figures.answered:
        return None
    seen = {"blamed": blaming, "answered": figures.answered}
    return _breach(
        kind=BLAMED, thresholds=thresholds, seen={**seen, "threshold": limit}
    )


def _breach(*, kind: str, thresholds: Thresholds, seen: Details) -> Breach:
    return Breach(kind, {**seen, "days": thresholds.period_days})


def _share(*, part: int, whole: int, per: int) -> int | None:
    """Rounds half up, in whole numbers: a report must not depend on floats."""
    return (2 * part * per + whole) // (2 * whole) if whole else None
