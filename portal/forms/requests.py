"""The request form: text to typed values. Whether it is allowed says the service."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from breakglass.errors import InvalidInput
from breakglass.models import Gate
from breakglass.rules.identifiers import check_identifier, check_text, check_url
from breakglass.rules.window import in_words
from portal.http.errors import sentence

JUSTIFICATION_MINIMUM: Final = 10
JUSTIFICATION_MAXIMUM: Final = 2000
_MINUTE: Final = timedelta(minutes=1)
_SENSIBLE: Final = timedelta(minutes=15)  # less is for drills and tests
_PLAIN: Final = {
    "class": "form-control",
    "autocapitalize": "none",
    "spellcheck": "false",
}


def minutes(length: timedelta) -> int:
    """Returns a length as the forms and addresses write it."""
    return int(length / _MINUTE)


def length_choices(lengths: Sequence[timedelta]) -> list[tuple[str, str]]:
    """Returns lengths as choices: the minutes, and the words."""
    return [(str(minutes(length)), in_words(length)) for length in lengths]


_DAY = 24 * 60


class LengthField(forms.TypedChoiceField):
    """Minutes out of choices that follow the tier; the service has the last word."""

    def valid_value(self, value: Any) -> bool:
        """Any whole minute may be tried: the tier's choices are not the form's."""
        digits = str(value)
        return digits.isascii() and digits.isdigit() and 0 < int(digits[:6]) <= _DAY


class RequestForm(forms.Form):
    """What the on-call fills in. Order and names as in design.md section 11."""

    gate = forms.ChoiceField(
        label="Gate to bypass",
        help_text="The gate that stopped your deploy.",
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={
            "required": "Choose the gate to bypass",
            "invalid_choice": "Choose a gate from the list",
        },
    )
    service = forms.CharField(
        label="Service",
        help_text="Exactly as your pipeline calls it, for example checkout.",
        widget=forms.TextInput(attrs=_PLAIN),
        error_messages={"required": "Name the service"},
    )
    branch = forms.CharField(
        label="Branch",
        required=False,
        help_text="Empty means any branch.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    artifact = forms.CharField(
        label="Artefact digest",
        required=False,
        help_text="Empty means any artefact.",
        widget=forms.TextInput(attrs={**_PLAIN, "placeholder": "sha256:…"}),
    )
    impact = forms.ChoiceField(
        label="How big is the impact?",
        choices=[
            ("low", "Low: few people notice"),
            ("high", "High: many people are affected, or data is at risk"),
        ],
        initial="low",
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={"required": "Choose how big the impact is"},
    )
    justification = forms.CharField(
        label="Why is this needed now?",
        help_text=(
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
        error_messages={"required": "Say why the bypass is needed"},
    )
    incident_url = forms.CharField(
        label="Incident link",
        required=False,
        widget=forms.URLInput(
            attrs={"class": "form-control", "placeholder": "https://"}
        ),
    )
    ttl = LengthField(
        label="How long?",
        coerce=int,
        help_text="Approvers may shorten this. It closes by itself.",
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={
            "required": "Choose how long the bypass lasts",
            "invalid_choice": "Choose one of the times offered",
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
        listed = [(gate.slug, _gate_words(gate)) for gate in gates]
        self._field("gate").choices = [("", "Choose a gate"), *listed]

    def offer(self, lengths: Sequence[timedelta]) -> None:
        """Sets the lengths to choose from; the shortest sensible one is checked."""
        ordered = sorted(lengths)
        choices = length_choices(ordered)
        self._field("ttl").choices = choices
        offered = [value for value, _ in choices]
        if not offered:
            return
        sensible = [length for length in ordered if length >= _SENSIBLE]
        first = str(minutes(sensible[0] if sensible else ordered[-1]))
        if str(self.initial.get("ttl")) not in offered:
            self.initial["ttl"] = first
        if self.is_bound and self.data.get("ttl") not in offered:
            # Another tier has other lengths: offer one of its own, not none at all.
            self.data = {**self._plain(), "ttl": first}

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
        label = str(self.fields[name].label).rstrip("?")
        try:
            return check(value, field=_subject(name, label))
        except InvalidInput as error:
            raise ValidationError(sentence(error).rstrip(".")) from error

    def _field(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type
        return field

    def _plain(self) -> dict[str, Any]:
        return {name: self.data.get(name) for name in self.data}


def _subject(name: str, label: str) -> str:
    """Names a field in a sentence: "the reason is too short"."""
    return {"justification": "the reason"}.get(
        name, f"the {label[0].lower()}{label[1:]}"
    )


def _gate_words(gate: Gate) -> str:
    where = f" ({gate.environment})" if gate.environment else ""
    return f"{gate.name}{where}" if gate.name else f"{gate.slug}{where}"
