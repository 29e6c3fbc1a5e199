"""Gates: the tiers that could apply in words, and the forms about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from breakglass.models import Channel, Gate
from breakglass.models import Policy as PolicyRow
from breakglass.queries.gates.overview import GateRow
from breakglass.rules.scopes import match_glob
from breakglass.rules.tiers import Match, Policy, Tier
from breakglass.states import GateKind
from portal.forms.policies import criteria_in_words, needs_in_words, terms_in_words
from portal.templatetags import words


@dataclass(frozen=True, slots=True)
class TierWords:
    """One tier as a person reads it."""

    name: str
    applies: str
    needs: str
    terms: str


def group_names(policy: PolicyRow) -> dict[str, str]:
    """Returns how the groups that a policy asks are called, by slug."""
    return {
        need.group.slug: need.group.name
        for tier in policy.tiers.all()
        for need in tier.requirements.all()
    }


def tiers_for(
    *, policy: Policy, gate: Gate, names: Mapping[str, str]
) -> list[TierWords]:
    """
    Returns the tiers that a request for this gate could fall into, strictest first.

    The gate settles its own name, environment and data class, so only service,
    branch and impact are left to tell; what comes after a tier without any of them
    is never reached. Without such a tier the strictest catches what matches nothing.
    """
    found: list[TierWords] = []
    for tier in policy.tiers:
        if not _could_apply(tier.match, gate):
            continue
        left = replace(tier.match, gates=(), environments=(), data_classes=())
        otherwise = _("Applies to the rest.") if found else _("Always applies.")
        found.append(in_words(tier, match=left, otherwise=otherwise, names=names))
        if left.is_open:
            return found
    for strictest in policy.tiers[:1]:
        always = _("Applies when no other does.")
        found.append(in_words(strictest, match=Match(), otherwise=always, names=names))
    return found


def in_words(
    tier: Tier,
    *,
    match: Match | None = None,
    otherwise: str = "",
    names: Mapping[str, str] | None = None,
) -> TierWords:
    """Returns a tier in plain sentences; `match` instead of its own, if given."""
    return TierWords(
        name=tier.name,
        applies=criteria_in_words(
            tier.match if match is None else match,
            otherwise=otherwise or _("Applies to the rest."),
        ),
        needs=needs_in_words(tier.requirements, names=names),
        terms=terms_in_words(tier),
    )


def _could_apply(match: Match, gate: Gate) -> bool:
    return all(
        not patterns or any(match_glob(pattern=one, value=value) for one in patterns)
        for patterns, value in (
            (match.gates, gate.slug),
            (match.environments, gate.environment),
            (match.data_classes, gate.data_class),
        )
    )


class GateFilters(forms.Form):
    """What narrows the list of gates; anything unknown narrows nothing."""

    q = forms.CharField(
        label=_lazy("Name, environment or service"),
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={"class": "form-control", "type": "search", "data-slash": ""}
        ),
    )
    state = forms.ChoiceField(
        label=_lazy("State"),
        required=False,
        choices=[
            ("", _lazy("Any but retired")),
            *((state, words.GATE[state].word) for state in words.GATE),
        ],
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    kind = forms.ChoiceField(
        label=_lazy("Kind"),
        required=False,
        choices=[("", _lazy("Any")), *GateKind.choices],
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    def narrow(self, rows: Sequence[GateRow]) -> list[GateRow]:
        """Returns the rows that fit; retired gates only when they are asked for."""
        asked = self.cleaned_data if self.is_valid() else {}
        text = str(asked.get("q", "")).strip().lower()
        state, kind = asked.get("state", ""), asked.get("kind", "")
        return [
            row
            for row in rows
            if (row.state == state if state else row.state != "retired")
            and kind in {"", row.gate.kind}
            and text in _searched(row)
        ]

    @property
    def is_filtered(self) -> bool:
        """Whether anything was asked for."""
        return any(self.data.get(name) for name in self.fields)


class RetireForm(forms.Form):
    """Why a gate goes for good."""

    reason = forms.CharField(
        label=_lazy("Why is it retired?"),
        max_length=300,
        help_text=_lazy("It stands in the audit log."),
        widget=forms.TextInput(attrs={"class": "form-control"}),
        error_messages={"required": _lazy("Say why the gate is retired")},
    )


def _searched(row: GateRow) -> str:
    gate = row.gate
    return f"{gate.slug} {gate.name} {gate.environment} {gate.service}".lower()


class ChannelForm(forms.ModelForm[Channel]):
    """A channel's address is a secret: it goes in, and is never shown again."""

    url = forms.CharField(
        label=_lazy("Address"),
        max_length=500,
        help_text=_lazy("An apprise address, like slack://… or jsons://…."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "size": 60}),
    )

    class Meta:
        model = Channel
        fields = ("tenant", "kind", "name", "url", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["url"] = ""
            self.fields["url"].required = False
            self.fields["url"].help_text = _("Leave empty to keep the one on record.")
