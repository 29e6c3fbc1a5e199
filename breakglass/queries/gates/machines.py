"""Machines that speak for gates: for the request that shows a token, and for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import BooleanField, ExpressionWrapper, Q

from breakglass import clock
from breakglass.models import Gate, GateIdentity, TokenIssuer


@dataclass(frozen=True, slots=True)
class Bound:
    """A machine under a token's issuer and audience, and whether its gate is in use."""

    identity: GateIdentity
    gate_in_use: bool


def issuer_named(name: str) -> tuple[TokenIssuer, datetime] | None:
    """Returns the issuer of exactly that name, with the database's time, or None."""
    found = TokenIssuer.objects.filter(issuer=name).annotate(now=clock.DbNow()).first()
    return (found, found.now) if found else None


def bound_to(*, issuer: TokenIssuer, audience: str) -> Sequence[Bound]:
    """Returns the live machines whose tokens are of this issuer, for this audience."""
    in_use = Q(gate__retired_at__isnull=True, gate__tenant__is_active=True) & (
        Q(gate__is_active=True) | Q(gate__turned_on_at__isnull=True)
    )
    rows = (
        GateIdentity.objects.filter(
            issuer=issuer, audience=audience, removed_at__isnull=True
        )
        .select_related("gate__tenant")
        .annotate(in_use=ExpressionWrapper(in_use, output_field=BooleanField()))
        .order_by("pk")
    )
    return [Bound(row, row.in_use) for row in rows]


def of_gate(*, gate: Gate) -> list[GateIdentity]:
    """Returns the machines that speak for a gate, newest first, with their issuers."""
    live = GateIdentity.objects.filter(gate=gate, removed_at__isnull=True)
    return list(live.select_related("issuer").order_by("-created_at", "-pk"))
