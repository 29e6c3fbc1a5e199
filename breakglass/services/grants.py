"""Issue, close early, and expire grants."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER, Actor
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, NotFound, NotPermitted
from breakglass.models import Approval, BypassRequest, Grant, Intent, Tenant, User
from breakglass.models.signing import IntentKind
from breakglass.queries import access, approvers, policies
from breakglass.queries.logs import standing
from breakglass.rules import eligibility
from breakglass.rules.identifiers import check_text
from breakglass.rules.window import granted_ttl, open_window
from breakglass.services import deploys
from breakglass.services.approving import countersigning, wording
from breakglass.services.postmortems import opening
from breakglass.states import (
    GRANT_MOVES,
    Assurance,
    GrantState,
    IntentState,
    SignedBy,
    require_move,
)
from breakglass.texts import joined, text

WARN_BEFORE_END: Final = timedelta(minutes=10)
REASON_MAXIMUM: Final = 2000


def issue(*, bypass: BypassRequest, completed_by: User, now: datetime) -> Grant:
    """
    Opens the window. Runs inside the transaction of the approval that completed it.

    The shortest length that any counted approver set wins, under the stricter of
    the pinned and the current policy's caps. Raises Conflict when the service has as
    many active grants as its tier allows.
    """
    terms = policies.terms_of(bypass=bypass)
    _require_room(bypass=bypass, limit=terms.max_active_per_service)
    given = list(bypass.approvals.select_related("approver", "bundle"))
    ttl = granted_ttl(
        proposed=bypass.ttl,
        set_by_approvers=[approval.ttl for approval in given],
        caps=[terms.ttl_cap],
    )
    window = open_window(now=now, ttl=ttl, cap=terms.ttl_cap)
    reached = approvers.quorum(bypass=bypass)
    assurance = _assurance(given)
    statement = wording.grant(
        bypass=bypass, window=window, terms=terms, assurance=assurance
    )
    intent = Intent.objects.create(
        tenant=bypass.tenant,
        kind=IntentKind.GRANT,
        state=IntentState.COMMITTED,
        request=bypass,
        statement=statement,
        created_at=now,
        next_try_at=now,
    )
    grant = Grant.objects.create(
        tenant=bypass.tenant,
        gate=bypass.gate,
        request=bypass,
        postmortem=opening.schedule(bypass=bypass, opens_at=window.expires_at),
        statement=intent,
        service=bypass.service,
        branch=bypass.branch,
        artifact=bypass.artifact,
        quorum=reached.needed,
        ttl_seconds=int(ttl.total_seconds()),
        max_deploys=terms.max_deploys,
        digest_required=terms.digest_required,
        assurance=assurance,
        starts_at=window.starts_at,
        expires_at=window.expires_at,
    )
    if assurance == Assurance.OFFLINE_QUORUM:
        countersigning.owe(grant=grant)
    _record_issue(grant=grant, actor=completed_by.as_actor(), now=now)
    return grant


def revoke(*, tenant: Tenant, bypass_id: str, person: User, reason: str) -> Grant:
    """
    Closes a grant before its end, for good: gate, deploys in flight and all.

    Open to the requester, whoever may approve its tier, and holders of `close_grant`.
    Raises Conflict when it is over already, InvalidInput without a reason.
    """
    why = check_text(reason, field="reason", minimum=1, maximum=REASON_MAXIMUM)
    with transaction.atomic():
        bypass = access.lock_request(tenant=tenant, bypass_id=bypass_id)
        found = Grant.objects.filter(request=bypass).first()
        if found is None:
            msg = text("%(bypass_id)s has no bypass to close", bypass_id=bypass_id[:20])
            raise NotFound(msg)
        grant = access.lock_grant(pk=found.pk)
        now = clock.db_now()
        _require_may_close(bypass=bypass, person=person)
        if grant.state == GrantState.ACTIVE and not grant.window.covers(now):
            msg = text("this bypass is already over")
            raise Conflict(msg)
        return _close(
            grant=grant,
            state=GrantState.REVOKED,
            actor=person.as_actor(),
            now=now,
            person=person,
            reason=why,
        )


def revoke_broken(*, grant: Grant, now: datetime, reason: str) -> None:
    """
    Closes a locked grant whose approvals turned out not to be a quorum.

    Runs inside the transaction of whatever showed it; the portal itself is the actor.
    """
    _close(
        grant=grant,
        state=GrantState.REVOKED,
        actor=SCHEDULER,
        now=now,
        person=None,
        reason=reason,
    )


def expire_due(*, limit: int = 500) -> int:
    """
    Marks grants whose window is over; returns how many this call closed.

    Nothing waits for it: a decision asks the window. Safe to run twice and at once:
    the row is locked, and a loser finds it closed.
    """
    due = standing.writable(
        Grant.objects.filter(state=GrantState.ACTIVE, expires_at__lte=clock.db_now())
    ).order_by("expires_at")[:limit]
    return sum(_expire(pk) for pk in due.values_list("pk", flat=True))


@transaction.atomic
def _expire(pk: int) -> bool:
    free = Grant.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    if not free.filter(pk=pk, state=GrantState.ACTIVE).exists():
        return False  # somebody else is closing it
    grant = access.lock_grant(pk=pk)
    now = clock.db_now()
    if grant.state != GrantState.ACTIVE or now < grant.expires_at:
        return False
    _close(
        grant=grant,
        state=GrantState.EXPIRED,
        actor=SCHEDULER,
        now=now,
        person=None,
        reason="",
    )
    return True


def _close(
    *,
    grant: Grant,
    state: GrantState,
    actor: Actor,
    now: datetime,
    person: User | None,
    reason: str,
) -> Grant:
    """Closes a locked grant, reverts its deploys, opens its post-mortem."""
    grant.state = require_move(
        GRANT_MOVES, current=GrantState(grant.state), to=state, what="bypass"
    )
    grant.closed_at = grant.expires_at if state == GrantState.EXPIRED else now
    grant.closed_by = person
    grant.close_reason = reason
    grant.save(update_fields=["state", "closed_at", "closed_by", "close_reason"])
    event = (
        events.GRANT_EXPIRED if state == GrantState.EXPIRED else events.GRANT_REVOKED
    )
    ledger.append(
        tenant=grant.tenant,
        event=event,
        actor=actor,
        bypass_id=grant.request.bypass_id,
        facts={
            "closed_at": chain.timestamp(grant.closed_at),
            "expires_at": chain.timestamp(grant.expires_at),
            "reason": reason,
        },
    )
    deploys.revert(grant=grant, now=now)
    opening.open_for(grant=grant, now=now)
    outbox.promise(
        tenant=grant.tenant, topic=outbox.GRANT_CLOSED, subject_id=grant.pk, now=now
    )
    return grant


def _require_room(*, bypass: BypassRequest, limit: int | None) -> None:
    """Counts under the gate's lock: two grants cannot both take the last place."""
    access.lock_gate(pk=bypass.gate_id)
    if limit is None:
        return
    active = Grant.objects.filter(
        gate=bypass.gate,
        service=bypass.service,
        state=GrantState.ACTIVE,
        expires_at__gt=clock.DbNow(),
    ).aggregate(n=Count("pk"))["n"]
    if active >= limit:
        msg = text(
            "%(service)s has %(active)s bypasses open already, and its "
            "tier allows %(limit)s. Close one first: your approval is kept.",
            service=bypass.service,
            active=active,
            limit=limit,
        )
        raise Conflict(msg)


