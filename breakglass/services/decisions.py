"""
Answer a gate: enforce or bypass.

`rules.decision` decides; this module reads, locks, and writes what a bypass owes
before its answer leaves. Whatever goes wrong raises, and the edge answers enforce.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction

from breakglass import clock
from breakglass.audit import chain, events, ledger
from breakglass.errors import Unavailable
from breakglass.models import Gate
from breakglass.queries import access, deciding
from breakglass.queries.deciding import Seen
from breakglass.rules import decision as rules
from breakglass.rules.decision import DeployView, GrantView
from breakglass.services import deploys
from breakglass.states import DeployState
from breakglass.texts import text

_TRIES: Final = 3
_ADMIT: Final = """
    INSERT INTO breakglass_deploy (tenant_id, gate_id, grant_id, deploy_id, service,
      branch, artifact, actor, state, admitted_at)
    VALUES (%(tenant)s, %(gate)s, %(grant)s, %(deploy_id)s, %(service)s,
      %(branch)s, %(artifact)s, %(actor)s, %(state)s, %(now)s)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gate is told, and the deploy that it is about, if it is on record."""

    decision: rules.Decision
    deploy: DeployView | None
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
    that was not turned on yet is always told to enforce. Raises Unavailable where
    grants come and go faster than it can lock them.
    """
    seen = _look(gate=gate, question=question)
    if gate.in_setup:
        not_yet = rules.Decision(rules.Verdict.ENFORCE, rules.Reason.NO_GRANT)
        return _answer(decision=not_yet, deploy=None, seen=seen)
    decision = _judge(question=question, seen=seen)
    if dry_run or (decision.verdict == rules.Verdict.ENFORCE and not decision.reverts):
        return _answer(decision=decision, deploy=seen.deploy, seen=seen)
    for _ in range(_TRIES):
        try:
            answer = _settle(gate=gate, question=question, actor=actor, seen=seen)
        except IntegrityError:
            # The same deploy was asked about twice at once: the other is on record.
            answer = None
        if answer is not None:
            return answer
        seen = _look(gate=gate, question=question)
    msg = text("the grants of this gate change too fast to be judged: ask again")
    raise Unavailable(msg)


def _settle(
    *, gate: Gate, question: rules.Question, actor: str, seen: Seen
) -> Answer | None:
    """Decides under locks; None where what has to be locked is not what was seen."""
    answer = _decide_locked(gate=gate, question=question, actor=actor, seen=seen)
    if answer is None or answer.decision.verdict != rules.Verdict.BYPASS:
        return answer
    expires_at = answer.decision.expires_at
    if expires_at is not None and clock.db_now() < expires_at:
        return answer
    # The commit took longer than the window: the answer is the later truth.
    return _decide_locked(gate=gate, question=question, actor=actor, seen=seen)


@transaction.atomic
def _decide_locked(
    *, gate: Gate, question: rules.Question, actor: str, seen: Seen
) -> Answer | None:
    """
    Locks the grants that were seen, looks again, and writes what the answer owes.

    Only locked grants are looked at: one that is issued meanwhile answers the gate's
    next question.
    """
    now_seen = deciding.lock_and_look(
        gate=gate,
        service=question.scope.service,
        deploy_id=question.deploy_id,
        grants=seen.grants.keys(),
    )
    if now_seen is None:
        return None
    decision = _judge(question=question, seen=now_seen)
    deploy = now_seen.deploy
    if decision.reverts and deploy is not None:
        deploy = _revert(seen=now_seen, deploy=deploy)
    elif decision.admits:
        deploy = _admit(
            gate=gate, question=question, actor=actor, decision=decision, seen=now_seen
        )
    return _answer(decision=decision, deploy=deploy, seen=now_seen)


def _look(*, gate: Gate, question: rules.Question) -> Seen:
    return deciding.look(
        gate=gate, service=question.scope.service, deploy_id=question.deploy_id
    )


def _judge(*, question: rules.Question, seen: Seen) -> rules.Decision:
    """
    Decides on what was seen.

    While the log is read-only nothing may pass, not even a deploy that was admitted:
    the rows may be a restored backup's, in which a revoked grant is active again.
    """
    if seen.is_read_only:
        return rules.Decision(rules.Verdict.ENFORCE, rules.Reason.DEGRADED)
    return rules.decide(
        question=question, grants=seen.open_ones, deploy=seen.deploy, now=seen.now
    )


def _revert(*, seen: Seen, deploy: DeployView) -> DeployView:
    """Reverts the known deploy, whose grant is locked and over."""
    if seen.deploy_key is None or seen.deploy_grant is None:
        msg = "a known deploy has a key and a grant"
        raise TypeError(msg)
    grant = access.lock_grant(pk=seen.deploy_grant)
    row = deploys.revert_one(grant=grant, deploy_id=seen.deploy_key, now=seen.now)
    return replace(deploy, state=row.state)


def _admit(
    *,
    gate: Gate,
    question: rules.Question,
    actor: str,
    decision: rules.Decision,
    seen: Seen,
) -> DeployView:
    """Writes the deploy and its entry, in the transaction that holds the grant."""
    by_id = {grant.bypass_id: (key, grant) for key, grant in seen.grants.items()}
    key, grant = by_id[decision.bypass_id]
    scope, state = question.scope, DeployState.ADMITTED
    with connection.cursor() as cursor:
        cursor.execute(
            _ADMIT,
            {
                "tenant": gate.tenant_id,
                "gate": gate.pk,
                "grant": key,
                "deploy_id": question.deploy_id,
                "service": scope.service,
                "branch": scope.branch,
                "artifact": scope.artifact,
                "actor": actor,
                "state": state.value,
                "now": seen.now,
            },
        )
    ledger.append(
        tenant=gate.tenant,
        event=events.DEPLOY_ADMITTED,
        actor=gate.as_actor(),
        bypass_id=grant.bypass_id,
        facts=_facts(grant=grant, question=question, actor=actor, now=seen.now),
    )
    return DeployView(question.deploy_id, scope, state.value, grant)


def _facts(
    *, grant: GrantView, question: rules.Question, actor: str, now: datetime
) -> chain.Facts:
    scope = question.scope
    return {
        "deploy_id": question.deploy_id,
        "service": scope.service,
        "branch": scope.branch,
        "artifact": scope.artifact,
        "on_behalf_of": actor,
        "assurance": grant.assurance,
        "admitted_at": chain.timestamp(now),
        "expires_at": chain.timestamp(grant.window.expires_at),
    }


def _answer(
    *, decision: rules.Decision, deploy: DeployView | None, seen: Seen
) -> Answer:
    return Answer(
        decision=decision,
        deploy=deploy,
        policy_version=seen.policy_version,
        evaluated_at=seen.now,
        decision_id=uuid4(),
    )
