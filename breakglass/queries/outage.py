"""Whether a request goes on under the outage fallback, and what that asks of people."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from breakglass.clock import DbNow
from breakglass.models import (
    Assertion,
    BypassRequest,
    Countersignature,
    Credential,
    CredentialNotice,
    Grant,
    Tenant,
    User,
)
from breakglass.states import Assurance, GrantState, SignedBy


@dataclass(frozen=True, slots=True)
class Waiting:
    """One grant of the fallback that a reader must know about, and why."""

    grant: Grant
    due: Countersignature
    is_in_force: bool

    @property
    def is_unverified(self) -> bool:
        """Flagged for ever: the instance did not sign it in time."""
        return self.due.flagged_at is not None


def is_offline(*, bypass: BypassRequest) -> bool:
    """
    Says whether one of the approvals was signed without the instance.

    Once one was, the request keeps the stricter terms to its end, also when the
    instance is back: an outage that comes and goes must not choose the rules.
    """
    given = bypass.approvals.exclude(bundle__signed_by=SignedBy.INSTANCE)
    return given.exists()


def asserted(*, bypass: BypassRequest) -> frozenset[int]:
    """Returns the ids of the approvers whose approval carries their own passkey."""
    own = Assertion.objects.filter(
        intent=OuterRef("bundle__intent"),
        credential__user=OuterRef("approver"),
    )
    given = bypass.approvals.filter(Exists(own))
    return frozenset(given.values_list("approver_id", flat=True))


def bare(*, bypass: BypassRequest) -> list[User]:
    """Returns who approved without a passkey: their yes cannot stand offline."""
    with_passkey = asserted(bypass=bypass)
    given = bypass.approvals.select_related("approver")
    return [a.approver for a in given if a.approver_id not in with_passkey]


def with_passkeys(*, tenant: Tenant, people: Iterable[User]) -> frozenset[int]:
    """Returns the ids of those who have a passkey that counts in this tenant now."""
    noticed = CredentialNotice.objects.filter(
        credential=OuterRef("pk"), tenant=tenant, usable_from__lte=DbNow()
    )
    usable = Credential.objects.filter(
        Exists(noticed),
        user__in=[person.pk for person in people],
        revoked_at__isnull=True,
    )
    return frozenset(usable.values_list("user_id", flat=True))


def loud(*, tenants: Iterable[Tenant]) -> list[Waiting]:
    """
    Returns what the banner is about: grants of the fallback in force, and those that
    the instance has not countersigned, oldest deadline first.
    """
    in_force = Q(grant__state=GrantState.ACTIVE, grant__expires_at__gt=DbNow())
    rows = (
        _of(tenants)
        .filter(in_force | Q(signed_at__isnull=True))
        .annotate(is_in_force=Exists(_in_force()))
        .order_by("due_at", "pk")
    )
    return [
        Waiting(grant=row.grant, due=row, is_in_force=row.is_in_force) for row in rows
    ]


def countersignature_of(*, grant: Grant) -> Countersignature | None:
    """Returns what a grant of the fallback owes; None for every other grant."""
    if grant.assurance != Assurance.OFFLINE_QUORUM:
        return None
    found: Countersignature | None = getattr(grant, "countersignature", None)
    return found  # a missing row of a one-to-one raises otherwise


def flagged(*, requests: Iterable[BypassRequest]) -> frozenset[int]:
    """Returns which of these requests have a grant that is unverified for ever."""
    rows = Countersignature.objects.filter(
        grant__request__in=[bypass.pk for bypass in requests],
        flagged_at__isnull=False,
    )
    return frozenset(rows.values_list("grant__request_id", flat=True))


def _of(tenants: Iterable[Tenant]) -> QuerySet[Countersignature]:
    return Countersignature.objects.filter(grant__tenant__in=tenants).select_related(
        "grant__tenant", "grant__request", "grant__gate"
    )


def _in_force() -> QuerySet[Grant]:
    return Grant.objects.filter(
        pk=OuterRef("grant"), state=GrantState.ACTIVE, expires_at__gt=DbNow()
    )
