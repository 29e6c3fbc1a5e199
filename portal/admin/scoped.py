"""What every admin page here shares: one tenant's operators see one tenant's rows."""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from breakglass.actors import Actor
from breakglass.errors import BreakglassError
from breakglass.models import Tenant, User
from breakglass.models.labels import FIELDS
from breakglass.queries import access
from portal.http.errors import sentence

M = TypeVar("M", bound=Model)
_CACHE = "_breakglass_managed"


def person(request: HttpRequest) -> User:
    """Returns the operator; the admin lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def actor(request: HttpRequest) -> Actor:
    """Returns the operator as the ledger names them."""
    return person(request).as_actor()


def managed(request: HttpRequest) -> list[Tenant]:
    """
    Returns the tenants whose rows this operator may see: asked once a request.

    Staff alone is nothing: it takes manage_tenant on the tenant, or a superuser.
    """
    found: list[Tenant] | None = getattr(request, _CACHE, None)
    if found is None:
        user = request.user
        found = _managed_by(user) if isinstance(user, User) else []
        setattr(request, _CACHE, found)
    return found


def _managed_by(user: User) -> list[Tenant]:
    if not (user.is_active and user.is_staff):
        return []
    if user.is_superuser:
        return list(Tenant.objects.all())
    return [
        tenant
        for tenant in access.tenants_of(user=user)
        if access.may(user=user, permission="manage_tenant", on=tenant)
    ]


class ManagedFilter(RelatedFieldListFilter):
    """A filter that lists only what the operator may see: names of others leak too."""

    def field_choices(
        self,
        field: Any,
        request: HttpRequest,
        model_admin: admin.ModelAdmin[Any],
    ) -> Any:
        """Returns the choices among managed tenants."""
        limit = {"pk__in": [tenant.pk for tenant in managed(request)]}
        return field.get_choices(include_blank=False, limit_choices_to=limit)


class ScopedAdmin(admin.ModelAdmin[M], Generic[M]):
    """
    Base of all our admin classes. Permissions come from the tenant, not from Django.

    `tenant_path` is the lookup from the model to its tenant. Nothing is ever deleted
    and there are no bulk actions; a subclass opens `add` and `change` by saying so.
    """

    tenant_path: ClassVar[str] = "tenant"
    can_add: ClassVar[bool] = False
    can_change: ClassVar[bool] = False
    actions = None
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Returns only rows of managed tenants; every page and lookup uses it."""
        rows = super().get_queryset(request)
        mine = [tenant.pk for tenant in managed(request)]
        return rows.filter(**{f"{self.tenant_path}__in": mine})

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        """
        Allows the list's own filters only.

        Django allows every local field, and with `__startswith` a secret column
        (a password's hash, a channel's address) could be read letter by letter.
        """
        names = [item if isinstance(item, str) else item[0] for item in self.filters]
        suffixes = ("", "__exact", "__id__exact", "__isnull")
        return any(lookup == name + suffix for name in names for suffix in suffixes)

    @property
    def filters(self) -> tuple[Any, ...]:
        """The list's filters as a plain tuple."""
        return tuple(self.list_filter)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Shows the model to operators of at least one tenant."""
        return bool(managed(request))

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Allows reading rows of managed tenants."""
        return self.manages(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allows adding where the class says so."""
        return self.can_add and bool(managed(request))

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Allows changing rows of managed tenants, where the class says so."""
        return self.can_change and self.manages(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Nothing that the log mentions is ever deleted."""
        return False

    def manages(self, request: HttpRequest, obj: M | None) -> bool:
        """Says whether the row (or, for None, any row) is this operator's."""
        if obj is None:
            return bool(managed(request))
        value: Any = obj
        for step in self.tenant_path.split("__"):
            value = getattr(value, step)
        return value in managed(request)

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offers only managed tenants, so no form names another one."""
        if db_field.related_model is Tenant:
            pks = [tenant.pk for tenant in managed(request)]
            kwargs["queryset"] = Tenant.objects.filter(pk__in=pks)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        bare(field)
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Shows what a service refused as a message, on the page it came from."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except BreakglassError as error:
            return refused(request, error)

    def response_change(self, request: HttpRequest, obj: M) -> HttpResponse:
        """Pop-ups are off: their answer page needs inline script."""
        require_no_popup(request)
        return super().response_change(request, obj)

    def save_as_told(self, obj: M, saved: M) -> None:
        """Copies what a service stored into the admin's own instance."""
        for field in obj._meta.concrete_fields:  # noqa: SLF001 - Django's documented API
            setattr(obj, field.attname, getattr(saved, field.attname))
        obj._state = saved._state  # noqa: SLF001 - or the admin would insert it again


class ReadOnlyAdmin(ScopedAdmin[M]):
    """For evidence: to be looked at, never touched."""


def bare(field: Any) -> None:
    """Takes the links to add and change off a related widget: they open pop-ups."""
    if field is not None:
        for name in ("can_add_related", "can_change_related", "can_delete_related"):
            setattr(field.widget, name, False)
        field.widget.can_view_related = False


def require_no_popup(request: HttpRequest) -> None:
    """Refuses the admin's pop-up mode."""
    if IS_POPUP_VAR in request.POST:
        raise PermissionDenied


def refused(request: HttpRequest, error: BreakglassError) -> HttpResponse:
    """Says what was refused and returns to the same page; nothing was stored."""
    messages.error(request, sentence(error))
    return HttpResponseRedirect(request.path)


def yes_or_no(name: str) -> Callable[[Model], str]:
    """
    Returns a list's column for what is true or not, as a word.

    Django draws a picture there, whose text for those who do not see it is English.
    """

    @admin.display(description=FIELDS[name], ordering=name)
    def shown(row: Model) -> str:
        return _("Yes") if getattr(row, name) else _("No")

    shown.__name__ = name  # the column's, in the page's classes
    return shown


def short(value: bytes | memoryview | None) -> str:
    """Returns the start of a hash, for a column."""
    return bytes(value).hex()[:12] if value else ""
