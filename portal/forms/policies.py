"""Policy drafts: tiers in fields that people can type, and in words to read."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from breakglass.models import RoleGroup
from breakglass.models import Tier as TierRow
from breakglass.rules.outage import FURTHER_APPROVERS, OFFLINE_TTL
from breakglass.rules.tiers import Impact, Match, Requirement, Tier
from breakglass.rules.window import in_words
from breakglass.texts import all_of, any_of, joined, plural, text

_NEED: Final = re.compile(r"(\d{1,3})\s+(?:from\s+)?([a-z0-9][a-z0-9_-]{0,49})")
_MAX_LINES: Final = 50
ALWAYS_ELSE: Final = text("Applies to the rest.")


class LinesField(forms.CharField):
    """A list of words, one a line."""

    widget = forms.Textarea(attrs={"rows": 2, "cols": 26})

    def prepare_value(self, value: Any) -> Any:
        """Shows a stored list as lines."""
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[str]:
        """Returns the lines that are not empty."""
        lines = [line.strip() for line in str(super().clean(value) or "").splitlines()]
        if len(lines) > _MAX_LINES:
            raise forms.ValidationError(
                _("At most %(count)s lines."), params={"count": _MAX_LINES}
            )
        return [line for line in lines if line]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares lines with lines."""
        return bool(super().has_changed(self.prepare_value(initial), data))


class MinutesField(forms.IntegerField):
    """Whole minutes to type, seconds to keep."""

    def prepare_value(self, value: Any) -> Any:
        """Shows stored seconds as minutes; typed text stays as it is."""
        return value // 60 if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        """Returns seconds."""
        return int(super().clean(value)) * 60

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares minutes with minutes."""
        return bool(super().has_changed(self.prepare_value(initial), data))


class MinutesListField(forms.CharField):
    """Minutes separated by commas, seconds to keep: "15, 60, 240"."""

    def prepare_value(self, value: Any) -> Any:
        """Shows stored seconds as minutes."""
        if isinstance(value, list | tuple):
            return ", ".join(str(seconds // 60) for seconds in value)
        return value

    def clean(self, value: Any) -> list[int]:
        """Returns seconds, shortest first."""
        words = re.split(r"[,;\s]+", str(super().clean(value) or "").strip())
        if not all(re.fullmatch(r"\d{1,4}", word) for word in words):
            raise forms.ValidationError(_("Write whole minutes, like 15, 60, 240."))
        return sorted({int(word) * 60 for word in words})

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares minutes with minutes."""
        return bool(super().has_changed(self.prepare_value(initial), data))


