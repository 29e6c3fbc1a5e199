"""Findings about gates: raise one, hand it over, close it with a reason."""

from uuid import UUID

from django.db import transaction

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER, Actor
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, InvalidInput, NotFound, NotPermitted
from breakglass.models import Finding, Gate, Tenant, User
from breakglass.queries import access
from breakglass.queries.gates import findings as queries
from breakglass.rules.identifiers import check_text
from breakglass.states import FindingKind
from breakglass.texts import text

REASON_MAX = 1000


@transaction.atomic
def open_finding(
    *,
    gate: Gate,
    kind: FindingKind,
    details: chain.Facts,
    actor: Actor = SCHEDULER,
) -> Finding | None:
    """
    Raises a finding for whoever answers for the gate; tells them and the channels.

    Returns None when one of the kind is open for the gate already: what was seen
    first stays. The gate's row is locked, so of two that come together one wins.
    """
    gate = access.lock_gate(pk=gate.pk)
    if Finding.objects.filter(gate=gate, kind=kind, closed_at__isnull=True).exists():
        return None
    owner, now = queries.owner_of(gate=gate), clock.db_now()
    finding = Finding.objects.create(
        tenant=gate.tenant,
        gate=gate,
        kind=kind,
        owner=owner,
        facts=dict(details),
        opened_at=now,
    )
    ledger.append(
        tenant=gate.tenant,
        event=events.FINDING_OPENED,
        actor=actor,
        facts={**_named(finding), "owner": _email(owner), "details": dict(details)},
    )
    outbox.promise(
        tenant=gate.tenant,
        topic=outbox.FINDING_OPENED,
        subject_id=finding.pk,
        now=now,
    )
    return finding


@transaction.atomic
def close(*, tenant: Tenant, public_id: UUID, person: User, reason: str) -> Finding:
    """
    Ends a finding, with a reason; the figures count anew from here.

    Raises NotPermitted unless the person is its owner or manages the gate, Conflict
    when it is closed already, InvalidInput (field reason) without a reason.
    """
    finding = _open_one(tenant=tenant, public_id=public_id, person=person)
    finding.close_reason = check_text(
        reason, field="reason", minimum=1, maximum=REASON_MAX
    )
    finding.closed_at = clock.db_now()
    finding.closed_by = person
    finding.save(update_fields=["close_reason", "closed_at", "closed_by"])
    ledger.append(
        tenant=tenant,
        event=events.FINDING_CLOSED,
        actor=person.as_actor(),
        facts={
            **_named(finding),
            "opened_at": chain.timestamp(finding.opened_at),
            "reason": finding.close_reason,
        },
    )
    return finding


@transaction.atomic
def hand_over(*, tenant: Tenant, public_id: UUID, person: User, to: User) -> Finding:
    """
    Makes somebody else answer for a finding, and tells them.

    Raises NotPermitted unless the person is its owner or manages the gate, Conflict
    when it is closed or theirs already, InvalidInput (field to) for somebody who does
    not see the gate.
    """
    finding = _open_one(tenant=tenant, public_id=public_id, person=person)
    if to not in queries.candidates(gate=finding.gate):
        msg = text(
            "%(to)s is not a member of %(tenant)s who sees this gate",
            to=to.name,
            tenant=tenant.slug,
        )
        raise InvalidInput(msg, field="to")
    if finding.owner_id == to.pk:
        msg = text("this finding is %(to)s's already", to=to.name)
        raise Conflict(msg)
    before, finding.owner = finding.owner, to
    finding.save(update_fields=["owner"])
    ledger.append(
        tenant=tenant,
        event=events.FINDING_HANDED_OVER,
        actor=person.as_actor(),
        facts={**_named(finding), "before": _email(before), "after": to.email},
    )
    outbox.promise(
        tenant=tenant,
        topic=outbox.FINDING_HANDED_OVER,
        subject_id=finding.pk,
        now=clock.db_now(),
        person=to,
    )
    return finding


def _open_one(*, tenant: Tenant, public_id: UUID, person: User) -> Finding:
    """Locks the row, and looks again at who asks and whether it is open."""
    finding = (
        Finding.objects.select_for_update(of=("self",), no_key=True)
        .select_related("gate__tenant", "owner")
        .filter(tenant=tenant, public_id=public_id)
        .first()
    )
    if finding is None:
        msg = text("there is no such finding in %(tenant)s", tenant=tenant.slug)
        raise NotFound(msg)
    if not queries.may_answer(user=person, finding=finding):
        msg = text(
            "only its owner, or somebody who manages the gate, may answer a finding"
        )
        raise NotPermitted(msg)
    if finding.closed_at is not None:
        msg = text("this finding is closed already")
        raise Conflict(msg)
    return finding


def _named(finding: Finding) -> dict[str, str]:
    return {
        "finding": str(finding.public_id),
        "gate": finding.gate.slug,
        "kind": str(finding.kind),
    }


def _email(person: User | None) -> str:
    return person.email if person else ""
