"""Findings about gates: what is open, who answers for it, and who may."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Case, Q, QuerySet, When

from breakglass.errors import NotFound
from breakglass.models import Finding, Gate, RoleMember, Tenant, User
from breakglass.models.people import UserKind
from breakglass.queries import access
from breakglass.texts import text

LISTED = 50


def open_of(
    *, tenants: Sequence[Tenant], gates: Sequence[Gate] | None = None
) -> list[Finding]:
    """Returns what is open about these tenants' gates (or those), longest first."""
    rows = _of(_rows().filter(tenant__in=tenants, closed_at__isnull=True), gates)
    return list(rows.order_by("opened_at", "pk"))


def of_gate(*, gate: Gate) -> list[Finding]:
    """Returns what is open about one gate, longest open first."""
    rows = _rows().filter(gate=gate, closed_at__isnull=True)
    return list(rows.order_by("opened_at", "pk"))


def closed_of(
    *, tenant: Tenant, gates: Sequence[Gate], limit: int = LISTED
) -> list[Finding]:
    """Returns what was closed about these gates of the tenant, latest first."""
    rows = _of(_rows().filter(tenant=tenant, closed_at__isnull=False), gates)
    return list(rows.order_by("-closed_at", "-pk")[:limit])


def finding_for(*, user: User, tenant: Tenant, public_id: UUID) -> Finding:
    """Returns one finding about a gate that the person may see, or NotFound."""
    found = _rows().filter(tenant=tenant, public_id=public_id).first()
    if found is None or not access.may(
        user=user, permission="view_gate", on=found.gate
    ):
        msg = text("there is no such finding in %(tenant)s", tenant=tenant.slug)
        raise NotFound(msg)
    return found


def may_answer(*, user: User, finding: Finding) -> bool:
    """Says whether this person may close a finding or hand it over."""
    held = access.rights(user=user, on=finding.gate)
    if "manage_gate" in held:
        return True
    return "view_gate" in held and answers_for(finding=finding) == user


def answers_for(*, finding: Finding) -> User | None:
    """Returns its owner; once they may not see the gate, whoever answers for that."""
    owner, gate = finding.owner, finding.gate
    if owner and access.may(user=owner, permission="view_gate", on=gate):
        return owner
    return owner_of(gate=gate)


def owner_of(*, gate: Gate) -> User | None:
    """
    Returns who answers for what is found about a gate, as of now.

    The longest-serving of the gate's owner group, else of the people who manage the
    tenant; None when there is nobody, and then the channels still hear of it.
    """
    manages = Q(role__tenant_permissions__contains=["manage_tenant"])
    owns = Q(role=gate.owner_id)
    held = (
        RoleMember.objects.filter(
            owns | manages,
            role__tenant=gate.tenant,
            user__is_active=True,
            user__kind=UserKind.HUMAN,
        )
        .annotate(owns=Case(When(owns, then=0), default=1))
        .select_related("user")
        .order_by("owns", "added_at", "pk")
        .first()
    )
    return held.user if held else None


def candidates(*, gate: Gate) -> list[User]:
    """Returns the active people of the tenant's roles that see its gates, by name."""
    members = RoleMember.objects.filter(
        role__tenant=gate.tenant, role__gate_permissions__contains=["view_gate"]
    )
    people = User.objects.filter(
        pk__in=members.values("user"), is_active=True, kind=UserKind.HUMAN
    )
    return list(people.order_by("name", "email"))


def _of(rows: QuerySet[Finding], gates: Sequence[Gate] | None) -> QuerySet[Finding]:
    return rows if gates is None else rows.filter(gate__in=gates)


def _rows() -> QuerySet[Finding]:
    return Finding.objects.select_related(
        "tenant", "gate__tenant", "owner", "closed_by"
    )
