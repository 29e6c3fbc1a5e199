"""Gates in words: the tiers that could apply, and the recipe to copy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django import forms

from breakglass.models import Channel, Gate
from breakglass.models import Policy as PolicyRow
from breakglass.rules.scopes import match_glob
from breakglass.rules.tiers import Match, Policy, Tier
from portal.forms.policies import criteria_in_words, needs_in_words, terms_in_words


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
    words: list[TierWords] = []
    for tier in policy.tiers:
        if not _could_apply(tier.match, gate):
            continue
        left = replace(tier.match, gates=(), environments=(), data_classes=())
        otherwise = "Applies to the rest." if words else "Always applies."
        words.append(in_words(tier, match=left, otherwise=otherwise, names=names))
        if left.is_open:
            return words
    for strictest in policy.tiers[:1]:
        always = "Applies when no other does."
        words.append(in_words(strictest, match=Match(), otherwise=always, names=names))
    return words


def in_words(
    tier: Tier,
    *,
    match: Match | None = None,
    otherwise: str = "Applies to the rest.",
    names: Mapping[str, str] | None = None,
) -> TierWords:
    """Returns a tier in plain sentences; `match` instead of its own, if given."""
    return TierWords(
        name=tier.name,
        applies=criteria_in_words(
            tier.match if match is None else match, otherwise=otherwise
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


def curl_recipe(*, base_url: str, gate: Gate) -> str:
    """Returns the shortest call that asks for a decision, for a shell."""
    return (
        f"curl -sS --fail-with-body {base_url}/api/v1/decisions \\\n"
        '  -H "Authorization: Bearer $BREAKGLASS_TOKEN" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f'  -d \'{{"gate": "{gate.slug}", "service": "checkout", '
        '"branch": "main",\n       "deploy_id": "\'"$DEPLOY_ID"\'"}\''
    )


class ChannelForm(forms.ModelForm[Channel]):
    """A channel's address is a secret: it goes in, and is never shown again."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        help_text="An apprise address, like slack://… or jsons://….",
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
            self.fields["url"].help_text = "Leave empty to keep the one on record."
