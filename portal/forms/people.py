"""Forms of the admin for people and groups."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from breakglass.models import Gate, RoleGroup, Tenant, User

TENANT_PERMISSIONS: Final = [
    (codename, label)
    for codename, label in Tenant._meta.permissions  # noqa: SLF001
]
GATE_PERMISSIONS: Final = [
    (codename, label)
    for codename, label in Gate._meta.permissions  # noqa: SLF001
]


class RoleForm(forms.ModelForm[RoleGroup]):
    """A group's name and rights; its members are changed one by one."""

    tenant_permissions = forms.MultipleChoiceField(
        label=_("On the tenant"),
        choices=TENANT_PERMISSIONS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    gate_permissions = forms.MultipleChoiceField(
        label=_("On every gate of the tenant"),
        choices=GATE_PERMISSIONS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = RoleGroup
        fields = ("tenant", "slug", "name", "tenant_permissions", "gate_permissions")


class AddMemberForm(forms.Form):
    """One e-mail address of somebody who has an account."""

    email = forms.EmailField(label=_("E-mail of the person"), max_length=200)

    def clean_email(self) -> User:
        """Finds the person, whatever the case of the letters."""
        email = self.cleaned_data["email"]
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None:
            raise forms.ValidationError(
                _("Nobody active has the address %(email)s. Add the person first."),
                params={"email": email},
            )
        return user


class RemovePasskeyForm(forms.Form):
    """The end of somebody else's passkey, which says why."""

    reason = forms.CharField(
        label=_("Why do you remove it?"),
        help_text=_("One sentence is enough. It stays in the log."),
        max_length=300,
        error_messages={"required": _("Say why you remove it")},
    )


class _RoleField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """Groups of several tenants share names, so the tenant stands before."""

    def label_from_instance(self, obj: Any) -> str:
        """Returns "acme / Peers"."""
        return f"{obj.tenant.slug} / {obj.name}"


class NewPersonForm(forms.ModelForm[User]):
    """A new person, in a group at once: somebody in no tenant would be lost."""

    tenants: Sequence[Tenant] = ()

    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Leave empty for a person who signs in by single sign-on."),
    )
    role = _RoleField(
        label=_("Group"),
        queryset=RoleGroup.objects.none(),
        help_text=_("Add more later."),
    )

    class Meta:
        model = User
        fields = ("email", "name", "kind", "password", "role", "is_staff")
        help_texts = {"is_staff": _("May open this admin, where a group allows it.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = RoleGroup.objects.filter(tenant__in=self.tenants)
        self.fields["role"].queryset = roles.select_related("tenant")  # type: ignore[attr-defined]  # a _RoleField

    def clean_password(self) -> str:
        """Applies the site's rules to a password that was given."""
        password = str(self.cleaned_data["password"])
        if password:
            validate_password(password, self.instance)
        return password

    def clean_email(self) -> str:
        """One address is one person, whatever its letters' case."""
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(_("Somebody has this address already."))
        return email
