"""The answer to a gate (design.md section 6). In doubt it is `enforce`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from breakglass.rules.identifiers import is_artifact_digest
from breakglass.rules.scopes import Scope, covers
from breakglass.rules.window import Window

# The values of states.GrantState and states.DeployState that matter here, as
# plain text: a state this page has not heard of is never in force.
_ACTIVE: Final = "active"
_REVOKED: Final = "revoked"
_ADMITTED: Final = "admitted"
_SIGSTORE: Final = "sigstore"
_CLOSED_WITH_GRANT: Final = frozenset({"reverted", "unknown"})


class Verdict(StrEnum):
    """What the gate should do."""

    ENFORCE = "enforce"
    BYPASS = "bypass"


class Reason(StrEnum):
    """Why: stable codes that gates rely on."""

    NO_GRANT = "no_grant"
    GRANT_IN_FORCE = "grant_in_force"
    DEPLOY_LIMIT_REACHED = "deploy_limit_reached"
    DIGEST_REQUIRED = "digest_required"
    ASSURANCE_TOO_LOW = "assurance_too_low"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ENDED = "ended"
    CLOSING = "closing"
    NOT_COUNTED = "not_counted"
    DEGRADED = "degraded"
    DRILL = "drill"


@dataclass(frozen=True, slots=True)
class GrantView:
    """
    A grant as the decision sees it. `max_deploys` None is no limit.

    `assurance` is `sigstore`, or `offline_quorum` for one of the outage fallback.
    """

    bypass_id: str
    scope: Scope
    window: Window
    state: str
    max_deploys: int | None
    deploys_used: int
    digest_required: bool
    assurance: str = _SIGSTORE


@dataclass(frozen=True, slots=True)
class DeployView:
    """
    A deploy that the gate asked about before, and the grant it went under.

    `may_finish`: its gate lets it report its end after the close (rules.flight), so
    the close does not revert it. It is told `enforce` all the same.
    """

    deploy_id: str
    scope: Scope
    state: str
    grant: GrantView
    may_finish: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """
    What a gate asks. An empty branch or artefact here means: not stated.

    `requires_sigstore`: a grant of the outage fallback is not good enough for it.
    `cached_for`: how long the answer may be used again without asking; no use of it
    may be at or after the grant's end. `is_counted`: a deploy that passes on this
    answer can be counted, so a grant that lets only so many through may answer.
    """

    scope: Scope
    deploy_id: str
    requires_sigstore: bool = False
    cached_for: timedelta = timedelta(0)
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """
    The answer, and what to write down for it.

    `admits`: a new deploy row is due before the answer leaves. `reverts`: the
    known deploy's grant is over, so the deploy must be reverted. `seconds_left`
    is rounded down, and 0 unless the verdict is bypass; `assurance` says on what a
    bypass stands, and is empty otherwise.
    """

    verdict: Verdict
    reason: Reason
    bypass_id: str = ""
    expires_at: datetime | None = None
    seconds_left: int = 0
    assurance: str = ""
    admits: bool = False
    reverts: bool = False


def decide(
    *,
    question: Question,
    grants: Sequence[GrantView],
    deploy: DeployView | None,
    now: datetime,
) -> Decision:
    """
    Answers a gate's question.

    `grants` are candidates in any order and state: what is not in force at `now`
    or does not cover the scope is ignored. `deploy` is the row with the asked
    deploy id at this gate, or None for a new deploy. All times are aware; `now` is
    the database's. Never raises for well-typed input.
    """
    if deploy is not None:
        return _known(question=question, deploy=deploy, now=now)
    return _new(question=question, grants=grants, now=now)


def _known(*, question: Question, deploy: DeployView, now: datetime) -> Decision:
    """The same deploy asked again keeps its grant; it never gets another one."""
    grant = deploy.grant
    # Its grant must cover the question too: the row alone is no permission.
    is_same = deploy.deploy_id == question.deploy_id and deploy.scope == question.scope
    if not is_same or not covers(granted=grant.scope, asked=question.scope):
        return Decision(Verdict.ENFORCE, Reason.NO_GRANT)
    in_force = _in_force(grant=grant, now=now)
    if deploy.state == _ADMITTED and in_force:
        if not _good_enough(question=question, grant=grant):
            return Decision(Verdict.ENFORCE, Reason.ASSURANCE_TOO_LOW)
        if not _outlives(question=question, grant=grant, now=now):
            return Decision(Verdict.ENFORCE, Reason.CLOSING, bypass_id=grant.bypass_id)
        return _bypass(grant=grant, now=now, admits=False)
    closed = Reason.REVOKED if grant.state == _REVOKED else Reason.EXPIRED
    by_grant = deploy.state in _CLOSED_WITH_GRANT and not in_force
    return Decision(
        Verdict.ENFORCE,
        closed if by_grant or deploy.state == _ADMITTED else Reason.ENDED,
        bypass_id=grant.bypass_id,
        reverts=deploy.state == _ADMITTED and not deploy.may_finish,
    )


def _new(*, question: Question, grants: Sequence[GrantView], now: datetime) -> Decision:
    """Of the grants that are not used up, the one that ends last answers."""
    standing = [
        grant
        for grant in grants
        if _in_force(grant=grant, now=now)
        and covers(granted=grant.scope, asked=question.scope)
    ]
    if not standing:
        return Decision(Verdict.ENFORCE, Reason.NO_GRANT)
    # In this order: what stops the question is the first that no grant is left of.
    demands: tuple[tuple[Reason, Callable[[GrantView], bool]], ...] = (
        (Reason.DEPLOY_LIMIT_REACHED, lambda g: not _used_up(grant=g)),
        (Reason.NOT_COUNTED, lambda g: question.is_counted or g.max_deploys is None),
        (Reason.ASSURANCE_TOO_LOW, lambda g: _good_enough(question=question, grant=g)),
        (Reason.CLOSING, lambda g: _outlives(question=question, grant=g, now=now)),
    )
    usable = standing
    for reason, is_met in demands:
        usable = [grant for grant in usable if is_met(grant)]
        if not usable:
            return Decision(Verdict.ENFORCE, reason)
    # The ID breaks a tie, so that the order of the rows never decides.
    grant = max(usable, key=lambda grant: (grant.window.expires_at, grant.bypass_id))
    if grant.digest_required and not is_artifact_digest(question.scope.artifact):
        return Decision(Verdict.ENFORCE, Reason.DIGEST_REQUIRED)
    return _bypass(grant=grant, now=now, admits=True)


def _in_force(*, grant: GrantView, now: datetime) -> bool:
    """Both, always: the state may lag behind the clock, and the clock the state."""
    return grant.state == _ACTIVE and grant.window.covers(now)


def _good_enough(*, question: Question, grant: GrantView) -> bool:
    """An assurance this page has not heard of is not Sigstore's."""
    return not question.requires_sigstore or grant.assurance == _SIGSTORE


def _outlives(*, question: Question, grant: GrantView, now: datetime) -> bool:
    """The last use of a kept answer is before the end, not at it."""
    return now + question.cached_for < grant.window.expires_at


def _used_up(*, grant: GrantView) -> bool:
    return grant.max_deploys is not None and grant.deploys_used >= grant.max_deploys


def _bypass(*, grant: GrantView, now: datetime, admits: bool) -> Decision:
    expires_at = grant.window.expires_at
    return Decision(
        Verdict.BYPASS,
        Reason.GRANT_IN_FORCE,
        bypass_id=grant.bypass_id,
        expires_at=expires_at,
        seconds_left=(expires_at - now) // timedelta(seconds=1),
        assurance=grant.assurance,
        admits=admits,
    )
