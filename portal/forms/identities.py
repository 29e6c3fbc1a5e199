"""Forms about identities: why one is unlinked, which one is linked, who is merged."""

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

from breakglass.models import User
from breakglass.texts import text, translated

REASON_MAXIMUM: Final = 300
# The same words where the account exists and is somebody else's to change.
UNKNOWN: Final = text("Nobody whom you manage has this address")


class UnlinkForm(forms.Form):
    """The end of a link, which says why."""

    reason = forms.CharField(
        label=_("Why do you unlink it?"),
        help_text=_("One sentence is enough. It stays in the log."),
        max_length=REASON_MAXIMUM,
        widget=forms.TextInput(attrs={"class": "form-control"}),
        error_messages={"required": _("Say why you unlink it")},
    )


class LinkForm(forms.Form):
    """A pair that belongs to somebody, as their provider names them."""

    issuer = forms.CharField(label=_("Issuer"), max_length=200)
    subject = forms.CharField(label=_("Subject"), max_length=200)


class MergeForm(forms.Form):
    """The other account of the same person, and how that is known."""

    email = forms.EmailField(
        label=_("E-mail of the account to give up"), max_length=200
    )
    reason = forms.CharField(
        label=_("How do you know?"),
        max_length=REASON_MAXIMUM,
        error_messages={"required": _("Say how you know that they are one person")},
    )

    def clean_email(self) -> User:
        """Finds the account, whatever the case of the letters, active or not."""
        email = self.cleaned_data["email"]
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise forms.ValidationError(translated(UNKNOWN))
        return user
