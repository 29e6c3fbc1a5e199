"""What a person or a gate may see: the tenant filters, and the row locks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import BigIntegerField, CharField, Model, OuterRef
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission
from guardian.shortcuts import get_group_perms, get_objects_for_user

from breakglass.errors import NotFound, NotPermitted
from breakglass.models import BypassRequest, Gate, GateToken, Grant, Tenant, User
from breakglass.texts import text

NO_SUCH_TENANT: Final = text(
    "there is no such tenant here, or you are not a member of it"
)


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token of some gate, whether it speaks for it now, and whether it ran out."""

    token: GateToken
    works: bool
    ran_out: bool


def _columns(model: type[Model], alias: str) -> str:
    fields = model._meta.concrete_fields  # noqa: SLF001  # Django documents it
    return ", ".join(f"{alias}.{field.column}" for field in fields)


# Plain SQL, since every call of a gate asks it: the ORM takes ten times as long to
# build it as the database takes to answer. `certainty` says the same of a token.
_TOKEN: Final = f"""
    SELECT k.revoked_at IS NULL AND g.retired_at IS NULL AND t.is_active
      AND (g.is_active OR g.turned_on_at IS NULL)
      AND (least(k.expires_at, k.lives_until) > bg_now()) IS NOT FALSE,
      (least(k.expires_at, k.lives_until) <= bg_now()) IS TRUE,
      {_columns(GateToken, "k")}, {_columns(Gate, "g")}, {_columns(Tenant, "t")}
    FROM breakglass_gatetoken k
    JOIN breakglass_gate g ON g.id = k.gate_id
    JOIN breakglass_tenant t ON t.id = g.tenant_id
    WHERE k.token_hash = %(token_hash)s
"""  # noqa: S608  # names of our own columns; the hash is a parameter


def may(*, user: User, permission: str, on: Tenant | Gate) -> bool:
    """
    Says whether the person holds the permission on this tenant or gate.

    For pages and actions, never for counting a quorum (style.md 4.3). Inactive
    people and inactive tenants get no, and being a superuser is no permission: what
    somebody may do stands in the roles, and so in the log.
    """
    return permission in rights(user=user, on=on)


def rights(*, user: User, on: Tenant | Gate) -> frozenset[str]:
    """Returns everything that `may` would allow the person on it, in one query."""
    tenant = on if isinstance(on, Tenant) else on.tenant
    if not (user.is_active and tenant.is_active):
        return frozenset()
    return frozenset(str(code) for code in get_group_perms(user, on))


def require_log(*, user: User, tenant: Tenant) -> None:
    """Raises NotPermitted for who may not read the tenant's audit log."""
    if not may(user=user, permission="view_audit_log", on=tenant):
        msg = text(
            "the audit log of %(tenant)s is for its auditors: ask for that role",
            tenant=tenant.slug,
        )
        raise NotPermitted(msg)


def require_evidence(*, user: User, tenant: Tenant) -> None:
    """Raises NotPermitted for who may not take evidence out of the tenant."""
    if not may(user=user, permission="export_evidence", on=tenant):
        msg = text(
            "evidence of %(tenant)s is for its auditors to take: ask for that role",
            tenant=tenant.slug,
        )
        raise NotPermitted(msg)


def tenants_of(*, user: User) -> list[Tenant]:
    """Returns the active tenants that the person may see, by slug."""
    return [one.tenant for one in memberships(user=user)]


@dataclass(frozen=True, slots=True)
class Membership:
    """A tenant that a person may see, and what else they may do there."""

    tenant: Tenant
    permissions: frozenset[str]


def memberships(*, user: User) -> list[Membership]:
    """
    Returns the active tenants that the person may see, with their rights, by slug.

    One query, however many tenants; it says of each right what `may` says. The
    tenants come with their log's standing.
    """
    if not user.is_active:
        return []
    held = GroupObjectPermission.objects.filter(
        content_type__app_label="breakglass",
        content_type__model="tenant",
        group__user=user,
    )
    seen = held.filter(permission__codename="view_tenant")
    rows = (
        Tenant.objects.filter(
            is_active=True,
            pk__in=seen.values(tenant=Cast("object_pk", BigIntegerField())),
        )
        .annotate(
            held=ArraySubquery(
                held.filter(object_pk=Cast(OuterRef("pk"), CharField())).values(
                    "permission__codename"
                )
            )
        )
        .select_related("log_standing")
        .order_by("slug")
    )
    return [Membership(tenant=row, permissions=frozenset(row.held)) for row in rows]


def tenant_for(*, user: User, slug: str) -> Tenant:
    """Returns the tenant; strangers and unknown slugs alike get NotFound."""
    tenant = Tenant.objects.filter(slug=slug, is_active=True).first()
    if tenant is None or not may(user=user, permission="view_tenant", on=tenant):
        raise NotFound(NO_SUCH_TENANT)
    return tenant


