"""Deploys under a grant: hear of them, end them, revert them, lose sight of them."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, Value

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER, Actor
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, InvalidInput, NotFound
from breakglass.models import Deploy, Gate, Grant
from breakglass.queries import access
from breakglass.queries import flight as in_flight
from breakglass.queries.logs import standing
from breakglass.rules import flight
from breakglass.services.gates import watching
from breakglass.states import (
    DEPLOY_MOVES,
    AtClose,
    DeployState,
    GrantState,
    require_move,
)
from breakglass.texts import text

BATCH: Final = 100
_MAY_FINISH: Final = Q(gate__at_close=AtClose.FINISH)
_OUT_OF_HAND: Final = (DeployState.REVERTED, DeployState.UNKNOWN)
REPORTABLE = (DeployState.SUCCEEDED, DeployState.FAILED)


def finish(*, gate: Gate, deploy_id: str, state: DeployState) -> Deploy:
    """
    Records what the gate reports about the end of a deploy, and returns the deploy.

    The same report twice is one. Raises NotFound for a deploy that this gate never
    asked about, Conflict when it ended otherwise, or its window closed before the
    report: then it is reverted, whether or not a sweep has run. Where the gate lets
    its deploys finish, such a report counts, and the deploy is marked as overrun.
    """
    if state not in REPORTABLE:
        msg = text("a deploy ends as succeeded or failed")
        raise InvalidInput(msg, field="state")
    return _told(gate=gate, deploy_id=deploy_id, state=state)


def heartbeat(*, gate: Gate, deploy_id: str) -> Deploy:
    """
    Notes that a deploy in flight runs, and returns it.

    Raises NotFound and Conflict as `finish` does: whoever still runs a deploy that
    was reverted, or lost from sight, is told so here.
    """
    return _told(gate=gate, deploy_id=deploy_id, state=DeployState.ADMITTED)


def revert_due(*, limit: int = 500) -> int:
    """Reverts deploys whose grant is over by its window; returns how many."""
    over = Q(grant__expires_at__lte=clock.db_now()) | ~Q(grant__state=GrantState.ACTIVE)
    flying = standing.writable(
        Deploy.objects.filter(over, state=DeployState.ADMITTED).exclude(_MAY_FINISH)
    )
    due = flying.order_by("grant__expires_at")[:limit]
    grants = sorted(set(due.values_list("grant_id", flat=True)))
    return sum(_revert_of(pk) for pk in grants)


def lose_sight_due(*, limit: int = 200) -> int:
    """
    Marks deploys of which nothing was heard in time; returns how many.

    Their end was not reported, or they said that they run and then no more.
    """
    now = clock.db_now()
    unreported = Q(
        heard_at__isnull=True, admitted_at__lte=now - settings.DEPLOY_REPORT_DEADLINE
    )
    silent = ExpressionWrapper(
        F("heard_at") + F("gate__silent_minutes") * Value(timedelta(minutes=1)),
        output_field=DateTimeField(),
    )
    due = standing.writable(
        Deploy.objects.filter(state=DeployState.ADMITTED)
        .annotate(lost_at=silent)
        .filter(unreported | Q(lost_at__lte=now))
    )
    return sum(
        _lose_sight(pk=pk, grant_id=grant_id)
        for pk, grant_id in due.values_list("pk", "grant_id")[:limit]
    )


def revert(*, grant: Grant, now: datetime) -> int:
    """
    Reverts deploys in flight of a locked grant that is over; returns how many.

    None where the gate lets them finish: those end as they report, or are lost.

    Runs in the transaction that closed the grant, or that found it over. At most
    BATCH at a time, since the tenant's log is locked meanwhile: `revert_due` takes
    the rest, and a decision about any of them says `enforce` already.
    """
    flying = list(
        Deploy.objects.select_for_update(of=("self",), no_key=True)
        .filter(grant=grant, state=DeployState.ADMITTED)
        .exclude(_MAY_FINISH)
        .select_related("gate")
        .order_by("pk")[:BATCH]
    )
    for deploy in flying:
        _revert_one(deploy=deploy, grant=grant, now=now)
    return len(flying)


def revert_one(*, grant: Grant, deploy_id: int, now: datetime) -> Deploy:
    """Reverts one deploy of a locked grant that is over; returns it as it then is."""
    deploy = (
        Deploy.objects.select_for_update(of=("self",), no_key=True)
        .select_related("gate")
        .get(pk=deploy_id)
    )
    if deploy.state == DeployState.ADMITTED:
        _revert_one(deploy=deploy, grant=grant, now=now)
    return deploy


def is_over(*, grant: Grant, now: datetime) -> bool:
    """Says whether a grant lets nothing through any more."""
    return grant.state != GrantState.ACTIVE or not grant.window.covers(now)


def _revert_one(*, deploy: Deploy, grant: Grant, now: datetime) -> None:
    _end(
        deploy=deploy,
        grant=grant,
        state=DeployState.REVERTED,
        event=events.DEPLOY_REVERTED,
        actor=SCHEDULER,
        now=now,
    )
    outbox.promise(
        tenant=grant.tenant,
        topic=outbox.DEPLOY_REVERTED,
        subject_id=deploy.pk,
        now=now,
    )


def _told(*, gate: Gate, deploy_id: str, state: DeployState) -> Deploy:
    """
    Takes a gate's word about a deploy, or refuses it.

    What it gives away is a finding, whatever the gate is answered: that a deploy was
    never let through, or goes on long after its bypass was over.
    """
    said = "running" if state == DeployState.ADMITTED else str(state)
    try:
        deploy = _report(gate=gate, deploy_id=deploy_id, state=state)
    except NotFound:
        watching.undecided(gate=gate, deploy_id=deploy_id, said=said)
        raise
    if deploy.state != state:
        if deploy.state in _OUT_OF_HAND and said != DeployState.FAILED:
            closed_at = deploy.grant.closed_at or deploy.grant.expires_at
            watching.went_on(deploy=deploy, gate=gate, closed_at=closed_at, said=said)
        msg = text(
            "deploy %(deploy_id)s is already %(state)s",
            deploy_id=deploy.deploy_id,
            state=deploy.get_state_display().lower(),
        )
        raise Conflict(msg)
    return deploy


@transaction.atomic
def _report(*, gate: Gate, deploy_id: str, state: DeployState) -> Deploy:
    """Takes a gate's word about a deploy, whose grant it locks; returns the deploy."""
    found = Deploy.objects.filter(gate=gate, deploy_id=deploy_id).first()
    if found is None:
        msg = text("this gate has not asked about a deploy of that id")
        raise NotFound(msg)
    grant = access.lock_grant(pk=found.grant_id)
    deploy = Deploy.objects.select_for_update(of=("self",), no_key=True).get(
        pk=found.pk
    )
    now = clock.db_now()
    if deploy.state != DeployState.ADMITTED:
        return deploy
    over = is_over(grant=grant, now=now)
    if over and not flight.may_finish(at_close=gate.at_close):
        _revert_one(deploy=deploy, grant=grant, now=now)
        return deploy
    if state == DeployState.ADMITTED:
        deploy.heard_at = now
        deploy.save(update_fields=["heard_at"])
        return deploy
    _end(
        deploy=deploy,
        grant=grant,
        state=state,
        event=events.DEPLOY_FINISHED,
        actor=gate.as_actor(),
        now=now,
    )
    return deploy


