"""The audit browser's filters: every one is a query parameter."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django import forms

from breakglass.queries.audit import Filters
from portal.templatetags import words

_LARGEST: Final = 2**63 - 1


def _choices() -> list[tuple[str, str]]:
    listed = [(event, look.word) for event, look in sorted(words.EVENTS.items())]
    return [("", "Anything"), *listed]


class _Moment(forms.DateTimeField):
    """A date and time that the reader means in UTC, as the log is."""

    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": "1", "class": "form-control"},
        format="%Y-%m-%dT%H:%M:%S",
    )

    def to_python(self, value: Any) -> datetime | None:
        """Accepts what a date-time input sends, an ISO time, or a plain date."""
        moment = super().to_python(value)
        return moment.astimezone(UTC) if moment else None


class AuditFilterForm(forms.Form):
    """Event, actor, request and a span; all optional, all in the address."""

    event = forms.ChoiceField(
        label="What happened",
        required=False,
        choices=_choices,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    actor = forms.CharField(
        label="Who",
        required=False,
        max_length=250,
        widget=forms.TextInput(attrs={"class": "form-control", "list": "actors"}),
    )
    bypass_id = forms.CharField(
        label="Request",
        required=False,
        max_length=9,
        widget=forms.TextInput(
            attrs={
                "class": "form-control",
                "placeholder": "BG-…",
                "autocapitalize": "characters",
            }
        ),
    )
    since = _Moment(label="From (UTC)", required=False)
    until = _Moment(label="To (UTC)", required=False)
    before = forms.IntegerField(
        required=False, min_value=1, max_value=_LARGEST, widget=forms.HiddenInput
    )
    after = forms.IntegerField(
        required=False, min_value=0, max_value=_LARGEST, widget=forms.HiddenInput
    )

    def clean_bypass_id(self) -> str:
        """People type IDs in small letters; the log holds capitals."""
        return str(self.cleaned_data["bypass_id"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        """A span that ends before it starts is a mistake, not an empty page."""
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "This is before the start. Choose a later time.")
        return cleaned

    def filters(self) -> Filters:
        """Returns the valid values as the query takes them."""
        data = self.cleaned_data
        return Filters(
            event=data.get("event", ""),
            actor=data.get("actor", "").strip(),
            bypass_id=data.get("bypass_id", ""),
            since=data.get("since"),
            until=data.get("until"),
        )

    def cursor(self, name: str) -> int | None:
        """Returns the keyset cursor `before` or `after`, if the address has one."""
        value: int | None = self.cleaned_data.get(name)
        return value

    def address(self, **changes: int | str) -> str:
        """Returns the query string of these filters with a cursor or a change."""
        kept = {
            name: self.data.get(name, "")
            for name in ("event", "actor", "bypass_id", "since", "until")
        }
        kept_words = {
            name: value for name, value in {**kept, **changes}.items() if value != ""
        }
        return "?" + urlencode(kept_words)

    def chips(self) -> list[tuple[str, str, str]]:
        """Returns (label, value, address without it) for every filter in use."""
        return [
            (str(self.fields[name].label), self.data[name], self.address(**{name: ""}))
            for name in ("event", "actor", "bypass_id", "since", "until")
            if self.data.get(name)
        ]


class ReanchorForm(forms.Form):
    """Why one admin wants the log to go on as it stands."""

    reason = forms.CharField(
        label="What happened, and why it is right to go on",
        help_text="It stands in the log for good. Name the backup, or the incident.",
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 4}),
        error_messages={"required": "Say why"},
    )


class ReanchorStepForm(forms.Form):
    """Which proposal is confirmed or dropped."""

    proposal = forms.IntegerField(min_value=1)
