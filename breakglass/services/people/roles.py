"""
Role groups: who counts in a quorum, and what they may see and do.

A role's members and rights stand in our own rows; Django's group and guardian's
object permissions are derived from them here, in the same transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from guardian.models import GroupObjectPermission

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, InvalidInput
from breakglass.models import Gate, RoleGroup, RoleMember, Tenant, User
from breakglass.rules.identifiers import check_identifier, check_text
from breakglass.services.people import passkeys
from breakglass.texts import text

TENANT_PERMISSIONS: Final = frozenset(code for code, _ in Tenant._meta.permissions)  # noqa: SLF001 - Django's documented Meta API
GATE_PERMISSIONS: Final = frozenset(code for code, _ in Gate._meta.permissions)  # noqa: SLF001 - Django's documented Meta API

SLUG_MAX: Final = 50


@transaction.atomic
def create(
    *,
    tenant: Tenant,
    slug: str,
    name: str,
    tenant_permissions: Sequence[str],
    gate_permissions: Sequence[str],
    actor: Actor,
) -> RoleGroup:
    """Adds a role with its rights; Conflict when the tenant has it already."""
    check_identifier(slug, field="slug", slash=False)
    if len(slug) > SLUG_MAX:
        msg = text("slug is longer than %(slug_max)s characters", slug_max=SLUG_MAX)
        raise InvalidInput(msg, field="slug")
    try:
        with transaction.atomic():
            role = RoleGroup.objects.create(
                tenant=tenant,
                slug=slug,
                name=check_text(name, field="name", minimum=1, maximum=100),
                tenant_permissions=_known(tenant_permissions, TENANT_PERMISSIONS),
                gate_permissions=_known(gate_permissions, GATE_PERMISSIONS),
                auth_group=Group.objects.create(name=f"{tenant.slug}/{slug}"),
            )
    except IntegrityError as error:
        msg = text(
            "%(tenant)s has a role named %(slug)s already",
            tenant=tenant.slug,
            slug=slug[:40],
        )
        raise Conflict(msg) from error
    _derive(role=role)
    _record(role=role, event=events.ROLE_CREATED, actor=actor)
    return role


@transaction.atomic
def change(
    *,
    role: RoleGroup,
    name: str,
    tenant_permissions: Sequence[str],
    gate_permissions: Sequence[str],
    actor: Actor,
) -> RoleGroup:
    """Edits a role's name and rights, for every member at once."""
    role = RoleGroup.objects.select_for_update(of=("self",), no_key=True).get(
        pk=role.pk
    )
    role.name = check_text(name, field="name", minimum=1, maximum=100)
    role.tenant_permissions = _known(tenant_permissions, TENANT_PERMISSIONS)
    role.gate_permissions = _known(gate_permissions, GATE_PERMISSIONS)
    role.save(update_fields=["name", "tenant_permissions", "gate_permissions"])
    _derive(role=role)
    _record(role=role, event=events.ROLE_CHANGED, actor=actor)
    return role


@transaction.atomic
def add_member(*, role: RoleGroup, user: User, actor: Actor) -> None:
    """
    Gives a person the role; Conflict when they hold it already.

    Somebody new to the tenant brings their passkeys: its log names each of them, and
    from that entry on they cool down there.
    """
    passkeys.lock_person(pk=user.pk)  # against an enrolment at this very moment
    _, added = RoleMember.objects.get_or_create(
        role=role,
        user=user,
        defaults={"added_at": clock.db_now(), "added_by": actor.name},
    )
    if not added:
        msg = text("%(user)s is in %(role)s already", user=user.name, role=role.name)
        raise Conflict(msg)
    user.groups.add(role.auth_group)
    _record_member(role=role, user=user, event=events.ROLE_MEMBER_ADDED, actor=actor)
    passkeys.introduce(user=user, tenant=role.tenant, actor=actor)


@transaction.atomic
def remove_member(*, role: RoleGroup, user: User, actor: Actor) -> None:
    """Takes the role away; from now on the person's approvals do not count for it."""
    removed, _ = RoleMember.objects.filter(role=role, user=user).delete()
    if not removed:
        msg = text("%(user)s is not in %(role)s", user=user.name, role=role.name)
        raise Conflict(msg)
    user.groups.remove(role.auth_group)
    _record_member(role=role, user=user, event=events.ROLE_MEMBER_REMOVED, actor=actor)


def apply_to_gate(*, gate: Gate) -> None:
    """Gives the tenant's roles their rights on a new gate; in its transaction."""
    roles = gate.tenant.roles.select_related("auth_group")
    _give(on=gate, rights={r.auth_group: r.gate_permissions for r in roles})


def _derive(*, role: RoleGroup) -> None:
    """Makes guardian's rows say what the role says."""
    _set(group=role.auth_group, on=role.tenant, wanted=role.tenant_permissions)
    for gate in role.tenant.gates.all():
        _set(group=role.auth_group, on=gate, wanted=role.gate_permissions)


def _set(*, group: Group, on: Tenant | Gate, wanted: Sequence[str]) -> None:
    """Makes guardian's rows of one group on one object be exactly `wanted`."""
    rows = GroupObjectPermission.objects.filter(
        group=group,
        content_type=ContentType.objects.get_for_model(on),
        object_pk=str(on.pk),
    )
    held = set(rows.values_list("permission__codename", flat=True))
    if set(wanted) - held:
        _give(on=on, rights={group: sorted(set(wanted) - held)})
    if held - set(wanted):
        rows.exclude(permission__codename__in=wanted).delete()


def _give(*, on: Tenant | Gate, rights: Mapping[Group, Sequence[str]]) -> None:
    """Adds guardian's rows for rights that the groups do not hold yet."""
    kind = ContentType.objects.get_for_model(on)
    known = {p.codename: p for p in Permission.objects.filter(content_type=kind)}
    GroupObjectPermission.objects.bulk_create(
        GroupObjectPermission(
            group=group,
            content_type=kind,
            object_pk=str(on.pk),
            permission=known[code],
        )
        for group, codes in rights.items()
        for code in codes
    )


def _known(codes: Sequence[str], allowed: frozenset[str]) -> list[str]:
    unknown = sorted(set(codes) - allowed)
    if unknown:
        msg = text(
            "there is no such right: %(unknown)s", unknown=", ".join(unknown)[:80]
        )
        raise InvalidInput(msg, field="permissions")
    return sorted(set(codes))


def _record(*, role: RoleGroup, event: str, actor: Actor) -> None:
    ledger.append(
        tenant=role.tenant,
        event=event,
        actor=actor,
        facts={
            "role": role.slug,
            "name": role.name,
            "tenant_permissions": list(role.tenant_permissions),
            "gate_permissions": list(role.gate_permissions),
        },
    )


def _record_member(*, role: RoleGroup, user: User, event: str, actor: Actor) -> None:
    ledger.append(
        tenant=role.tenant,
        event=event,
        actor=actor,
        facts={
            "role": role.slug,
            "person": user.email,
            "id": str(user.public_id),
            "kind": user.kind,
        },
    )
