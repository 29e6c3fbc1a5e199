"""The form that lets a machine speak for a gate: its issuer, and the ids it has."""

from typing import Any, Final

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _lazy

from breakglass.rules.machine_identity import ISSUER_MAX, KINDS, VALUE_MAX

_HELP: Final[dict[str, Any]] = {
    "repository_id": _lazy("A number: gh api repos/OWNER/NAME --jq .id"),
    "repository_owner_id": _lazy("A number: gh api repos/OWNER/NAME --jq .owner.id"),
    "workflow_ref": _lazy("Repository, path and ref, exactly as the token has it."),
    "job_workflow_ref": _lazy("The same of a reusable workflow."),
    "project_id": _lazy("A number: it stands on the page of the project."),
    "namespace_id": _lazy("A number: it stands on the page of the group."),
    "ref_protected": _lazy("true: only jobs on protected branches and tags."),
    "environment_protected": _lazy("true: only jobs of protected environments."),
    "serviceaccount_uid": format_html(
        "<code>{}</code>",
        "kubectl -n NAMESPACE get serviceaccount NAME -o jsonpath='{.metadata.uid}'",
    ),
}


class MachineForm(forms.Form):
    """The ids of one platform, as its tokens name them; those it needs come first."""

    issuer = forms.CharField(
        label=_lazy("Issuer"),
        max_length=ISSUER_MAX,
        help_text=_lazy("The https address that its tokens name as iss, exactly."),
        widget=forms.TextInput(attrs={"class": "form-control mono"}),
        error_messages={"required": _lazy("Say who issues the tokens")},
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        platform = KINDS[kind]
        self.fields["issuer"].initial = platform.issuer
        for name, claim in platform.claims.items():
            self.fields[name] = forms.CharField(
                label=format_html("<code>{}</code>", name),  # the token's own word
                max_length=VALUE_MAX,
                required=claim.required,
                help_text=_HELP.get(name, ""),
                widget=forms.TextInput(
                    attrs={"class": "form-control mono", "autocomplete": "off"}
                ),
                error_messages={"required": _lazy("A machine is bound by this")},
            )

    def bound(self) -> dict[str, str]:
        """Returns the ids that were filled in."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "issuer" and value
        }
