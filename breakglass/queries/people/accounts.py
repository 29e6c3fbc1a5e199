"""Accounts and identities: who somebody is, and in whose logs they appear."""

from breakglass.models import Identity, Tenant, User


def tenants_of(*users: User) -> list[Tenant]:
    """Returns every tenant that the accounts are in, in one order for the locks."""
    return list(
        Tenant.objects.filter(roles__memberships__user__in=users)
        .distinct()
        .order_by("pk")
    )


def identities_of(*, user: User) -> list[Identity]:
    """Returns the person's live identities, oldest first."""
    return list(user.identities.filter(unlinked_at__isnull=True).order_by("pk"))


def holder_of(*, issuer: str, subject: str) -> User | None:
    """Returns the person whom the pair is linked to now, active or not."""
    found = (
        Identity.objects.filter(
            issuer=issuer, subject=subject, unlinked_at__isnull=True
        )
        .select_related("user")
        .first()
    )
    return found.user if found else None


def holds(*, user: User, issuer: str, subject: str) -> bool:
    """Says whether the pair is linked to this very account, as of now."""
    return Identity.objects.filter(
        user=user, issuer=issuer, subject=subject, unlinked_at__isnull=True
    ).exists()
