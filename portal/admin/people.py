"""People and the groups they approve in. Every change goes through a service."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Prefetch, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from breakglass.errors import BreakglassError, NotFound
from breakglass.models import RoleGroup, RoleMember, User
from breakglass.services.people import accounts, roles
from breakglass.texts import text
from portal.admin.passkeys import PasskeyActions
from portal.admin.scoped import (
    ManagedFilter,
    ScopedAdmin,
    actor,
    managed,
    person,
    yes_or_no,
)
from portal.forms.people import AddMemberForm, NewPersonForm, RoleForm
from portal.http.errors import sentence


@admin.register(RoleGroup)
class RoleGroupAdmin(ScopedAdmin[RoleGroup]):
    """Groups: who counts in a quorum, and what its members may see and do."""

    can_add = True
    can_change = True
    form = RoleForm
    change_form_template = "admin/breakglass/rolegroup/change_form.html"
    list_display = ("slug", "tenant", "name", "size", "may")
    list_filter = (("tenant", ManagedFilter),)
    list_select_related = ("tenant",)
    search_fields = ("slug", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoleGroup]:
        """Loads the members, which the list counts."""
        return super().get_queryset(request).prefetch_related("memberships__user")

    def get_fields(
        self, request: HttpRequest, obj: RoleGroup | None = None
    ) -> tuple[str, ...]:
        """Orders the form as a sentence: where, what name, what rights."""
        return ("tenant", "slug", "name", "tenant_permissions", "gate_permissions")

    def get_readonly_fields(
        self, request: HttpRequest, obj: RoleGroup | None = None
    ) -> tuple[str, ...]:
        """Policies name a group by its slug, so that never changes."""
        return ("tenant", "slug") if obj else ()

    @admin.display(description=gettext_lazy("members"))
    def size(self, obj: RoleGroup) -> int:
        """How many people it has."""
        return len(obj.memberships.all())

    @admin.display(description=gettext_lazy("may"))
    def may(self, obj: RoleGroup) -> str:
        """Its permissions, in a line."""
        return ", ".join([*obj.tenant_permissions, *obj.gate_permissions]) or _("none")

    def get_urls(self) -> list[URLPattern]:
        """Adds the two member actions: plain POSTs."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/members/add/",
                wrap(require_POST(self.add_member)),
                name="breakglass_rolegroup_add_member",
            ),
            path(
                "<int:pk>/members/<int:user_pk>/remove/",
                wrap(self.remove_member),
                name="breakglass_rolegroup_remove_member",
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
        """Adds the form for a new member below the group's own."""
        context = {**(extra_context or {}), "member_form": AddMemberForm()}
        return super().change_view(request, object_id, form_url, context)

    def add_member(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Puts one person into the group."""
        role = self._role(request, pk)
        form = AddMemberForm(request.POST)
        if not form.is_valid():
            messages.error(request, " ".join(map(str, form.errors["email"])))
        else:
            user = form.cleaned_data["email"]
            self._do(request, roles.add_member, role=role, user=user)
        return _to(role)

    def remove_member(
        self, request: HttpRequest, pk: int, user_pk: int
    ) -> HttpResponse:
        """Asks, then takes one person out of the group."""
        role = self._role(request, pk)
        user = User.objects.filter(pk=user_pk, memberships__role=role).first()
        if user is None:
            msg = text("this person is not in the group")
            raise NotFound(msg)
        if request.method == "POST":
            self._do(request, roles.remove_member, role=role, user=user)
            return _to(role)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Take %(person)s out of %(group)s?")
            % {"person": user, "group": role},
            "role": role,
            "member": user,
        }
        template = "admin/breakglass/rolegroup/remove_member.html"
        return TemplateResponse(request, template, context)

    def save_model(
        self,
        request: HttpRequest,
        obj: RoleGroup,
        form: ModelForm[RoleGroup],
        change: bool,
    ) -> None:
        """Creates or changes the group, and the rights that follow from it."""
        words: dict[str, Any] = {
            "name": obj.name,
            "tenant_permissions": obj.tenant_permissions,
            "gate_permissions": obj.gate_permissions,
            "actor": actor(request),
        }
        if change:
            stored = RoleGroup.objects.select_related("tenant").get(pk=obj.pk)
            roles.change(role=stored, **words)
        else:
            saved = roles.create(tenant=obj.tenant, slug=obj.slug, **words)
            self.save_as_told(obj, saved)

    def _role(self, request: HttpRequest, pk: int) -> RoleGroup:
        role = self.get_queryset(request).select_related("tenant").filter(pk=pk).first()
        if role is None or not self.has_change_permission(request, role):
            msg = text("there is no such group here")
            raise NotFound(msg)
        return role

    def _do(self, request: HttpRequest, service: Any, **words: Model) -> None:
        try:
            service(actor=actor(request), **words)
        except BreakglassError as error:
            messages.error(request, sentence(error))
        else:
            messages.success(request, _("Done. It is in the audit log."))


@admin.register(User)
class UserAdmin(PasskeyActions):
    """
    People of the managed tenants.

    A person of two tenants is changed by who manages both, or by a superuser:
    otherwise one team could lock out another team's people.
    """

    tenant_path = "memberships__role__tenant"
    can_add = True
    can_change = True
    list_display = (
        *("email", "name", "kind", "groups_shown"),
        yes_or_no("is_active"),
        yes_or_no("is_staff"),
    )
    list_filter = ("is_active", "is_staff", "kind")
    search_fields = ("email", "name")
    ordering = ("email",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Returns each person once, with their groups; superusers see everybody."""
        rows = admin.ModelAdmin.get_queryset(self, request)
        if not person(request).is_superuser:
            mine = User.objects.filter(memberships__role__tenant__in=managed(request))
            rows = rows.filter(pk__in=mine.values("pk"))
        # Only the managed tenants' roles: in which others somebody is, is not told.
        mine_only = RoleMember.objects.filter(role__tenant__in=managed(request))
        shown = Prefetch("memberships", mine_only.select_related("role__tenant"))
        return rows.prefetch_related(shown)

    def manages(self, request: HttpRequest, obj: User | None) -> bool:
        """Says whether the person belongs to a managed tenant."""
        if obj is None or person(request).is_superuser:
            return bool(managed(request)) or person(request).is_superuser
        return bool(self._tenants(obj) & {tenant.pk for tenant in managed(request)})

    def has_change_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        """Nobody switches off a superuser, or a person of somebody else's tenant."""
        if obj is None or person(request).is_superuser:
            return self.manages(request, obj)
        mine = {tenant.pk for tenant in managed(request)}
        theirs = self._tenants(obj)
        return bool(theirs) and theirs <= mine and not obj.is_superuser

    def get_form(
        self,
        request: HttpRequest,
        obj: User | None = None,
        change: bool = False,  # noqa: FBT002 - Django's signature
        **kwargs: Any,
    ) -> Any:
        """A new person is put into a group; afterwards only `active` changes."""
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        words = {"tenants": managed(request), "__module__": __name__}
        return type("NewPersonFormHere", (NewPersonForm,), words)

    def get_fields(
        self, request: HttpRequest, obj: User | None = None
    ) -> tuple[str, ...]:
        """Never the password hash."""
        if obj is None:
            return ("email", "name", "kind", "password", "role", "is_staff")
        shown = ("email", "name", "kind", "groups_shown", "is_staff", "is_active")
        return (*shown, "date_joined", "last_login", "merged_into")

    def get_readonly_fields(
        self, request: HttpRequest, obj: User | None = None
    ) -> tuple[str, ...]:
        """The log names people by address, so that never changes here."""
        if obj is None:
            return ()
        kept = ("email", "name", "kind", "groups_shown", "is_staff")
        return (*kept, "date_joined", "last_login", "merged_into")

    @admin.display(description=gettext_lazy("groups"))
    def groups_shown(self, obj: User) -> str:
        """The groups that the person is in."""
        found = [f"{row.role.tenant}/{row.role.slug}" for row in obj.memberships.all()]
        return ", ".join(found) or _("none")

    def save_model(
        self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool
    ) -> None:
        """Creates the person and their membership, or (de)activates them."""
        who = actor(request)
        if change:
            stored = User.objects.get(pk=obj.pk)
            if obj.is_active != stored.is_active:
                turn = accounts.activate if obj.is_active else accounts.deactivate
                turn(user=stored, actor=who)
            return
        data = form.cleaned_data
        saved = accounts.create(
            email=data["email"],
            name=data["name"],
            password=data["password"] or None,
            actor=who,
            kind=data["kind"],
            is_staff=data["is_staff"],
        )
        roles.add_member(role=data["role"], user=saved, actor=who)
        self.save_as_told(obj, saved)

    def _tenants(self, obj: User) -> set[int]:
        # Asked afresh: what the list prefetched holds managed tenants only.
        held = RoleMember.objects.filter(user=obj)
        return set(held.values_list("role__tenant_id", flat=True))


def _to(role: RoleGroup) -> HttpResponse:
    return HttpResponseRedirect(
        reverse("admin:breakglass_rolegroup_change", args=[role.pk])
    )