def _require_may_close(*, bypass: BypassRequest, person: User) -> None:
    answer = eligibility.may_close(
        is_requester=person.pk == bypass.requester_id,
        is_eligible_approver=approvers.may_count(bypass=bypass, user=person),
        holds_close_right=access.may(
            user=person, permission="close_grant", on=bypass.tenant
        ),
    )
    if not answer.allowed or not person.is_active:
        raise NotPermitted(joined(answer.reasons, between=" "))


def _assurance(given: list[Approval]) -> Assurance:
    """One approval that the instance did not sign makes the grant the fallback's."""
    origins = {approval.bundle.signed_by for approval in given}
    if origins == {SignedBy.INSTANCE}:
        return Assurance.SIGSTORE
    return Assurance.OFFLINE_QUORUM


def _record_issue(*, grant: Grant, actor: Actor, now: datetime) -> None:
    bypass = grant.request
    given = bypass.approvals.select_related("bundle").order_by("pk")
    ledger.append(
        tenant=grant.tenant,
        event=events.GRANT_ISSUED,
        actor=actor,
        bypass_id=bypass.bypass_id,
        facts={
            "digest": bypass.digest_hex,
            "gate": grant.gate.slug,
            "service": grant.service,
            "branch": grant.branch,
            "artifact": grant.artifact,
            "justification": bypass.justification,
            "ttl_seconds": grant.ttl_seconds,
            "starts_at": chain.timestamp(grant.starts_at),
            "expires_at": chain.timestamp(grant.expires_at),
            "max_deploys": grant.max_deploys,
            "digest_required": grant.digest_required,
            "assurance": grant.assurance,
            "quorum": grant.quorum,
            "approvers": [a.bundle.identity for a in given],
            "approval_bundles": [bytes(a.bundle.sha256).hex() for a in given],
            "postmortem_due_at": chain.timestamp(grant.postmortem.due_at),
        },
    )
    outbox.promise(
        tenant=grant.tenant, topic=outbox.GRANT_ISSUED, subject_id=grant.pk, now=now
    )
    if grant.expires_at - WARN_BEFORE_END > now:
        outbox.promise(
            tenant=grant.tenant,
            topic=outbox.GRANT_ENDING,
            subject_id=grant.pk,
            now=now,
            due_at=grant.expires_at - WARN_BEFORE_END,
        )
