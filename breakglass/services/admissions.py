"""
Admit a deploy: what a bypass owes before its answer leaves, and how it gets written.

`admit` is the usual case over a connection of its own, in two exchanges with the
primary; `services.decisions` is every case, over Django's, and takes its parts from
here. Both judge by `rules.decision`, on what they hold locked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from breakglass.actors import Actor, ActorKind
from breakglass.audit import chain, events, ledger
from breakglass.queries import certainty, deciding
from breakglass.queries.certainty import Asker, Connection, Rows
from breakglass.queries.deciding import Seen
from breakglass.rules import decision as rules
from breakglass.rules.decision import DeployView, GrantView
from breakglass.states import DeployState

ADMIT: Final = """
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


@dataclass(frozen=True, slots=True)
class Admission:
    """A deploy that is let through: its row, and the facts of its entry."""

    deploy: DeployView
    row: dict[str, Any]
    facts: chain.Facts


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks what. `actor` is whom the gate says that it acts for."""

    asker: Asker
    token_hash: bytes
    question: rules.Question
    actor: str


def admit(primary: Connection, ask: Ask) -> Answer | None:
    """
    Answers the `bypass` of one question, durable when this returns.

    None for whatever is no `bypass`, with nothing written unless the window ended
    during the commit: `decisions.decide` has to say why. The token is looked up again,
    so that the asker may come from a copy. Judged by the database's clock after the
    grants' locks, and looked at again after the commit, as there. `primary` commits
    each statement by itself; raises psycopg.Error, after which it must be closed.
    """
    with primary.pipeline():
        primary.execute("BEGIN")
        alive = certainty.ask_alive(primary, token_hash=ask.token_hash)
        asker, question = ask.asker, ask.question
        place = [asker.gate_id, question.scope.service, question.deploy_id]
        taken = primary.execute(deciding.TAKE, place)
        head = primary.execute(ledger.LOCK_HEAD, {"tenant": asker.tenant_id})
        answer = None
        if alive.fetchone() == (asker.gate_id,):
            answer = _let_through(primary, ask, taken, head)
        primary.execute("ROLLBACK" if answer is None else "COMMIT")
        clock = primary.execute("SELECT bg_now()").fetchone()
    if answer is None or clock is None:
        return None
    expires_at = answer.decision.expires_at
    # The commit may have taken longer than the window: then the later truth counts.
    return answer if expires_at is not None and clock[0] < expires_at else None


def _let_through(
    primary: Connection, ask: Ask, taken: Rows, head: Rows
) -> Answer | None:
    """Judges what is locked; sends what a new deploy owes, if it may pass."""
    rows, tip = taken.fetchall(), head.fetchone()
    if not rows or tip is None:
        return None
    asker, question = ask.asker, ask.question
    seen = deciding.seen(
        rows,
        gate=asker.gate,
        service=question.scope.service,
        deploy_id=question.deploy_id,
    )
    decision = judge(question=question, seen=seen)
    if decision.verdict is not rules.Verdict.BYPASS:
        return None
    if not decision.admits:
        return answer_of(decision=decision, deploy=seen.deploy, seen=seen)
    found = admission(question=question, actor=ask.actor, decision=decision, seen=seen)
    seq, entry_hash, at, _ = tip
    entry = ledger.compose(
        tenant=(asker.tenant_id, {"id": asker.tenant_uuid, "slug": asker.tenant}),
        tip=ledger.Tip(seq, bytes(entry_hash), at),
        event=events.DEPLOY_ADMITTED,
        actor=Actor(ActorKind.GATE, asker.gate, asker.gate),
        facts=found.facts,
        bypass_id=decision.bypass_id,
    )
    of_gate = {"tenant": asker.tenant_id, "gate": asker.gate_id}
    primary.execute(ADMIT, {**found.row, **of_gate})
    primary.execute(ledger.INSERT, entry)
    return answer_of(decision=decision, deploy=found.deploy, seen=seen)


def judge(*, question: rules.Question, seen: Seen) -> rules.Decision:
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


def admission(
    *, question: rules.Question, actor: str, decision: rules.Decision, seen: Seen
) -> Admission:
    """
    Returns what a decision that `admits` has to write, but for tenant and gate.

    The grant is one of those seen; `actor` as in Ask.
    """
    by_id = {grant.bypass_id: (key, grant) for key, grant in seen.grants.items()}
    key, grant = by_id[decision.bypass_id]
    scope, state = question.scope, DeployState.ADMITTED
    row = {
        "grant": key,
        "deploy_id": question.deploy_id,
        "service": scope.service,
        "branch": scope.branch,
        "artifact": scope.artifact,
        "actor": actor,
        "state": state.value,
        "now": seen.now,
    }
    deploy = DeployView(question.deploy_id, scope, state.value, grant)
    return Admission(deploy, row, _facts(grant, question, actor, seen.now))


def answer_of(
    *, decision: rules.Decision, deploy: DeployView | None, seen: Seen
) -> Answer:
    """Returns the answer to what was decided on this look, under a name of its own."""
    return Answer(
        decision=decision,
        deploy=deploy,
        policy_version=seen.policy_version,
        evaluated_at=seen.now,
        decision_id=uuid4(),
    )


def _facts(
    grant: GrantView, question: rules.Question, actor: str, now: datetime
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
