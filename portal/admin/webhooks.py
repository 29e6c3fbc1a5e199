"""Webhooks: who is told by machine, their secrets, and how the telling went."""

from typing import Any, Final

from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from breakglass.errors import BreakglassError
from breakglass.models import Webhook, WebhookDelivery
from breakglass.services.hooks import addresses
from portal.admin.gate_scoped import GateScopedAdmin
from portal.admin.scoped import (
    ManagedFilter,
    ReadOnlyAdmin,
    actor,
)
from portal.forms.webhooks import WebhookForm
from portal.http.errors import sentence
from portal.templatetags.portal import status

_SECRET: Final = "breakglass.webhook_secret"  # noqa: S105 - a key, not a secret


@admin.register(Webhook)
class WebhookAdmin(GateScopedAdmin[Webhook]):
    """Where a tenant's pipelines are told of bypasses. Secrets are shown once."""

    can_add = True
    can_change = True
    form = WebhookForm
    change_form_template = "admin/breakglass/webhook/change_form.html"
    list_display = ("name", "tenant", "gate", "host", "is_active", "off_because")
    list_filter = (("tenant", ManagedFilter), "is_active")
    list_select_related = ("tenant", "gate")

    def get_fields(self, request: HttpRequest, obj: Webhook | None = None) -> Any:
        """A new one is in use at once."""
        named = ("tenant", "gate", "name", "url")
        return (*named, "is_active", "off_because", "host") if obj else named

    def get_readonly_fields(
        self, request: HttpRequest, obj: Webhook | None = None
    ) -> tuple[str, ...]:
        """A webhook stays with its tenant."""
        return ("tenant", "off_because", "host") if obj else ()

    def get_urls(self) -> list[URLPattern]:
        """Adds the rotation."""
        rotate = self.admin_site.admin_view(self.rotate)
        mine = path("<int:pk>/rotate/", rotate, name="breakglass_webhook_rotate")
        return [mine, *super().get_urls()]

    @admin.display(description=_lazy("host"))
    def host(self, obj: Webhook) -> str:
        """What may be shown of its address."""
        return addresses.host_of(obj)

    def save_model(
        self, request: HttpRequest, obj: Webhook, form: ModelForm[Webhook], change: bool
    ) -> None:
        """Saves the webhook through the service; the answer shows a new secret."""
        saved = addresses.store(
            tenant=obj.tenant,
            gate=obj.gate,
            name=obj.name,
            url=form.cleaned_data["url"],
            is_active=obj.is_active if change else True,
            actor=actor(request),
            webhook_id=obj.pk if change else None,
        )
        request.META[_SECRET] = saved.secret
        self.save_as_told(obj, saved.webhook)

    def response_add(
        self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Shows the secret, this once, where the webhook was made."""
        secret = request.META.pop(_SECRET, "")
        if not secret:
            return super().response_add(request, obj, post_url_continue)
        return self._shown(request, obj, secret)

    def rotate(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks first; then shows the new secret, once. The old one signs on a while."""
        webhook = self.get_object(request, str(pk))
        if webhook is None or not self.has_change_permission(request, webhook):
            raise Http404
        if request.method == "POST":
            try:
                saved = addresses.rotate(
                    tenant=webhook.tenant, webhook_id=pk, actor=actor(request)
                )
            except BreakglassError as error:
                messages.error(request, sentence(error))
                return HttpResponseRedirect(_page(pk))
            return self._shown(request, saved.webhook, saved.secret)
        context = self._context(request, webhook, _("Rotate the secret?"))
        return render(request, "admin/breakglass/webhook/rotate.html", context)

    def _shown(
        self, request: HttpRequest, webhook: Webhook, secret: str
    ) -> HttpResponse:
        context = {
            **self._context(request, webhook, _("The secret of the webhook")),
            "secret": secret,
        }
        answer = render(request, "admin/breakglass/webhook/secret.html", context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _context(
        self, request: HttpRequest, webhook: Webhook, title: str
    ) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "webhook": webhook,
            "overlap_hours": int(addresses.OVERLAP.total_seconds() // 3600),
        }


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin[WebhookDelivery]):
    """What each webhook was told, newest first, and what went wrong in words."""

    tenant_path = "webhook__tenant"
    list_display = (
        *("event", "bypass_id", "webhook", "how", "attempts", "last_error"),
        *("created_at", "sent_at", "next_try"),
    )
    list_filter = ("state", "event")
    list_select_related = ("webhook__tenant", "gate")
    search_fields = ("bypass_id", "event_id", "webhook__name")
    fields = (
        *("webhook", "event", "event_id", "gate", "bypass_id", "body", "how"),
        *("attempts", "last_error", "created_at", "next_try", "sent_at"),
    )

    def get_readonly_fields(
        self, request: HttpRequest, obj: WebhookDelivery | None = None
    ) -> tuple[str, ...]:
        """All of it is to look at."""
        return self.fields

    @admin.display(description=_lazy("state"), ordering="state")
    def how(self, obj: WebhookDelivery) -> SafeString:
        """Its state: an icon and a word."""
        return format_html("{}", status(obj.state, "delivery"))

    @admin.display(description=_lazy("next try"), ordering="next_try_at")
    def next_try(self, obj: WebhookDelivery) -> Any:
        """When it is sent again, while it waits."""
        return obj.next_try_at if obj.state == "pending" else None


def _page(pk: int) -> str:
    return reverse("admin:breakglass_webhook_change", args=[pk])
