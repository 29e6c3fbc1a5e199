"""POST /api/v1/decisions: may this deploy pass?"""

from datetime import timedelta
from typing import Final

from django.http import HttpRequest

from breakglass.models import Gate
from breakglass.rules.decision import Question, Verdict
from breakglass.rules.scopes import Scope
from breakglass.services import decisions
from breakglass.services.admissions import Answer
from breakglass.services.gates import days
from breakglass.states import Assurance, DeployState
from portal.api import asking, contacts, counters, keeping
from portal.api.edge import Endpoint
from portal.api.schemas import DecisionAnswer, DecisionQuestion, DeployPart


def _decide(request: HttpRequest) -> DecisionAnswer:
    gate, asked = asking.gate_and_body(request, DecisionQuestion)
    return answered(request, gate=gate, asked=asked)


def answered(
    request: HttpRequest,
    *,
    gate: Gate,
    asked: DecisionQuestion,
    is_counted: bool = True,
    cached_for: timedelta = timedelta(0),
) -> DecisionAnswer:
    """
    Decides, counts, and tells the gate's page; returns what the gate hears.

    `is_counted` false: about no deploy in particular, so it is a dry run about a new
    one, whatever ID the question has. `cached_for` holds where the gate declares no
    time of its own; the question may only lengthen it.
    """
    kept_for = keeping.kept_for(gate=gate, asked=asked, usual=cached_for)
    scope = Scope(
        gate=gate.slug,
        service=asked.service,
        branch=asked.branch,
        artifact=asked.artifact,
    )
    answer = decisions.decide(
        gate=gate,
        question=Question(
            scope=scope,
            deploy_id=asked.deploy_id if is_counted else "",
            requires_sigstore=asked.require_assurance == "sigstore",
            cached_for=kept_for,
            is_counted=is_counted,
        ),
        actor=asked.actor,
        dry_run=asked.dry_run,
    )
    reply = reply_of(answer, dry_run=asked.dry_run)
    keeping.note(request, reply, kept_for=keeping.declared(gate=gate, asked=asked))
    mode = "dry_run" if asked.dry_run else "live"
    if answer.decision.verdict is Verdict.ENFORCE and not asked.dry_run:
        days.TALLY.note(gate_id=gate.pk, deploy_id=asked.deploy_id)
    counters.DECISIONS.labels(reply.decision, reply.reason, mode).inc()
    contacts.told(
        request,
        call="dry_run" if asked.dry_run else "decision",
        outcome=reply.reason,
    )
    return reply


def reply_of(answer: Answer, *, dry_run: bool) -> DecisionAnswer:
    """Returns what goes over the wire; the front sends the same."""
    decision, deploy = answer.decision, answer.deploy
    is_bypass = decision.verdict is Verdict.BYPASS
    known = None
    if deploy is not None:
        known = DeployPart(id=deploy.deploy_id, state=DeployState(deploy.state))
    return DecisionAnswer(
        decision="bypass" if is_bypass else "enforce",
        reason=decision.reason,
        bypass_id=decision.bypass_id or None,
        expires_at=decision.expires_at,
        seconds_left=decision.seconds_left if is_bypass else None,
        assurance=Assurance(decision.assurance) if is_bypass else None,
        deploy=known,
        policy_version=answer.policy_version,
        decision_id=answer.decision_id,
        evaluated_at=answer.evaluated_at,
        dry_run=dry_run,
    )


decide: Final = Endpoint("decisions", {"POST": _decide})
