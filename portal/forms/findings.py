"""What is answered to a finding: a reason, or somebody else's name."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from breakglass.models import User

REASON_MAX = 1000


class CloseForm(forms.Form):
    """Why a finding is over."""

    reason = forms.CharField(
        label=_("What was done, or why it is fine as it is"),
        max_length=REASON_MAX,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3}),
        help_text=_("Everybody in the team can read this, and it stays in the log."),
        error_messages={"required": _("Say why the finding is over")},
    )


class HandOverForm(forms.Form):
    """Who answers for it from now on; only people who see the gate are offered."""

    to = forms.ModelChoiceField(
        label=_("Hand it over to"),
        queryset=User.objects.none(),
        empty_label=_("Choose a person"),
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={
            "required": _("Choose who answers for it"),
            "invalid_choice": _("Choose somebody of the team who sees this gate"),
        },
    )

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ids = [person.pk for person in people]
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - for the types
        field.queryset = User.objects.filter(pk__in=ids).order_by("name", "email")
