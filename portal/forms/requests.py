"""The request form: text to typed values. Whether it is allowed says the service."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from breakglass.errors import InvalidInput
from breakglass.models import Gate
from breakglass.rules.identifiers import check_identifier, check_text, check_url
from portal.http.errors import refusal
from portal.templatetags.portal import duration

JUSTIFICATION_MINIMUM: Final = 10
JUSTIFICATION_MAXIMUM: Final = 2000
SCOPE: Final = ("service", "branch", "artifact")
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = 24 * 60
_SENSIBLE: Final = timedelta(minutes=15)  # less is for drills and tests
_PLAIN: Final = {
    "class": "form-control",
    "autocapitalize": "none",
    "autocomplete": "off",
    "spellcheck": "false",
}
# How an error names a field: "the reason is too short".
_SUBJECTS: Final = {
    "service": gettext_lazy("the service"),
    "branch": gettext_lazy("the branch"),
    "artifact": gettext_lazy("the artefact digest"),
    "incident_url": gettext_lazy("the incident link"),
    "justification": gettext_lazy("the reason"),
}


def minutes(length: timedelta) -> int:
    """Returns a length as the forms and addresses write it."""
    return int(length / _MINUTE)


def length_choices(
    lengths: Sequence[timedelta], *, tier: str = ""
) -> list[tuple[str, str]]:
    """
    Returns lengths, shortest first, as choices: the minutes, and the words.

    With a tier's name the longest says that it is the most which that tier allows.
    """
    listed = [(str(minutes(length)), duration(length)) for length in lengths]
    if tier and listed:
        value, words = listed[-1]
        most = _("%(length)s (the maximum of the tier %(tier)s)")
        listed[-1] = (value, most % {"length": words, "tier": tier})
    return listed


def gate_choices(gates: Iterable[Gate]) -> list[tuple[str, Any]]:
    """Returns gates as choices, grouped by environment where there are several."""
    ordered = sorted(gates, key=lambda gate: (gate.environment, gate.slug))
    groups = [
        (
            environment or _("No environment"),
            [(one.slug, _gate_words(one)) for one in found],
        )
        for environment, found in groupby(ordered, key=lambda gate: gate.environment)
    ]
    return (
        list(groups)
        if len(groups) > 1
        else [pair for _group, of in groups for pair in of]
    )


class LengthField(forms.TypedChoiceField):
    """Minutes out of choices that follow the tier; the service has the last word."""

    def valid_value(self, value: Any) -> bool:
        """Any whole minute may be tried: the tier's choices are not the form's."""
        digits = str(value)
        return digits.isascii() and digits.isdigit() and 0 < int(digits[:6]) <= _DAY


class RequestForm(forms.Form):
    """What the on-call fills in. Order and names as in design.md section 11."""

    gate = forms.ChoiceField(
        label=gettext_lazy("Gate to bypass"),
        help_text=gettext_lazy("The gate that stopped your deploy."),
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={
            "required": gettext_lazy("Choose the gate to bypass"),
            "invalid_choice": gettext_lazy("Choose a gate from the list"),
        },
    )
    service = forms.CharField(
        label=gettext_lazy("Service"),
        help_text=gettext_lazy(
            "Exactly as your pipeline calls it, for example checkout."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
        error_messages={"required": gettext_lazy("Name the service")},
    )
    branch = forms.CharField(
        label=gettext_lazy("Branch"),
        required=False,
        help_text=gettext_lazy("Empty means any branch."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    artifact = forms.CharField(
        label=gettext_lazy("Artefact digest"),
        required=False,
        help_text=gettext_lazy("Empty means any artefact."),
        widget=forms.TextInput(attrs={**_PLAIN, "placeholder": "sha256:…"}),
    )
    impact = forms.ChoiceField(
        label=gettext_lazy("How big is the impact?"),
        choices=[
            ("low", gettext_lazy("Low: few people notice")),
            (
                "high",
                gettext_lazy("High: many people are affected, or data is at risk"),
            ),
        ],
        initial="low",
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={"required": gettext_lazy("Choose how big the impact is")},
    )
    justification = forms.CharField(
        label=gettext_lazy("Why is this needed now?"),
        help_text=gettext_lazy(
            "What is broken, for whom, and why it cannot wait. Everyone in your team "
            "can read this, and it stays in the log."
        ),
        strip=False,
        widget=forms.Textarea(
            attrs={
                "class": "form-control",
                "rows": 3,
                "maxlength": JUSTIFICATION_MAXIMUM,
            }
        ),
        error_messages={"required": gettext_lazy("Say why the bypass is needed")},
    )
    incident_url = forms.CharField(
        label=gettext_lazy("Incident link"),
        required=False,
        widget=forms.URLInput(
            attrs={"class": "form-control", "placeholder": "https://"}
        ),
    )
    ttl = LengthField(
        label=gettext_lazy("How long?"),
        coerce=int,
        help_text=gettext_lazy("Approvers may shorten this. It closes by itself."),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={
            "required": gettext_lazy("Choose how long the bypass lasts"),
            "invalid_choice": gettext_lazy("Choose one of the times offered"),
        },
    )
    renews = forms.CharField(required=False, max_length=9, widget=forms.HiddenInput)
    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        gates: Sequence[Gate],
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial={"form_key": uuid.uuid4(), **(initial or {})})
        self._field("gate").choices = [("", _("Choose a gate")), *gate_choices(gates)]

    @property
    def scope_is_settled(self) -> bool:
        """True when what is asked for is named, and nothing of it needs mending."""
        is_wrong = self.is_bound and any(name in self.errors for name in SCOPE)
        return bool(self["service"].value()) and not is_wrong

    @property
    def length(self) -> timedelta:
        """The length that is chosen; ask after `offer`, which sees to a good one."""
        return int(self["ttl"].value() or 0) * _MINUTE

    def renew_key(self) -> None:
        """Makes this another form: sent once more, it asks for another bypass."""
        self.data = {**self._plain(), "form_key": str(uuid.uuid4())}

    def offer(self, lengths: Sequence[timedelta], *, tier: str = "") -> str:
        """
        Sets the lengths to choose from; the shortest sensible one is checked.

        Returns the minutes that were asked for when they are not among them.
        """
        ordered = sorted(lengths)
        choices = length_choices(ordered, tier=tier)
        self._field("ttl").choices = choices
        offered = [value for value, _ in choices]
        if not offered:
            return ""
        sensible = [length for length in ordered if length >= _SENSIBLE]
        first = str(minutes(sensible[0] if sensible else ordered[-1]))
        asked = str(self.initial.get("ttl", ""))
        if asked not in offered:
            self.initial["ttl"] = first
        if self.is_bound and self.data.get("ttl") not in offered:
            # Another tier has other lengths: offer one of its own, not none at all.
            self.data = {**self._plain(), "ttl": first}
        return "" if asked in offered else asked

    def clean_service(self) -> str:
        """Checks the alphabet; nothing is folded."""
        return self._checked(check_identifier, "service")

    def clean_branch(self) -> str:
        """Empty, or an identifier."""
        return self._checked(check_identifier, "branch")

    def clean_artifact(self) -> str:
        """Empty, or an identifier."""
        return self._checked(check_identifier, "artifact")

    def clean_incident_url(self) -> str:
        """Empty, or a full link."""
        return self._checked(check_url, "incident_url")

    def clean_justification(self) -> str:
        """Between a few words and a page."""

        def check(value: str, *, field: str) -> str:
            return check_text(
                value,
                field=field,
                minimum=JUSTIFICATION_MINIMUM,
                maximum=JUSTIFICATION_MAXIMUM,
            )

        return self._checked(check, "justification")

    def _checked(self, check: Callable[..., str], name: str) -> str:
        value = str(self.cleaned_data[name])
        if not value:
            return ""
        try:
            return check(value, field=str(_SUBJECTS[name]))
        except InvalidInput as error:
            raise ValidationError(refusal(error)) from error

    def _field(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type
        return field

    def _plain(self) -> dict[str, Any]:
        return {name: self.data.get(name) for name in self.data}


def _gate_words(gate: Gate) -> str:
    name = gate.name or gate.slug
    if not gate.environment:
        return name
    named = {"gate": name, "environment": gate.environment}
    return _("%(gate)s (%(environment)s)") % named
