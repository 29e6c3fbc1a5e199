"""What to take home, and why."""

from typing import Any

from django import forms
from django.http import QueryDict

from breakglass.models import Tenant
from portal.forms.audit import NAMES, AuditFilterSet

WHOLE, FILTER, BYPASS = "log", "filter", "bypass"


class ExportForm(forms.Form):
    """The whole log, what a filter shows, or one bypass; and a reason."""

    scope = forms.ChoiceField(
        label="What to take",
        choices=(
            (WHOLE, "The whole log"),
            (FILTER, "What the filter shows, and what is needed to judge it"),
            (BYPASS, "One bypass, and what is needed to judge it"),
        ),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={"required": "Choose what to take"},
    )
    bypass_id = forms.CharField(
        label="Which bypass",
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
    reason = forms.CharField(
        label="Why do you take it?",
        help_text="One sentence. It stays in the log, with your name.",
        max_length=500,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 2}),
        error_messages={"required": "Say why you take it"},
    )
    filters = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant = tenant
        if not self.filter_form().chips():
            offered: Any = self.fields["scope"]
            offered.choices = [c for c in offered.choices if c[0] != FILTER]

    @classmethod
    def from_address(cls, query: QueryDict, *, tenant: Tenant) -> "ExportForm":
        """Returns the form as a link to it asks: a bypass, a filter, or all."""
        wanted = AuditFilterSet(query, tenant=tenant)
        names = {name for name in NAMES if query.get(name)}
        if names == {"bypass_id"}:
            chosen = {"scope": BYPASS, "bypass_id": query["bypass_id"]}
        elif names and wanted.is_valid():
            chosen = {"scope": FILTER, "filters": wanted.address()}
        else:
            chosen = {"scope": WHOLE}
        return cls(initial=chosen, tenant=tenant)

    def filter_form(self) -> AuditFilterSet:
        """Returns the audit browser's filter that the form carries, as it was sent."""
        raw = self.data.get("filters") if self.is_bound else self.initial.get("filters")
        query = QueryDict(str(raw or "").lstrip("?")[:1000])
        return AuditFilterSet(query, tenant=self.tenant)

    def clean_bypass_id(self) -> str:
        """People type IDs in small letters; the log holds capitals."""
        return str(self.cleaned_data["bypass_id"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        """One bypass has to be named, and a filter has to be one."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("scope") == BYPASS and not cleaned.get("bypass_id"):
            self.add_error("bypass_id", "Enter the bypass, like BG-7Q4MZK")
        if cleaned.get("scope") == FILTER and not self.filter_form().is_valid():
            self.add_error("scope", "This filter does not parse: set it again")
        return cleaned