@transaction.atomic
def _revert_of(grant_id: int) -> int:
    grant = access.lock_grant(pk=grant_id)
    now = clock.db_now()
    return revert(grant=grant, now=now) if is_over(grant=grant, now=now) else 0


@transaction.atomic
def _lose_sight(*, pk: int, grant_id: int) -> bool:
    grant = access.lock_grant(pk=grant_id)
    deploy = (
        Deploy.objects.select_for_update(of=("self",), no_key=True)
        .select_related("gate")
        .get(pk=pk)
    )
    now = clock.db_now()
    if deploy.state != DeployState.ADMITTED or now < in_flight.lost_at(deploy=deploy):
        return False  # it ended, or was heard of, meanwhile
    _end(
        deploy=deploy,
        grant=grant,
        state=DeployState.UNKNOWN,
        event=events.DEPLOY_LOST,
        actor=SCHEDULER,
        now=now,
    )
    return True


def _end(
    *,
    deploy: Deploy,
    grant: Grant,
    state: DeployState,
    event: str,
    actor: Actor,
    now: datetime,
) -> None:
    deploy.state = require_move(
        DEPLOY_MOVES, current=DeployState(deploy.state), to=state, what="deploy"
    )
    deploy.ended_at = now
    facts: dict[str, str | int] = {
        "deploy_id": deploy.deploy_id,
        "service": deploy.service,
        "branch": deploy.branch,
        "artifact": deploy.artifact,
        "state": str(state),
        "ended_at": chain.timestamp(now),
    }
    if state in REPORTABLE and is_over(grant=grant, now=now):
        closed_at = grant.closed_at or grant.expires_at
        deploy.overran_seconds = flight.overran_by(closed_at=closed_at, ended_at=now)
    if deploy.overran_seconds is not None:
        facts["overran_seconds"] = deploy.overran_seconds
    deploy.save(update_fields=["state", "ended_at", "overran_seconds"])
    ledger.append(
        tenant=grant.tenant,
        event=event,
        actor=actor,
        bypass_id=grant.request.bypass_id,
        facts=facts,
    )
