"""
Answer a gate: enforce or bypass.

`rules.decision` decides; this module reads, locks, and writes what a bypass owes
before its answer leaves. Whatever goes wrong raises, and the edge answers enforce.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.audit import chain, events, ledger
from breakglass.models import Deploy, Gate, Grant
from breakglass.queries import access, policies
from breakglass.queries import grants as grant_queries
from breakglass.rules import decision as rules
from breakglass.services import deploys
from breakglass.states import DeployState


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gate is told, and the deploy that it is about, if it is on record."""

    decision: rules.Decision
    deploy: Deploy | None
    policy_version: int | None
    evaluated_at: datetime
    decision_id: UUID


def decide(
    *, gate: Gate, question: rules.Question, actor: str = "", dry_run: bool = False
) -> Answer:
    """
    Returns the decision for one deploy of one gate.

    A `bypass` is durable (deploy and ledger entry committed) when this returns, and
    was judged by the database's clock after the grant's lock and again after the
    commit. `enforce` writes nothing, unless a known deploy has to be reverted.
    """
    decision, deploy, now = _evaluate(gate=gate, question=question)
    if dry_run or (decision.verdict == rules.Verdict.ENFORCE and not decision.reverts):
        return _answer(gate=gate, decision=decision, deploy=deploy, now=now)
    try:
        return _settle(gate=gate, question=question, actor=actor)
    except IntegrityError:
        # The same deploy was asked about twice at once: the other one is on record.
        return _settle(gate=gate, question=question, actor=actor)


def _settle(*, gate: Gate, question: rules.Question, actor: str) -> Answer:
    decision, deploy, now = _decide_locked(gate=gate, question=question, actor=actor)
    if decision.verdict == rules.Verdict.BYPASS:
        after = clock.db_now()
        if decision.expires_at is None or after >= decision.expires_at:
            # The commit took longer than the window: the answer is the later truth.
            decision, deploy, now = _decide_locked(
                gate=gate, question=question, actor=actor
            )
    return _answer(gate=gate, decision=decision, deploy=deploy, now=now)


@transaction.atomic
def _decide_locked(
    *, gate: Gate, question: rules.Question, actor: str
) -> tuple[rules.Decision, Deploy | None, datetime]:
    """Locks the grants in question, looks again, and writes what the answer owes."""
    known = grant_queries.known_deploy(gate=gate, deploy_id=question.deploy_id)
    ids = {known.grant_id} if known else set()
    ids |= {
        grant.pk
        for grant in grant_queries.candidates(gate=gate, service=question.scope.service)
    }
    locked = {pk: access.lock_grant(pk=pk) for pk in sorted(ids)}
    decision, deploy, now = _evaluate(gate=gate, question=question)
    if decision.reverts and deploy is not None:
        deploys.revert(grant=locked[deploy.grant_id], now=now)
        deploy.refresh_from_db()
    elif decision.admits:
        grant = next(
            g for g in locked.values() if g.request.bypass_id == decision.bypass_id
        )
        deploy = _admit(grant=grant, question=question, actor=actor, now=now)
    return decision, deploy, now


def _evaluate(
    *, gate: Gate, question: rules.Question
) -> tuple[rules.Decision, Deploy | None, datetime]:
    """Reads rows, then the clock, then decides: the clock comes last."""
    deploy = grant_queries.known_deploy(gate=gate, deploy_id=question.deploy_id)
    views = [
        grant_queries.grant_view(grant=grant)
        for grant in grant_queries.candidates(gate=gate, service=question.scope.service)
    ]
    known = grant_queries.deploy_view(deploy=deploy) if deploy else None
    now = clock.db_now()
    decided = rules.decide(question=question, grants=views, deploy=known, now=now)
    return decided, deploy, now


def _admit(
    *, grant: Grant, question: rules.Question, actor: str, now: datetime
) -> Deploy:
    scope = question.scope
    deploy = Deploy.objects.create(
        tenant=grant.tenant,
        gate=grant.gate,
        grant=grant,
        deploy_id=question.deploy_id,
        service=scope.service,
        branch=scope.branch,
        artifact=scope.artifact,
        actor=actor,
        state=DeployState.ADMITTED,
        admitted_at=now,
    )
    ledger.append(
        tenant=grant.tenant,
        event=events.DEPLOY_ADMITTED,
        actor=grant.gate.as_actor(),
        bypass_id=grant.request.bypass_id,
        facts={
            "deploy_id": deploy.deploy_id,
            "service": scope.service,
            "branch": scope.branch,
            "artifact": scope.artifact,
            "on_behalf_of": actor,
            "admitted_at": chain.timestamp(now),
            "expires_at": chain.timestamp(grant.expires_at),
        },
    )
    return deploy


def _answer(
    *, gate: Gate, decision: rules.Decision, deploy: Deploy | None, now: datetime
) -> Answer:
    policy = policies.current(tenant=gate.tenant)
    return Answer(
        decision=decision,
        deploy=deploy,
        policy_version=policy.version if policy else None,
        evaluated_at=now,
        decision_id=uuid4(),
    )
