"""What a browser says about a passkey: base64url text in, bytes out."""

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

from breakglass.errors import PasskeyRefused
from breakglass.rules.evidence import AssertedPasskey, AttestedPasskey
from breakglass.signing.webauthn import decoded
from breakglass.texts import text

_MAXIMUM: Final = 12_000
_SAID: Final = _("The browser's answer did not arrive whole. Try again")
_BROKEN: Final = text("The browser's answer did not arrive whole. Try again")


def _bytes() -> forms.CharField:
    return forms.CharField(
        max_length=_MAXIMUM,
        widget=forms.HiddenInput,
        error_messages={"required": _SAID, "max_length": _SAID},
    )


class AnswerForm(forms.Form):
    """The answer of navigator.credentials.get()."""

    credential_id = _bytes()
    authenticator_data = _bytes()
    client_data = _bytes()
    signature = _bytes()

    def answer(self) -> AssertedPasskey:
        """Returns the bytes; PasskeyRefused when a part is missing, or is none."""
        if not self.is_valid():
            raise PasskeyRefused(_BROKEN)
        given = self.cleaned_data
        return AssertedPasskey(
            credential_id=decoded(given["credential_id"]),
            authenticator_data=decoded(given["authenticator_data"]),
            client_data=decoded(given["client_data"]),
            signature=decoded(given["signature"]),
        )


class EnrolForm(forms.Form):
    """A name, and the answer of navigator.credentials.create()."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("To tell it from your others: “Laptop”, “Key on my ring”."),
        max_length=100,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
        error_messages={"required": _("Give the passkey a name")},
    )
    client_data = _bytes()
    attestation_object = _bytes()
    transports = forms.CharField(
        required=False, max_length=200, widget=forms.HiddenInput
    )

    def answer(self) -> AttestedPasskey:
        """Returns the bytes; PasskeyRefused when the text is none."""
        given = self.cleaned_data
        return AttestedPasskey(
            client_data=decoded(given["client_data"]),
            attestation_object=decoded(given["attestation_object"]),
            transports=tuple(given["transports"].split()),
        )


class RemoveForm(forms.Form):
    """A removal, which says why."""

    reason = forms.CharField(
        label=_("Why do you remove it?"),
        help_text=_(
            "A few words are enough. They stay in the log of each of your teams."
        ),
        max_length=300,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
        error_messages={"required": _("Say why you remove it")},
    )
