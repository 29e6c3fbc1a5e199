"""
Role groups: who counts in a quorum, and what they may see and do.

A role's members and rights stand in our own rows; Django's group and guardian's
object permissions are derived from them here, in the same transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm, get_group_perms, remove_perm

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, InvalidInput
from breakglass.models import Gate, RoleGroup, RoleMember, Tenant, User
from breakglass.rules.identifiers import check_identifier, check_text

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
        msg = f"slug is longer than {SLUG_MAX} characters"
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
        msg = f"{tenant.slug} has a role named {slug[:40]} already"
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
    """Gives a person the role; Conflict when they hold it already."""
    _, added = RoleMember.objects.get_or_create(
        role=role,
        user=user,
        defaults={"added_at": clock.db_now(), "added_by": actor.name},
    )
    if not added:
        msg = f"{user.name} is in {role.name} already"
        raise Conflict(msg)
    user.groups.add(role.auth_group)
    _record_member(role=role, user=user, event=events.ROLE_MEMBER_ADDED, actor=actor)


@transaction.atomic
def remove_member(*, role: RoleGroup, user: User, actor: Actor) -> None:
    """Takes the role away; from now on the person's approvals do not count for it."""
    removed, _ = RoleMember.objects.filter(role=role, user=user).delete()
    if not removed:
        msg = f"{user.name} is not in {role.name}"
        raise Conflict(msg)
    user.groups.remove(role.auth_group)
    _record_member(role=role, user=user, event=events.ROLE_MEMBER_REMOVED, actor=actor)


def apply_to_gate(*, gate: Gate) -> None:
    """Gives the tenant's roles their rights on a gate; in the gate's transaction."""
    for role in gate.tenant.roles.select_related("auth_group"):
        _set(group=role.auth_group, on=gate, wanted=role.gate_permissions)


def _derive(*, role: RoleGroup) -> None:
    """Makes guardian's rows say what the role says."""
    _set(group=role.auth_group, on=role.tenant, wanted=role.tenant_permissions)
    for gate in role.tenant.gates.all():
        _set(group=role.auth_group, on=gate, wanted=role.gate_permissions)


def _set(*, group: Group, on: Tenant | Gate, wanted: Iterable[str]) -> None:
    held = {str(code) for code in get_group_perms(group, on)}
    for code in set(wanted) - held:
        assign_perm(code, group, on)
    for code in held - set(wanted):
        remove_perm(code, group, on)


def _known(codes: Sequence[str], allowed: frozenset[str]) -> list[str]:
    unknown = sorted(set(codes) - allowed)
    if unknown:
        msg = f"there is no such right: {', '.join(unknown)[:80]}"
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
        facts={"role": role.slug, "person": user.email, "id": str(user.public_id)},
    )
