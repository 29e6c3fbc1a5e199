"""Grants in force at a moment, and as the decision rule sees them."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q
from django.db.models.functions import Coalesce, Least

from breakglass.clock import DbNow
from breakglass.models import Grant, Tenant
from breakglass.states import GrantState


def in_force_of(*, tenants: list[Tenant]) -> list[Grant]:
    """Returns what is bypassed right now in these tenants, soonest end first."""
    return list(
        Grant.objects.filter(
            tenant__in=tenants, state=GrantState.ACTIVE, expires_at__gt=DbNow()
        )
        .select_related("tenant", "gate", "request__requester", "request__tier")
        .order_by("expires_at")
    )


def last_closed(*, tenants: Sequence[Tenant], now: datetime) -> Grant | None:
    """Returns the bypass of these tenants whose window ended last, if any did."""
    return (
        Grant.objects.filter(tenant__in=tenants)
        .filter(~Q(state=GrantState.ACTIVE) | Q(expires_at__lte=now))
        .select_related("tenant", "request")
        .annotate(
            ended_at=Least(Coalesce("closed_at", "expires_at"), "expires_at"),
        )
        .order_by("-ended_at", "-pk")
        .first()
    )
