"""What two admins fill in to let a log go on in spite of what was published."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ReanchorForm(forms.Form):
    """Why one admin wants the log to go on as it stands."""

    reason = forms.CharField(
        label=_("What happened, and why it is right to go on"),
        help_text=_("It stands in the log for good. Name the backup, or the incident."),
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 4}),
        error_messages={"required": _("Say why")},
    )


class ReanchorStepForm(forms.Form):
    """Which proposal is confirmed or dropped."""

    proposal = forms.IntegerField(min_value=1)
