"""What a new version of a policy changes, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from breakglass.rules.policy_changes import FieldChange, Kind, TierChange
from breakglass.rules.tiers import Impact, Requirement
from breakglass.texts import translated
from portal.templatetags.moments import length

_NAMES: Final[Mapping[str, Promise]] = {
    "name": _lazy("Name"),
    "minimum_impact": _lazy("Applies from impact"),
    "gates": _lazy("Gates"),
    "services": _lazy("Services"),
    "branches": _lazy("Branches"),
    "environments": _lazy("Environments"),
    "data_classes": _lazy("Data classes"),
    "requirements": _lazy("Who must approve"),
    "ttl_choices": _lazy("Times offered"),
    "pending_for": _lazy("Lapses after"),
    "remind_after": _lazy("Reminds after"),
    "max_deploys": _lazy("Deploys at most"),
    "digest_required": _lazy("Artefact digest required"),
    "max_active_per_service": _lazy("Active bypasses per service at most"),
    "postmortem_days": _lazy("Working days for the post-mortem"),
    "passkey_required": _lazy("Each approval needs a passkey"),
    "offline_quorum": _lazy("May open while signing is down"),
}
_ANY: Final = {"gates", "services", "branches", "environments", "data_classes"}
_UNLIMITED: Final = {"max_deploys", "max_active_per_service"}
_IMPACTS: Final = {Impact.LOW: _lazy("low"), Impact.HIGH: _lazy("high")}


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a tier: what it was called, said and says."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangeWords:
    """One tier that changes: a sentence, and its fields."""

    kind: str
    tier: str
    said: str
    rows: tuple[Row, ...]


def change_in_words(change: TierChange, *, names: Mapping[str, str]) -> ChangeWords:
    """Returns a changed tier for reading; groups by name where it is known."""
    return ChangeWords(
        kind=change.kind.value,
        tier=change.tier.name,
        said=_said(change),
        rows=tuple(
            Row(
                name=str(_NAMES[one.name]),
                before=_value(one, one.before, names),
                after=_value(one, one.after, names),
            )
            for one in change.fields
        ),
    )


def _said(change: TierChange) -> str:
    if change.kind == Kind.ADDED:
        return _("New, at place %(place)s.") % {"place": change.place_after}
    if change.kind == Kind.REMOVED:
        return _("Removed; it was at place %(place)s.") % {"place": change.place_before}
    if change.is_moved:
        places = {"before": change.place_before, "after": change.place_after}
        return _("Moved from place %(before)s to place %(after)s.") % places
    return _("Changed.")


def _value(change: FieldChange, value: Any, names: Mapping[str, str]) -> str:
    """One value as a person reads it; nothing at all has a word of its own."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, timedelta):
        return length(value)
    if isinstance(value, Impact):
        return str(_IMPACTS[value])
    if isinstance(value, tuple):
        return ", ".join(_one(one, names) for one in value) or _nothing(change.name)
    return _nothing(change.name) if value is None else str(value)


def _one(value: Any, names: Mapping[str, str]) -> str:
    if isinstance(value, timedelta):
        return length(value)
    if isinstance(value, Requirement):
        group = translated(names.get(value.group, value.group))
        return _("%(count)s from %(group)s") % {"count": value.count, "group": group}
    return str(value)


def _nothing(name: str) -> str:
    if name in _ANY or name == "minimum_impact":
        return _("any")
    return _("no limit") if name in _UNLIMITED else _("none")