class TierForm(forms.ModelForm[TierRow]):
    """One tier of a draft. `groups` (set by the admin) are the tenant's."""

    groups: QuerySet[RoleGroup]

    gates = LinesField(
        label=_lazy("Gates"),
        required=False,
        help_text=_lazy("One a line; * stays inside a segment."),
    )
    services = LinesField(label=_lazy("Services"), required=False)
    branches = LinesField(label=_lazy("Branches"), required=False)
    environments = LinesField(label=_lazy("Environments"), required=False)
    data_classes = LinesField(label=_lazy("Data classes"), required=False)
    needs = LinesField(
        label=_lazy("Who must approve"),
        help_text=_lazy('One requirement a line: "2 from designated-approvers".'),
    )
    ttl_choices = MinutesListField(
        label=_lazy("Times offered"),
        help_text=_lazy("In minutes, separated by commas: 15, 60, 240."),
    )
    pending_seconds = MinutesField(
        label=_lazy("Lapses after"),
        min_value=1,
        help_text=_lazy("Minutes until a request that nobody answers lapses."),
    )
    remind_seconds = MinutesField(
        label=_lazy("Reminds after"),
        min_value=1,
        help_text=_lazy("Minutes until approvers are told again."),
    )

    class Meta:
        model = TierRow
        fields = (
            *("position", "slug", "name", "minimum_impact", "gates", "services"),
            *("branches", "environments", "data_classes", "needs", "ttl_choices"),
            *("pending_seconds", "remind_seconds", "max_deploys", "digest_required"),
            *("max_active_per_service", "postmortem_days"),
            *("passkey_required", "signing_outage"),
        )
        labels = {
            "postmortem_days": _lazy("Post-mortem within"),
            "passkey_required": _lazy("Each approval needs a passkey"),
            "signing_outage": _lazy("While signing is down"),
        }
        help_texts = {
            "postmortem_days": _lazy("Working days from the close to the deadline."),
            "passkey_required": _lazy(
                "The approver's own authenticator answers with the digest of the "
                "decision. People add theirs on their passkeys page."
            ),
            "signing_outage": _lazy(
                "The fallback needs one more approver, passkeys from all of them, and "
                "ends within an hour."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            rows = self.instance.requirements.select_related("group")
            self.initial["needs"] = [
                f"{row.count} from {row.group.slug}" for row in rows
            ]

    def clean_needs(self) -> list[tuple[RoleGroup, int]]:
        """Turns each line into a group of this tenant and a number of people."""
        known = {group.slug: group for group in self.groups}
        wanted: dict[str, int] = {}
        for line in self.cleaned_data["needs"]:
            found = _NEED.fullmatch(line.lower())
            if found is None:
                raise forms.ValidationError(
                    _('Write "%(count)s from group", not "%(line)s".'),
                    params={"count": 2, "line": line[:60]},
                )
            count, slug = int(found[1]), found[2]
            if slug not in known:
                offered = ", ".join(sorted(known)) or _("none yet")
                raise forms.ValidationError(
                    _("There is no group %(slug)s. Groups: %(offered)s."),
                    params={"slug": slug, "offered": offered},
                )
            if count < 1:
                raise forms.ValidationError(_("Require at least one person."))
            if slug in wanted:
                raise forms.ValidationError(
                    _("%(slug)s stands there twice: add the numbers up."),
                    params={"slug": slug},
                )
            wanted[slug] = count
        return [(known[slug], count) for slug, count in wanted.items()]


def criteria_in_words(match: Match, *, otherwise: str = ALWAYS_ELSE) -> str:
    """Returns when a tier applies, as one sentence; `otherwise` if it always does."""
    listed: tuple[tuple[Callable[[str], str], Sequence[str]], ...] = (
        (lambda values: text("the gate is %(value)s", value=values), match.gates),
        (
            lambda values: text("the environment is %(value)s", value=values),
            match.environments,
        ),
        (
            lambda values: text("the data class is %(value)s", value=values),
            match.data_classes,
        ),
        (lambda values: text("the service is %(value)s", value=values), match.services),
        (lambda values: text("the branch is %(value)s", value=values), match.branches),
    )
    parts = [said(any_of(values)) for said, values in listed if values]
    if match.minimum_impact == Impact.HIGH:
        parts.append(text("the impact is high"))
    if not parts:
        return otherwise
    return text("Applies when %(criteria)s.", criteria=all_of(parts))


def needs_in_words(
    requirements: Iterable[Requirement], *, names: Mapping[str, str] | None = None
) -> str:
    """Returns who must approve, as one sentence; groups by name where it is known."""
    known = names or {}
    parts = [
        text(
            "%(count)s from %(group)s",
            count=need.count,
            group=known.get(need.group, need.group),
        )
        for need in requirements
    ]
    if not parts:
        return text("Nobody is named to approve.")
    return text("Needs %(people)s.", people=all_of(parts))


def terms_in_words(tier: Tier) -> str:
    """Returns what is granted and owed, in short sentences."""
    offered = [in_words(ttl) for ttl in tier.ttl_choices]
    sentences: list[str] = [
        text("Offers %(lengths)s.", lengths=any_of(offered))
        if offered
        else text("Offers no time yet.")
    ]
    if tier.max_deploys:
        sentences.append(
            plural(
                "At most %(count)s deploy.",
                "At most %(count)s deploys.",
                count=tier.max_deploys,
            )
        )
    if tier.digest_required:
        sentences.append(text("The artefact digest is required."))
    if tier.max_active_per_service:
        sentences.append(
            plural(
                "At most %(count)s active grant per service.",
                "At most %(count)s active grants per service.",
                count=tier.max_active_per_service,
            )
        )
    if tier.passkey_required:
        sentences.append(text("Each approval needs a passkey."))
    sentences.append(_while_signing_is_down(tier))
    sentences.append(
        text("Lapses after %(length)s.", length=in_words(tier.pending_for))
    )
    sentences.append(
        plural(
            "Post-mortem in %(count)s working day.",
            "Post-mortem in %(count)s working days.",
            count=tier.postmortem_days,
        )
    )
    return joined(sentences, between=" ")


def _while_signing_is_down(tier: Tier) -> str:
    if not tier.offline_quorum:
        return text("While signing is down, approvals wait.")
    return text(
        "While signing is down, %(people)s people with passkeys may open it for "
        "%(length)s at most.",
        people=sum(need.count for need in tier.requirements) + FURTHER_APPROVERS,
        length=in_words(OFFLINE_TTL),
    )
