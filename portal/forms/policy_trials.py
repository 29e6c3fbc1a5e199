"""The "Try it" panel of a policy: what somebody might ask for, typed by an admin."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from breakglass.models import Gate, Tenant, User
from breakglass.rules.scopes import Scope
from breakglass.rules.tiers import Impact

PREFIX: Final = "try"
_PLAIN: Final = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class TrialForm(forms.Form):
    """Gate, service, branch, impact and whom it is by; nothing is sent or stored."""

    prefix = PREFIX

    gate = forms.ModelChoiceField(
        label=_("Gate"),
        queryset=Gate.objects.none(),
        to_field_name="slug",
        empty_label=None,
    )
    service = forms.CharField(
        label=_("Service"),
        max_length=200,
        widget=forms.TextInput(attrs=_PLAIN),
        error_messages={"required": _("Name the service")},
    )
    branch = forms.CharField(
        label=_("Branch"),
        required=False,
        max_length=200,
        help_text=_("Empty means any branch."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    impact = forms.ChoiceField(
        label=_("Impact"),
        choices=[(Impact.LOW.value, _("Low")), (Impact.HIGH.value, _("High"))],
    )
    requester = forms.ModelChoiceField(
        label=_("Asked for by"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("Somebody in none of the groups"),
        help_text=_("Nobody approves their own request."),
    )

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        gates = Gate.objects.filter(tenant=tenant, retired_at__isnull=True)
        members = User.objects.filter(memberships__role__tenant=tenant, is_active=True)
        self._offer("gate", gates.select_related("tenant").order_by("slug"))
        self._offer("requester", members.distinct().order_by("name", "email"))

    @property
    def scope(self) -> Scope:
        """What is asked for; the form has to be valid."""
        asked = self.cleaned_data
        return Scope(
            gate=asked["gate"].slug,
            service=asked["service"],
            branch=asked["branch"],
            artifact="",
        )

    def _offer(self, name: str, rows: Any) -> None:
        self.fields[name].queryset = rows  # type: ignore[attr-defined]  # a ModelChoiceField
