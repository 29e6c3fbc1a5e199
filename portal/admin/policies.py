"""Policies: published versions to read, one draft a tenant to edit and publish."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from breakglass.errors import BreakglassError, Conflict, NotFound
from breakglass.models import Policy
from breakglass.services.tenancy import policies, proposals
from breakglass.states import PolicyState
from breakglass.texts import text
from portal.admin.policy_reading import differing, proposing, reading, trying
from portal.admin.policy_tiers import TierInline, is_draft, require
from portal.admin.scoped import ManagedFilter, ScopedAdmin, actor, managed, person
from portal.http.errors import sentence

_SHOWN: Final = (
    *("tenant", "version_shown", "note", "author", "published_at", "published_by"),
)
_TITLES: Final = {
    "publish": gettext_lazy("Publish the draft of %(tenant)s?"),
    "discard": gettext_lazy("Discard the draft of %(tenant)s?"),
}


@admin.register(Policy)
class PolicyAdmin(ScopedAdmin[Policy]):
    """Policies. Buttons are POSTs to services; a draft's tiers are this form's own."""

    can_change = True
    inlines = (TierInline,)
    change_form_template = "admin/breakglass/policy/change_form.html"
    change_list_template = "admin/breakglass/policy/change_list.html"
    list_display = (
        *("version_shown", "tenant", "state", "tier_count", "note", "author"),
        *("published_at", "published_by"),
    )
    list_display_links = ("version_shown",)
    list_filter = (("tenant", ManagedFilter), "state")
    list_select_related = ("tenant", "author")
    ordering = ("tenant", "state", "-version")
    readonly_fields = (
        *("tenant", "version_shown", "author", "published_at", "published_by"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        """Counts the tiers, which the list shows."""
        return super().get_queryset(request).annotate(tiers_in_it=Count("tiers"))

    @admin.display(description=gettext_lazy("version"), ordering="version")
    def version_shown(self, obj: Policy) -> str:
        """The number, or that there is none yet."""
        if not obj.version:
            return _("Draft")
        return _("Version %(version)s") % {"version": obj.version}

    @admin.display(description=gettext_lazy("tiers"), ordering="tiers_in_it")
    def tier_count(self, obj: Policy) -> int:
        """How many tiers it has."""
        return int(obj.tiers_in_it)  # type: ignore[attr-defined] # annotated above

    def has_change_permission(
        self, request: HttpRequest, obj: Policy | None = None
    ) -> bool:
        """A published version never changes; the database refuses it as well."""
        good = super().has_change_permission(request, obj)
        return good and (obj is None or is_draft(obj))

    def get_fields(
        self, request: HttpRequest, obj: Policy | None = None
    ) -> tuple[str, ...]:
        """A draft has nobody who published it."""
        return ("tenant", "note") if is_draft(obj) else _SHOWN

    def get_urls(self) -> list[URLPattern]:
        """Adds the three buttons."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "draft/<slug:slug>/",
                wrap(require_POST(self.new_draft)),
                name="breakglass_policy_draft",
            ),
            path(
                "<int:pk>/publish/",
                wrap(self.publish),
                name="breakglass_policy_publish",
            ),
            path(
                "<int:pk>/discard/",
                wrap(self.discard),
                name="breakglass_policy_discard",
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offers a new draft for each managed tenant that has none."""
        drafted = self.get_queryset(request).filter(state=PolicyState.DRAFT)
        taken = set(drafted.values_list("tenant_id", flat=True))
        free = [tenant for tenant in managed(request) if tenant.pk not in taken]
        context = {**(extra_context or {}), "without_draft": free}
        return super().changelist_view(request, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Adds the version in words, what is wrong with a draft, and "Try it"."""
        policy = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if policy is not None:
            context |= {**reading(policy), **trying(request, policy)}
        return super().change_view(request, object_id, form_url, context)

    def new_draft(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Starts the next version as a copy of the current one."""
        tenant = next((one for one in managed(request) if one.slug == slug), None)
        if tenant is None:
            msg = text("there is no such tenant here")
            raise NotFound(msg)
        try:
            draft = policies.new_draft(tenant=tenant, author=person(request))
        except BreakglassError as error:
            messages.error(request, sentence(error))
            return HttpResponseRedirect(_list())
        messages.success(request, _("This draft is a copy of the version in force."))
        return HttpResponseRedirect(_page(draft.pk))

    def publish(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks, showing the whole version in words; then it is in force for good."""
        return self._confirmed(request, pk, "publish", self._publish)

    def discard(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks, then drops the draft."""
        return self._confirmed(request, pk, "discard", self._discard)

    def save_model(
        self, request: HttpRequest, obj: Policy, form: ModelForm[Policy], change: bool
    ) -> None:
        """Stores the note of a draft, and keeps the draft a draft until commit."""
        locked = Policy.objects.select_for_update(of=("self",)).get(pk=obj.pk)
        if locked.state != PolicyState.DRAFT:
            msg = text("this version was published meanwhile: start a new draft")
            raise Conflict(msg)
        obj.save(update_fields=["note"])

    def save_formset(
        self,
        request: HttpRequest,
        form: ModelForm[Policy],
        formset: BaseInlineFormSet[Any, Any, Any],
        change: bool,
    ) -> None:
        """Stores the draft's tiers and requirements; only publishing counts."""
        with transaction.atomic():
            super().save_formset(request, form, formset, change)
            for tier_form in formset.forms:
                if tier_form.has_changed() and tier_form.instance.pk:
                    require(tier_form.instance, tier_form.cleaned_data)

    def _confirmed(
        self,
        request: HttpRequest,
        pk: int,
        verb: str,
        do: Callable[[HttpRequest, Policy], None],
    ) -> HttpResponse:
        policy = self._draft(request, pk)
        if request.method == "POST":
            try:
                do(request, policy)
            except BreakglassError as error:
                messages.error(request, sentence(error))
                return HttpResponseRedirect(_page(pk))
            return HttpResponseRedirect(_list())
        context = {
            **self.admin_site.each_context(request),
            **reading(policy),
            **differing(policy),
            **proposing(policy, person(request)),
            "opts": self.opts,
            "title": _TITLES[verb] % {"tenant": policy.tenant.name},
            "policy": policy,
        }
        template = f"admin/breakglass/policy/{verb}.html"
        return TemplateResponse(request, template, context)

    def _publish(self, request: HttpRequest, policy: Policy) -> None:
        who = person(request)
        if not policy.tenant.policy_needs_second_admin:
            done = policies.publish(policy_id=policy.pk, actor=who.as_actor())
        elif seen := request.POST.get("proposal"):
            done = proposals.confirm(policy_id=policy.pk, person=who, digest=seen)
        else:
            proposals.propose(policy_id=policy.pk, person=who)
            messages.success(
                request, _("The draft is proposed. Another admin has to confirm it.")
            )
            return
        said = _("Version %(version)s is in force.")
        messages.success(request, said % {"version": done.version})

    def _discard(self, request: HttpRequest, policy: Policy) -> None:
        policies.discard_draft(policy_id=policy.pk, actor=actor(request))
        messages.success(request, _("The draft is gone; nothing of it was in force."))

    def _draft(self, request: HttpRequest, pk: int) -> Policy:
        rows: QuerySet[Policy] = self.get_queryset(request)
        rows = rows.select_related("tenant", "proposed_by")
        policy = rows.filter(pk=pk, state=PolicyState.DRAFT).first()
        if policy is None:
            msg = text("there is no such draft here")
            raise NotFound(msg)
        return policy


def _list() -> str:
    return reverse("admin:breakglass_policy_changelist")


def _page(pk: int) -> str:
    return reverse("admin:breakglass_policy_change", args=[pk])
