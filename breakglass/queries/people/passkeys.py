"""Passkeys: whose there are, and which of them may approve in a tenant now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from breakglass.clock import DbNow
from breakglass.models import (
    Credential,
    CredentialNotice,
    RoleMember,
    Tenant,
    User,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One person's passkeys in one tenant: those that count, and when the next does."""

    usable: tuple[Credential, ...]
    cooling_until: datetime | None


def tenants_of(*, user: User) -> list[Tenant]:
    """Returns every tenant that the person is in, in one order for the locks."""
    return list(
        Tenant.objects.filter(roles__memberships__user=user).distinct().order_by("pk")
    )


def live(*, user: User) -> QuerySet[Credential]:
    """Returns the person's passkeys that were not removed, oldest first."""
    return Credential.objects.filter(user=user, revoked_at__isnull=True).order_by(
        "enrolled_at", "pk"
    )


def standing(*, tenant: Tenant, user: User, now: datetime) -> Standing:
    """Returns which of the person's passkeys may approve in this tenant as of `now`."""
    notices = list(
        CredentialNotice.objects.filter(
            tenant=tenant, credential__user=user, credential__revoked_at__isnull=True
        )
        .select_related("credential")
        .order_by("usable_from", "pk")
    )
    cooling = [row.usable_from for row in notices if now < row.usable_from]
    return Standing(
        usable=tuple(row.credential for row in notices if row.usable_from <= now),
        cooling_until=min(cooling, default=None),
    )


def ready(*, tenant: Tenant, users: Iterable[User]) -> list[User]:
    """Returns those of the people who have a passkey that may approve here now."""
    asked = list(users)
    have = set(
        _usable(tenant=tenant)
        .filter(credential__user__in=[user.pk for user in asked])
        .values_list("credential__user_id", flat=True)
    )
    return [user for user in asked if user.pk in have]


def tenants_ready(*, user: User) -> set[int]:
    """Returns the ids of the tenants in which the person has a passkey that counts."""
    mine = CredentialNotice.objects.filter(
        credential__user=user,
        credential__revoked_at__isnull=True,
        usable_from__lte=DbNow(),
    )
    return set(mine.values_list("tenant_id", flat=True))


def ready_by_group(*, tenant: Tenant) -> dict[str, set[int]]:
    """Returns, for each group, the ids of those in it who could approve with one."""
    have = _usable(tenant=tenant).values("credential__user_id")
    members = RoleMember.objects.filter(
        role__tenant=tenant,
        user__in=have,
        user__is_active=True,
        user__kind="human",
    )
    groups: dict[str, set[int]] = {}
    for slug, user_id in members.values_list("role__slug", "user_id"):
        groups.setdefault(slug, set()).add(user_id)
    return groups


def usable_from(*, credential: Credential) -> datetime | None:
    """Returns when it may approve in every tenant that knows it; None before any."""
    times = credential.notices.order_by("-usable_from")
    return times.values_list("usable_from", flat=True).first()


def _usable(*, tenant: Tenant) -> QuerySet[CredentialNotice]:
    return CredentialNotice.objects.filter(
        tenant=tenant,
        credential__revoked_at__isnull=True,
        usable_from__lte=DbNow(),
    )
