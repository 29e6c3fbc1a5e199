"""
Identities of a person, and two accounts that are one: for operators, each on a page.

Whoever links an identity hands out a way in, so each page asks for a sign-in that is
minutes old. Every change goes through its service and is in the log.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from breakglass.errors import BreakglassError, InvalidInput, NotFound
from breakglass.models import User
from breakglass.queries.people import accounts as people
from breakglass.services.people import identities
from breakglass.texts import text
from portal.admin.scoped import ScopedAdmin, actor
from portal.forms.identities import UNKNOWN, LinkForm, MergeForm, UnlinkForm
from portal.http.accounts import adapter
from portal.http.accounts.oidc import name_of
from portal.http.errors import put_on

_TEMPLATE = "admin/breakglass/user/identity_action.html"
_TITLES: Final = {
    "link": gettext_lazy("Link an identity to %(person)s"),
    "unlink": gettext_lazy("Unlink an identity of %(person)s"),
    "merge": gettext_lazy("Merge another account into %(person)s"),
    "passkey": gettext_lazy("Remove a passkey of %(person)s"),
}


class IdentityActions(ScopedAdmin[User]):
    """The three pages, and the section on the person's own that leads there."""

    change_form_template = "admin/breakglass/user/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Adds the pages, each behind the admin's own login."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/identities/link/",
                wrap(self.link_identity),
                name="breakglass_user_link",
            ),
            path(
                "<int:pk>/identities/<int:identity_id>/unlink/",
                wrap(self.unlink_identity),
                name="breakglass_user_unlink",
            ),
            path(
                "<int:pk>/merge/",
                wrap(self.merge_account),
                name="breakglass_user_merge",
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
        """Shows the identities below the account; only to who may change it."""
        context = dict(extra_context or {})
        user = self.get_object(request, object_id)
        if user is not None and self.has_change_permission(request, user):
            rows = people.identities_of(user=user)
            context["identities"] = [(row, name_of(row.issuer)) for row in rows]
        return super().change_view(request, object_id, form_url, context)

    def link_identity(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Links a pair to the person."""
        user = self._user(request, pk)

        def act(form: forms.Form) -> None:
            identities.link(user=user, actor=actor(request), **form.cleaned_data)

        return self._page(request, user, LinkForm, act, what="link")

    def unlink_identity(
        self, request: HttpRequest, pk: int, identity_id: int
    ) -> HttpResponse:
        """Ends one link of the person, with a reason."""
        user = self._user(request, pk)
        rows = {row.pk: row for row in people.identities_of(user=user)}
        if identity_id not in rows:
            msg = text("this identity is not linked to this person")
            raise NotFound(msg)

        def act(form: forms.Form) -> None:
            why = form.cleaned_data["reason"]
            identities.unlink(identity_id=identity_id, reason=why, actor=actor(request))

        return self._page(
            request, user, UnlinkForm, act, what="unlink", identity=rows[identity_id]
        )

    def merge_account(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Gives another account of the same person up for this one."""
        user = self._user(request, pk)

        def act(form: forms.Form) -> None:
            other: User = form.cleaned_data["email"]
            if not self.has_change_permission(request, other):
                raise InvalidInput(UNKNOWN, field="email")
            identities.merge(
                keep=user,
                merged=other,
                reason=form.cleaned_data["reason"],
                actor=actor(request),
            )

        return self._page(request, user, MergeForm, act, what="merge")

    def _page(
        self,
        request: HttpRequest,
        user: User,
        kind: type[forms.Form],
        act: Callable[[forms.Form], None],
        **words: Any,
    ) -> HttpResponse:
        if not adapter.recently_confirmed(request):
            query = urlencode({"next": request.path})
            return HttpResponseRedirect(f"{reverse('stepup')}?{query}")
        form = kind(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                act(form)
            except BreakglassError as error:
                put_on(form, error)
            else:
                messages.success(request, _("Done. It is in the audit log."))
                home = reverse("admin:breakglass_user_change", args=[user.pk])
                return HttpResponseRedirect(home)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _TITLES[words["what"]] % {"person": user},
            "person": user,
            "form": form,
            **words,
        }
        return TemplateResponse(request, _TEMPLATE, context)

    def _user(self, request: HttpRequest, pk: int) -> User:
        user = self.get_queryset(request).filter(pk=pk).first()
        if user is None or not self.has_change_permission(request, user):
            msg = text("there is no such person here, or you may not change them")
            raise NotFound(msg)
        return user
