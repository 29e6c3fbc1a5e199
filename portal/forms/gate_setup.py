"""The questions of the set-up, one form a page."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from breakglass.models import GateSetup, RoleGroup, Tenant
from breakglass.states import AtClose, GateKind

_PLAIN = {
    "class": "form-control",
    "autocapitalize": "none",
    "autocomplete": "off",
    "spellcheck": "false",
}


class KindForm(forms.Form):
    """What asks at the gate."""

    kind = forms.ChoiceField(
        label=_("What asks at this gate?"),
        choices=GateKind.choices,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={
            "required": _("Choose what asks at this gate"),
            "invalid_choice": _("Choose one of the kinds listed"),
        },
    )


class _GroupField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """Groups by the name that people know."""

    def label_from_instance(self, obj: Any) -> str:
        """Returns the group's name."""
        return str(obj.name)


class NameForm(forms.Form):
    """What the gate is called, and what it guards."""

    slug = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_(
            "As the pipeline will call it, for example prod-deploy. Letters, digits "
            "and . _ - @ : + are allowed. It stands in the log, so it never changes."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
        error_messages={"required": _("Name the gate")},
    )
    service = forms.CharField(
        label=_("Service"),
        required=False,
        max_length=200,
        help_text=_("The service that the snippet names. Leave empty if several."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    environment = forms.CharField(
        label=_("Environment"),
        required=False,
        max_length=100,
        help_text=_("As the tiers of your policy name it, for example production."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    data_class = forms.CharField(
        label=_("Data class"),
        required=False,
        max_length=100,
        help_text=_(
            "What the gate stands before, for example production-database. It can "
            "only make a bypass harder, never easier."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    owner = _GroupField(
        label=_("Owner"),
        required=False,
        queryset=RoleGroup.objects.none(),
        empty_label=_("Nobody in particular"),
        help_text=_("The group that looks after this gate."),
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    at_close = forms.ChoiceField(
        label=_("What happens to deploys in flight when a bypass closes?"),
        required=False,
        choices=AtClose.choices,
        initial=AtClose.HOLD_NEXT_STAGE,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={"invalid_choice": _("Choose one of those listed")},
    )

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ModelChoiceField)  # noqa: S101 - for the type
        owner.queryset = RoleGroup.objects.filter(tenant=tenant).order_by("name")

    def clean_at_close(self) -> str:
        """Without an answer the strict one holds."""
        return self.cleaned_data["at_close"] or AtClose.HOLD_NEXT_STAGE.value

    def keep_name(self, slug: str) -> None:
        """The gate is made: its name is shown, and no longer asked for."""
        field = self.fields["slug"]
        field.disabled = True
        field.initial = slug


def answers(setup: GateSetup) -> dict[str, object]:
    """Returns what was answered, as `NameForm` takes it."""
    return {
        "slug": setup.slug,
        "service": setup.service,
        "environment": setup.environment,
        "data_class": setup.data_class,
        "owner": setup.owner_id,
        "at_close": setup.at_close,
    }
