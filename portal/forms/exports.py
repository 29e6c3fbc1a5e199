"""What to take home, as what, and why."""

from typing import Any, Final

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from breakglass.models import Tenant
from breakglass.states import ExportFormat
from portal.forms.audit import NAMES, AuditFilterSet

WHOLE, FILTER, BYPASS = "log", "filter", "bypass"
FORMATS: Final = (
    (
        ExportFormat.ARCHIVE.value,
        gettext_lazy("Evidence archive: a ZIP that anybody can verify without us"),
    ),
    (
        ExportFormat.LINES.value,
        gettext_lazy("JSON Lines: an entry a line, with its signature"),
    ),
    (ExportFormat.TABLE.value, gettext_lazy("CSV: a table for spreadsheets")),
)


class ExportForm(forms.Form):
    """The whole log, what a filter shows, or one bypass; a format; and a reason."""

    scope = forms.ChoiceField(
        label=gettext_lazy("What to take"),
        choices=(
            (WHOLE, gettext_lazy("The whole log")),
            (FILTER, gettext_lazy("What the filter shows")),
            (BYPASS, gettext_lazy("One bypass")),
        ),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={"required": gettext_lazy("Choose what to take")},
    )
    bypass_id = forms.CharField(
        label=gettext_lazy("Which bypass"),
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
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=FORMATS,
        initial=ExportFormat.ARCHIVE.value,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why do you take it?"),
        help_text=gettext_lazy("One sentence. It stays in the log, with your name."),
        max_length=500,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 2}),
        error_messages={"required": gettext_lazy("Say why you take it")},
    )
    filters = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None = None, *, tenant: Tenant, **kwargs: Any
    ) -> None:
        if data is not None and "format" not in data:  # as it was before there were any
            data = data.copy()
            data["format"] = ExportFormat.ARCHIVE.value
        super().__init__(data, **kwargs)
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
        initial = {**chosen, "format": ExportFormat.ARCHIVE.value}
        return cls(initial=initial, tenant=tenant)

    def filter_form(self) -> AuditFilterSet:
        """Returns the audit browser's filter that the form carries, as it was sent."""
        raw = self.data.get("filters") if self.is_bound else self.initial.get("filters")
        query = QueryDict(str(raw or "").lstrip("?")[:2000])
        return AuditFilterSet(query, tenant=self.tenant)

    def chosen(self, name: str) -> str:
        """Returns what is filled in, valid or not: an estimate is made while typing."""
        held = self.data if self.is_bound else self.initial
        return str(held.get(name) or "")

    def kind(self) -> ExportFormat:
        """Returns the chosen format; the archive where none was."""
        chosen = self.chosen("format")
        known = chosen in ExportFormat.values
        return ExportFormat(chosen) if known else ExportFormat.ARCHIVE

    def clean_bypass_id(self) -> str:
        """People type IDs in small letters; the log holds capitals."""
        return str(self.cleaned_data["bypass_id"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        """One bypass has to be named, and a filter has to be one."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("scope") == BYPASS and not cleaned.get("bypass_id"):
            self.add_error("bypass_id", _("Enter the bypass, like BG-7Q4MZK"))
        if cleaned.get("scope") == FILTER and not self.filter_form().is_valid():
            self.add_error("scope", _("This filter does not parse: set it again"))
        return cleaned
