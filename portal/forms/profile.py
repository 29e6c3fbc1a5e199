"""The profile's form; its fields are those of `services.preferences.Preferences`."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from breakglass.models.people import Theme


def _zones() -> list[tuple[str, Any]]:
    named = (name for name in available_timezones() if "/" in name)
    places = [
        name
        for name in named
        if not name.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/"))
    ]
    return [("", _("Use my browser's")), ("UTC", "UTC")] + [
        (name, name.replace("_", " ")) for name in sorted(places)
    ]


def _languages() -> list[tuple[str, Any]]:
    return [("", _("Automatic: as the browser says")), *settings.LANGUAGES]


class ProfileForm(forms.Form):
    """How pages look to the person."""

    time_zone = forms.ChoiceField(
        choices=_zones,
        required=False,
        label=_("Time zone"),
        help_text=_("Times are shown in UTC, with this zone's beside them."),
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    is_24_hour = forms.BooleanField(
        required=False,
        label=_("24-hour clock"),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    language = forms.ChoiceField(
        choices=_languages,
        required=False,
        label=_("Language"),
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    theme = forms.ChoiceField(
        choices=[
            ("", _("Automatic: as the device says")),
            (Theme.LIGHT, _("Light")),
            (Theme.DARK, _("Dark")),
        ],
        required=False,
        label=_("Colours"),
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    has_shortcuts = forms.BooleanField(
        required=False,
        label=_("Keyboard shortcuts"),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
