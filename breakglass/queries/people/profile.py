"""What a person's own page says about them."""

from collections.abc import Sequence
from dataclasses import dataclass

from breakglass.models import Channel, RoleMember, Tenant, User


@dataclass(frozen=True, slots=True)
class About:
    """How a person signs in, what they are, and where their teams are told."""

    passkeys: int
    identities: int
    roles: list[RoleMember]
    channels: list[Channel]


def about(*, user: User, tenants: Sequence[Tenant]) -> About:
    """Returns it, within the tenants that the person may see: four queries."""
    roles = RoleMember.objects.filter(user=user, role__tenant__in=tenants)
    channels = Channel.objects.filter(tenant__in=tenants, is_active=True)
    return About(
        passkeys=user.credentials.filter(revoked_at__isnull=True).count(),
        identities=user.identities.filter(unlinked_at__isnull=True).count(),
        roles=list(
            roles.select_related("role__tenant").order_by(
                "role__tenant__name", "role__name"
            )
        ),
        channels=list(
            channels.select_related("tenant").order_by("tenant__name", "name")
        ),
    )
