"""
Answer a gate: enforce or bypass.

`rules.decision` decides; this module reads, locks, and writes what a bypass owes
before its answer leaves. Whatever goes wrong raises, and the edge answers enforce.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.audit import chain, events, ledger
from breakglass.models import Deploy, Gate, Grant
from breakglass.queries import access, policies
from breakglass.queries import grants as grant_queries
from breakglass.queries.logs import standing
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
    commit. `enforce` writes nothing, unless a known deploy has to be reverted. A gate
    that was not turned on yet is always told to enforce.
    """
    if gate.in_setup:
        not_yet = rules.Decision(rules.Verdict.ENFORCE, rules.Reason.NO_GRANT)
        return _answer(gate=gate, decision=not_yet, deploy=None, now=clock.db_now())
    deploy = grant_queries.known_deploy(gate=gate, deploy_id=question.deploy_id)
    open_ones = grant_queries.candidates(gate=gate, service=question.scope.service)
    decision, now = _judge(question=question, deploy=deploy, grants=open_ones)
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
    """
    Locks the grants in question, looks again, and writes what the answer owes.

    Only locked grants are looked at: one that is issued meanwhile answers the gate's
    next question.
    """
    known = grant_queries.known_deploy(gate=gate, deploy_id=question.deploy_id)
    open_ones = grant_queries.candidates(gate=gate, service=question.scope.service)
    ids = {grant.pk for grant in open_ones} | ({known.grant_id} if known else set())
    locked = {pk: access.lock_grant(pk=pk) for pk in sorted(ids)}
    deploy = grant_queries.known_deploy(gate=gate, deploy_id=question.deploy_id)
    decision, now = _judge(
        question=question, deploy=deploy, grants=list(locked.values())
    )
    if decision.reverts and deploy is not None:
        deploy = deploys.revert_one(
            grant=locked[deploy.grant_id], deploy_id=deploy.pk, now=now
        )
    elif decision.admits:
        by_id = {grant.request.bypass_id: grant for grant in locked.values()}
        grant = by_id[decision.bypass_id]
        deploy = _admit(grant=grant, question=question, actor=actor, now=now)
    return decision, deploy, now


def _judge(
    *, question: rules.Question, deploy: Deploy | None, grants: Sequence[Grant]
) -> tuple[rules.Decision, datetime]:
    """
    Decides on what was read; the clock is read last.

    While the log is read-only nothing may pass, not even a deploy that was admitted:
    the rows may be a restored backup's, in which a revoked grant is active again.
    """
    tenants = [grant.tenant for grant in grants] + ([deploy.tenant] if deploy else [])
    if any(standing.is_read_only(tenant=tenant) for tenant in tenants):
        degraded = rules.Decision(rules.Verdict.ENFORCE, rules.Reason.DEGRADED)
        return degraded, clock.db_now()
    views = [grant_queries.grant_view(grant=grant) for grant in grants]
    known = grant_queries.deploy_view(deploy=deploy) if deploy else None
    now = clock.db_now()
    decided = rules.decide(question=question, grants=views, deploy=known, now=now)
    return decided, now


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
            "assurance": grant.assurance,
            "admitted_at": chain.timestamp(now),
            "expires_at": chain.timestamp(grant.expires_at),
        },
    )
    return deploy


def _answer(
    *, gate: Gate, decision: rules.Decision, deploy: Deploy | None, now: datetime
) -> Answer:
    return Answer(
        decision=decision,
        deploy=deploy,
        policy_version=policies.current_version(tenant=gate.tenant),
        evaluated_at=now,
        decision_id=uuid4(),
    )
