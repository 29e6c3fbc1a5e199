"""Webhooks: the form of their admin page."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from breakglass.models import Webhook


class WebhookForm(forms.ModelForm[Webhook]):
    """Its address may hold a secret: it goes in, and is never shown again."""

    url = forms.CharField(
        label=_lazy("Address"),
        max_length=500,
        help_text=_lazy(
            "https://HOST/PATH, on the public internet; other hosts are named in "
            "BREAKGLASS_NOTIFY_HOSTS by whoever runs the portal."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "size": 60}),
    )

    class Meta:
        model = Webhook
        fields = ("tenant", "gate", "name", "url", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["url"] = ""
            self.fields["url"].required = False
            self.fields["url"].help_text = _("Leave empty to keep the one on record.")