def request_for(*, tenant: Tenant, bypass_id: str) -> BypassRequest:
    """Returns the request of this tenant, or raises NotFound."""
    found = (
        BypassRequest.objects.filter(tenant=tenant, bypass_id=bypass_id)
        .select_related("gate__tenant", "requester", "tier", "policy", "tenant")
        .select_related("ended_by", "renews")
        .first()
    )
    if found is None:
        msg = text(
            "there is no request %(bypass_id)s in %(tenant)s",
            bypass_id=bypass_id[:20],
            tenant=tenant.slug,
        )
        raise NotFound(msg)
    return found


def gates_visible(*, user: User, tenant: Tenant) -> list[Gate]:
    """Returns the tenant's gates that the person may see, by slug."""
    return _gates(user=user, tenant=tenant, permission="view_gate")


def gates_seen(*, user: User, tenants: Sequence[Tenant]) -> list[Gate]:
    """As `gates_visible`, of several tenants that the person may see: one query."""
    if not user.is_active:
        return []
    held = GroupObjectPermission.objects.filter(
        content_type__app_label="breakglass",
        content_type__model="gate",
        permission__codename="view_gate",
        group__user=user,
    )
    seen = Gate.objects.filter(
        tenant__in=tenants,
        pk__in=held.values(gate=Cast("object_pk", BigIntegerField())),
    )
    return list(seen.select_related("tenant").order_by("tenant__slug", "slug"))


def gates_requestable(*, user: User, tenant: Tenant) -> list[Gate]:
    """Returns the active gates whose bypass the person may ask for, by slug."""
    gates = _gates(user=user, tenant=tenant, permission="request_gate_bypass")
    return [gate for gate in gates if gate.is_active]


def gate_for(*, user: User, tenant: Tenant, slug: str) -> Gate:
    """Returns one gate of the tenant that the person may see, or raises NotFound."""
    gate = Gate.objects.filter(tenant=tenant, slug=slug).select_related("tenant")
    found = gate.first()
    if found is None or not may(user=user, permission="view_gate", on=found):
        msg = text("there is no gate of that name in %(tenant)s", tenant=tenant.slug)
        raise NotFound(msg)
    return found


def gate_by_token(*, token_hash: bytes) -> Gate | None:
    """Returns the gate that a live token with this SHA-256 names, if any."""
    known = token_by_hash(token_hash=token_hash)
    return known.token.gate if known is not None and known.works else None


def token_by_hash(*, token_hash: bytes) -> KnownToken | None:
    """
    Returns the token with this SHA-256, and whether it speaks for its gate.

    It does while it is neither revoked nor run out, and its gate is in use or being
    set up, in an active tenant. One query on an index, whatever the answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TOKEN, {"token_hash": token_hash})
        row = cursor.fetchone()
    if row is None:
        return None
    works, ran_out, *values = row
    token, gate, tenant = _made(values, GateToken, Gate, Tenant)
    gate.tenant, token.gate = tenant, gate
    return KnownToken(token=token, works=works, ran_out=ran_out)


def lock_request(*, tenant: Tenant, bypass_id: str) -> BypassRequest:
    """
    Locks and returns the request row, the first lock of the order.

    All row locks are FOR NO KEY UPDATE. A foreign key is checked at commit by a key
    share lock on the row it names, when the chain's head is held already; FOR UPDATE
    would refuse that, and whoever holds one waits for the head: a deadlock.
    """
    locked = (
        BypassRequest.objects.select_for_update(of=("self",), no_key=True)
        .filter(tenant=tenant, bypass_id=bypass_id)
        .select_related("gate__tenant", "requester", "tier", "policy", "tenant")
        .first()
    )
    if locked is None:
        msg = text(
            "there is no request %(bypass_id)s in %(tenant)s",
            bypass_id=bypass_id[:20],
            tenant=tenant.slug,
        )
        raise NotFound(msg)
    return locked


def lock_grant(*, pk: int) -> Grant:
    """Locks and returns the grant row; after the request, before the gate."""
    return (
        Grant.objects.select_for_update(of=("self",), no_key=True)
        .select_related("gate__tenant", "request__requester", "request__tier")
        .select_related("tenant__log_standing", "postmortem")
        .get(pk=pk)
    )


def lock_gate(*, pk: int) -> Gate:
    """Locks and returns the gate row; after the grant, before the chain head."""
    return (
        Gate.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant")
        .get(pk=pk)
    )


def _made(values: Sequence[Any], *models: type[Model]) -> list[Any]:
    """Makes a row of each model from the columns that stand one after the other."""
    made, rest = [], values
    for model in models:
        fields = model._meta.concrete_fields  # noqa: SLF001  # Django documents it
        names = [field.attname for field in fields]
        made.append(model.from_db(DEFAULT_DB_ALIAS, names, rest[: len(names)]))
        rest = rest[len(names) :]
    return made


def _gates(*, user: User, tenant: Tenant, permission: str) -> list[Gate]:
    if not user.is_active:
        return []
    seen = get_objects_for_user(
        user,
        f"breakglass.{permission}",
        Gate,
        accept_global_perms=False,
        with_superuser=False,
    )
    return list(seen.filter(tenant=tenant).select_related("tenant").order_by("slug"))
