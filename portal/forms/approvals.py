"""The decision's forms: approve, reject, close early, sign in again."""

from datetime import timedelta
from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

COMMENT_MAXIMUM: Final = 2000


class ApprovalForm(forms.Form):
    """A yes: on these terms (the digest), for so long, with these words."""

    digest = forms.CharField(
        max_length=64, error_messages={"required": _("Read the request again")}
    )
    ttl = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=24 * 60,
        error_messages={"invalid": _("Choose one of the times offered")},
    )
    comment = forms.CharField(required=False, max_length=COMMENT_MAXIMUM, strip=False)

    @property
    def length(self) -> timedelta | None:
        """What the approver set; None means the proposed length."""
        minutes = self.cleaned_data.get("ttl")
        return timedelta(minutes=minutes) if minutes else None


class RejectionForm(forms.Form):
    """A no, which says why."""

    digest = forms.CharField(
        max_length=64, error_messages={"required": _("Read the request again")}
    )
    comment = forms.CharField(
        max_length=COMMENT_MAXIMUM, error_messages={"required": _("Say why you reject")}
    )


class CommentForm(forms.Form):
    """Words for the record, at any time."""

    text = forms.CharField(
        max_length=COMMENT_MAXIMUM,
        strip=False,
        error_messages={"required": _("Write a comment first")},
    )


class CloseForm(forms.Form):
    """An early end, which says why."""

    reason = forms.CharField(
        label=_("Why do you close it?"),
        help_text=_("One sentence is enough. It stays in the log."),
        max_length=COMMENT_MAXIMUM,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 2}),
        error_messages={"required": _("Say why you close it")},
    )


class ReauthenticateForm(forms.Form):
    """The password again."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(
            attrs={"class": "form-control", "autocomplete": "current-password"}
        ),
        error_messages={"required": _("Enter your password")},
    )
