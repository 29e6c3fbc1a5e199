"""What differs between two versions of a policy, tier by tier."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from breakglass.rules.tiers import Policy, Tier


class Kind(StrEnum):
    """What became of a tier."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One thing that a tier says otherwise than before."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class TierChange:
    """
    One tier that is new, gone, elsewhere, or says something else.

    Places are counted from 1, the strictest; `is_moved` says that it stands otherwise
    among the tiers that both versions have.
    """

    kind: Kind
    tier: Tier
    place_before: int | None = None
    place_after: int | None = None
    is_moved: bool = False
    fields: tuple[FieldChange, ...] = ()


_MATCH: Final = (
    *("minimum_impact", "gates", "services", "branches", "environments"),
    "data_classes",
)


def changes(*, before: Policy | None, after: Policy) -> tuple[TierChange, ...]:
    """
    Returns the tiers that differ: those of `after` in their order, then those gone.

    Tiers are the same by their slug. Without a version before, all of them are new.
    """
    old = {tier.slug: tier for tier in before.tiers} if before else {}
    new = {tier.slug: tier for tier in after.tiers}
    was = {slug: place for place, slug in enumerate(old, start=1)}
    now = {slug: place for place, slug in enumerate(new, start=1)}
    moved = _moved([was[slug] for slug in new if slug in old])
    found = []
    for slug, tier in new.items():
        if slug not in old:
            found.append(TierChange(Kind.ADDED, tier, place_after=now[slug]))
            continue
        differing = _differing(before=old[slug], after=tier)
        is_moved = was[slug] in moved
        if differing or is_moved:
            found.append(
                TierChange(
                    Kind.CHANGED,
                    tier,
                    was[slug],
                    now[slug],
                    is_moved=is_moved,
                    fields=differing,
                )
            )
    for slug, tier in old.items():
        if slug not in new:
            found.append(TierChange(Kind.REMOVED, tier, place_before=was[slug]))
    return tuple(found)


def _differing(*, before: Tier, after: Tier) -> tuple[FieldChange, ...]:
    names = [one.name for one in fields(Tier) if one.name not in {"slug", "match"}]
    pairs = [
        *((name, getattr(before.match, name), getattr(after.match, name))
          for name in _MATCH),
        *((name, getattr(before, name), getattr(after, name)) for name in names),
    ]  # fmt: skip
    return tuple(
        FieldChange(name, was, now)
        for name, was, now in pairs
        if _plain(was) != _plain(now)
    )


def _plain(value: Any) -> Any:
    """In a list of patterns or groups the order says nothing."""
    return frozenset(value) if isinstance(value, tuple) else value


def _moved(places: Sequence[int]) -> set[int]:
    """Returns the fewest of these that must move for the rest to be in order."""
    best: list[list[int]] = [[]]
    for place in places:
        before = [row for row in best if not row or row[-1] < place]
        longest: list[int] = max(before, key=len)
        best.append([*longest, place])
    kept: list[int] = max(best, key=len)
    return set(places) - set(kept)
