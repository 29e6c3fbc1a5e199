"""Passkeys of a person, for operators: which there are, and the end of one."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from breakglass.errors import NotFound
from breakglass.queries.people import passkeys as queries
from breakglass.services.people import passkeys
from breakglass.texts import text
from portal.admin.identities import IdentityActions
from portal.admin.scoped import actor
from portal.forms.people import RemovePasskeyForm


class PasskeyActions(IdentityActions):
    """The section on a person's own page, and the page that ends a passkey."""

    def get_urls(self) -> list[URLPattern]:
        """Adds the page, behind the admin's own login."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/passkeys/<uuid:public_id>/remove/",
                wrap(self.remove_passkey),
                name="breakglass_user_remove_passkey",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Shows the passkeys below the account; only to who may change it."""
        context = dict(extra_context or {})
        user = self.get_object(request, object_id)
        if user is not None and self.has_change_permission(request, user):
            context["passkeys"] = list(queries.live(user=user))
        return super().change_view(request, object_id, form_url, context)

    def remove_passkey(
        self, request: HttpRequest, pk: int, public_id: UUID
    ) -> HttpResponse:
        """
        Ends one passkey of the person, with a reason; the person is told.

        For a device that is lost, whose owner cannot sign in to say so.
        """
        user = self._user(request, pk)
        found = queries.live(user=user).filter(public_id=public_id).first()
        if found is None:
            msg = text("there is no such passkey any more")
            raise NotFound(msg)

        def act(form: forms.Form) -> None:
            passkeys.revoke(
                user=user,
                public_id=public_id,
                reason=form.cleaned_data["reason"],
                actor=actor(request),
            )

        return self._page(
            request, user, RemovePasskeyForm, act, what="passkey", passkey=found
        )
