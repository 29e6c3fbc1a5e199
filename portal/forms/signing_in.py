"""The sign-in with e-mail and password: allauth's form, in our words."""

from allauth.account.forms import LoginForm
from django.utils.translation import gettext as _


class SignInForm(LoginForm):  # type: ignore[misc] # untyped package
    """Says of each empty field what belongs into it."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Takes what allauth's form takes."""
        super().__init__(*args, **kwargs)
        fields = self.fields
        fields["login"].error_messages["required"] = _("Enter your e-mail address")
        fields["password"].error_messages["required"] = _("Enter your password")
