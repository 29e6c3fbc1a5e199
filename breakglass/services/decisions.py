"""
Answer a gate: enforce or bypass.

`rules.decision` decides; this module reads, locks, and writes what a bypass owes
before its answer leaves. Whatever goes wrong raises, and the edge answers enforce.
"""

from dataclasses import replace
from typing import Final

from django.db import IntegrityError, connection, transaction

from breakglass import clock
from breakglass.audit import events, ledger
from breakglass.errors import Unavailable
from breakglass.models import Gate
from breakglass.queries import access, deciding
from breakglass.queries.deciding import Seen
from breakglass.rules import decision as rules
from breakglass.rules.decision import DeployView
from breakglass.services import admissions, deploys
from breakglass.services.admissions import Answer, answer_of, judge
from breakglass.texts import text

_TRIES: Final = 3


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
        return answer_of(decision=not_yet, deploy=None, seen=seen)
    decision = judge(question=question, seen=seen)
    if dry_run or (decision.verdict == rules.Verdict.ENFORCE and not decision.reverts):
        return answer_of(decision=decision, deploy=seen.deploy, seen=seen)
    for _ in range(_TRIES):
        try:
            answer = _settle(gate=gate, question=question, actor=actor)
        except IntegrityError:
            # The same deploy was asked about twice at once: the other is on record.
            answer = None
        if answer is not None:
            return answer
    msg = text("the grants of this gate change too fast to be judged: ask again")
    raise Unavailable(msg)


def _settle(*, gate: Gate, question: rules.Question, actor: str) -> Answer | None:
    """Decides under locks; None where the grants changed while they were waited for."""
    answer = _decide_locked(gate=gate, question=question, actor=actor)
    if answer is None or answer.decision.verdict != rules.Verdict.BYPASS:
        return answer
    expires_at = answer.decision.expires_at
    last_use = clock.db_now() + question.cached_for
    if expires_at is not None and last_use < expires_at:
        return answer
    # The commit took longer than the window: the answer is the later truth.
    return _decide_locked(gate=gate, question=question, actor=actor)


@transaction.atomic
def _decide_locked(
    *, gate: Gate, question: rules.Question, actor: str
) -> Answer | None:
    """
    Locks the grants in question, looks again, and writes what the answer owes.

    Only locked grants are looked at: one that is issued meanwhile answers the gate's
    next question.
    """
    seen = deciding.take(
        gate=gate, service=question.scope.service, deploy_id=question.deploy_id
    )
    if seen is None:
        return None
    decision = judge(question=question, seen=seen)
    deploy = seen.deploy
    if decision.reverts and deploy is not None:
        deploy = _revert(seen=seen, deploy=deploy)
    elif decision.admits:
        deploy = _admit(
            gate=gate, question=question, actor=actor, decision=decision, seen=seen
        )
    return answer_of(decision=decision, deploy=deploy, seen=seen)


def _look(*, gate: Gate, question: rules.Question) -> Seen:
    return deciding.look(
        gate=gate, service=question.scope.service, deploy_id=question.deploy_id
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
    found = admissions.admission(
        question=question, actor=actor, decision=decision, seen=seen
    )
    of_gate = {"tenant": gate.tenant_id, "gate": gate.pk}
    with connection.cursor() as cursor:
        cursor.execute(admissions.ADMIT, {**found.row, **of_gate})
    ledger.append(
        tenant=gate.tenant,
        event=events.DEPLOY_ADMITTED,
        actor=gate.as_actor(),
        bypass_id=decision.bypass_id,
        facts=found.facts,
    )
    return found.deploy
