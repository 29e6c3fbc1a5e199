"""The audit browser's filters: every one is a query parameter."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from breakglass.models import AuditEntry, Tenant
from breakglass.queries.logs.entries import PROOFS, Filters, Reach, narrow
from portal.templatetags import words

_LARGEST: Final = 2**63 - 1
NAMES: Final = (
    "text",
    "event",
    "actor",
    "gate",
    "bypass_id",
    "proof",
    "since",
    "until",
)


def _events() -> list[tuple[str, Any]]:
    return [(event, look.word) for event, look in words.EVENTS.items()]


def _proofs() -> list[tuple[str, Any]]:
    return [(state, words.ENTRY[state].word) for state in PROOFS]


def _text(**attributes: str) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control", **attributes})


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


class _MomentFilter(django_filters.Filter):  # type: ignore[misc]  # is untyped
    field_class = _Moment


class _AuditForm(forms.Form):
    """What the filters have in common: the page's keys, and what does not fit."""

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
            self.add_error("until", _("This is before the start. Choose a later time."))
        return cleaned


class AuditFilterSet(django_filters.FilterSet):  # type: ignore[misc]  # is untyped
    """
    Text, events, actor, gate, request, proof and a span; all optional, all in the URL.

    The fields are django-filter's; what they mean is `audit.narrowing`, which exports
    read a filter by as well.
    """

    text = django_filters.CharFilter(
        label=gettext_lazy("Text"),
        max_length=200,
        widget=_text(**{"type": "search", "data-slash": "", "autocomplete": "off"}),
    )
    event = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("What happened"),
        choices=_events,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    actor = django_filters.CharFilter(
        label=gettext_lazy("Who"),
        max_length=250,
        widget=_text(list="actors", autocomplete="off"),
    )
    gate = django_filters.CharFilter(
        label=gettext_lazy("Gate"),
        max_length=200,
        widget=_text(list="gates", autocomplete="off"),
    )
    bypass_id = django_filters.CharFilter(
        label=gettext_lazy("Request"),
        max_length=9,
        widget=_text(placeholder="BG-…", autocapitalize="characters"),
    )
    proof = django_filters.ChoiceFilter(
        label=gettext_lazy("Proof"),
        choices=_proofs,
        empty_label=gettext_lazy("Any"),
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    since = _MomentFilter(label=gettext_lazy("From (UTC)"))
    until = _MomentFilter(label=gettext_lazy("To (UTC)"))

    class Meta:
        model = AuditEntry
        fields = ()
        form = _AuditForm

    def __init__(
        self, data: QueryDict, *, tenant: Tenant, reach: Reach | None = None
    ) -> None:
        super().__init__(data, queryset=AuditEntry.objects.filter(tenant=tenant))
        self.tenant = tenant
        self.reach = reach or Reach()

    def filter_queryset(self, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Narrows as every other reader of these filters does."""
        return narrow(queryset, self.chosen(), tenant=self.tenant, reach=self.reach)

    def chosen(self) -> Filters:
        """Returns the valid values as the domain takes them."""
        data = self.form.cleaned_data
        return Filters(
            events=tuple(data.get("event") or ()),
            actor=(data.get("actor") or "").strip(),
            gate=(data.get("gate") or "").strip(),
            bypass_id=data.get("bypass_id") or "",
            proof=data.get("proof") or "",
            text=(data.get("text") or "").strip(),
            since=data.get("since"),
            until=data.get("until"),
        )

    def cursor(self, name: str) -> int | None:
        """Returns the keyset cursor `before` or `after`, if the address has one."""
        value: int | None = self.form.cleaned_data.get(name)
        return value

    def address(self, **changes: int | str) -> str:
        """Returns the query string of these filters with a cursor or a change."""
        return self._address(self._pairs(), **changes)

    def chips(self) -> list[tuple[str, str, str]]:
        """Returns (label, value, address without it) for every filter in use."""
        pairs = self._pairs()
        return [
            (
                str(self.filters_label(name)),
                self._shown(name, value),
                self._address([pair for pair in pairs if pair != (name, value)]),
            )
            for name, value in pairs
        ]

    def filters_label(self, name: str) -> Any:
        """Returns what a filter is called."""
        return self.form.fields[name].label

    def _pairs(self) -> list[tuple[str, str]]:
        return [
            (name, value)
            for name in NAMES
            for value in self.data.getlist(name)
            if value.strip()
        ]

    def _shown(self, name: str, value: str) -> str:
        if name == "event":
            return str(words.event_look(value).word)
        if name == "proof" and value in words.ENTRY:
            return str(words.ENTRY[value].word)
        return value

    @staticmethod
    def _address(pairs: list[tuple[str, str]], **changes: int | str) -> str:
        added = [(name, str(value)) for name, value in changes.items()]
        return "?" + urlencode([*pairs, *added])
