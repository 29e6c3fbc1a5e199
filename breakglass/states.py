"""Lifecycle states and the only moves allowed between them (docs/lifecycle.md)."""

from collections.abc import Mapping
from typing import Final, TypeVar

from django.db.models import TextChoices

from breakglass.errors import Conflict


class RequestState(TextChoices):
    """Where a bypass request stands. Everything but pending is final."""

    PENDING = "pending", "Pending"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    LAPSED = "lapsed", "Lapsed"


class GrantState(TextChoices):
    """Where a grant stands. In force needs active *and* an open window."""

    ACTIVE = "active", "Active"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"


class DeployState(TextChoices):
    """What became of a deploy that a gate let through under a grant."""

    ADMITTED = "admitted", "In flight"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    REVERTED = "reverted", "Reverted to enforcement"
    UNKNOWN = "unknown", "No report"


class PostMortemState(TextChoices):
    """Where the write-up of a grant stands."""

    SCHEDULED = "scheduled", "Scheduled"
    OPEN = "open", "Open"
    PUBLISHED = "published", "Published"


class GateBlame(TextChoices):
    """Whether the gate was at fault that a bypass was needed, as the writer judges."""

    YES = "yes", "Yes"
    PARTLY = "partly", "Partly"
    NO = "no", "No"
    UNKNOWN = "unknown", "Not known"


class ReviewOutcome(TextChoices):
    """How the review of a post-mortem ended. One that goes on has none yet."""

    DONE = "done", "Done"
    CHANGES_ASKED = "changes_asked", "Changes asked for"
    TAKEN_BACK = "taken_back", "Taken back"


class PolicyState(TextChoices):
    """A policy is edited as a draft and frozen when it is published."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"


class IntentState(TextChoices):
    """How far a signature has come.

    draft: the person decided, and must authenticate again first;
    committed: authenticated, the bytes are fixed, the signature is due;
    signed: a verified bundle is stored; recorded: it counts;
    refused: it can never count (the request closed, the person lost the right);
    lapsed: a draft that nobody finished.
    """

    DRAFT = "draft", "Waiting for sign-in"
    COMMITTED = "committed", "Waiting for signature"
    SIGNED = "signed", "Signed"
    RECORDED = "recorded", "Recorded"
    REFUSED = "refused", "Refused"
    LAPSED = "lapsed", "Lapsed"


class GateKind(TextChoices):
    """What asks: it settles which snippet a gate's page offers."""

    GITHUB_ACTIONS = "github_actions", "GitHub Actions"
    GITLAB_CI = "gitlab_ci", "GitLab CI"
    JENKINS = "jenkins", "Jenkins"
    ARGO_CD = "argo_cd", "Argo CD"
    SHELL = "shell", "Shell or anything else"


class ProofMethod(TextChoices):
    """How a person proved, for one decision, who they are."""

    PASSWORD = "password", "Password"
    OIDC = "oidc", "Single sign-on"
    PASSKEY = "passkey", "Passkey"


class Assurance(TextChoices):
    """On what a grant stands; gates are told, and may refuse the weaker one."""

    SIGSTORE = "sigstore", "Signed at the Sigstore instance"
    OFFLINE_QUORUM = "offline_quorum", "Signed under the outage fallback"


class SignedBy(TextChoices):
    """Which trust root a bundle verifies under."""

    INSTANCE = "instance", "The Sigstore instance"
    EMBEDDED = "embedded", "The embedded authority"
    SEALED_KEY = "sealed_key", "The sealed local key"


class SigningOutage(TextChoices):
    """What a tier allows while signing is down."""

    BLOCK = "block", "Wait for the signature"
    OFFLINE_QUORUM = "offline_quorum", "One more approver, all with passkeys"


class ExportState(TextChoices):
    """How far an evidence archive has come."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class ExportFormat(TextChoices):
    """What an export is a file of."""

    ARCHIVE = "archive", "Evidence archive"
    LINES = "jsonl", "JSON Lines with signatures"
    TABLE = "csv", "Table for spreadsheets"


class DeliveryState(TextChoices):
    """How far an outbox message or a notification has come."""

    PENDING = "pending", "Waiting"
    DELIVERED = "delivered", "Sent"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Not needed any more"


class FindingKind(TextChoices):
    """What was found about a gate. Its rules are in rules/gate_health.py."""

    BYPASSED_OFTEN = "bypassed_often", "Bypassed often"
    SCOPE_REPEATED = "scope_repeated", "Bypassed again for one service"
    BYPASS_UNUSED = "bypass_unused", "Bypasses that nobody used"
    GATE_BLAMED = "gate_blamed", "Blamed by post-mortems"


State = TypeVar("State", bound=TextChoices)

REQUEST_MOVES: Final[Mapping[RequestState, frozenset[RequestState]]] = {
    RequestState.PENDING: frozenset(
        {
            RequestState.APPROVED,
            RequestState.REJECTED,
            RequestState.WITHDRAWN,
            RequestState.LAPSED,
        }
    ),
}
GRANT_MOVES: Final[Mapping[GrantState, frozenset[GrantState]]] = {
    GrantState.ACTIVE: frozenset({GrantState.EXPIRED, GrantState.REVOKED}),
}
DEPLOY_MOVES: Final[Mapping[DeployState, frozenset[DeployState]]] = {
    DeployState.ADMITTED: frozenset(
        {
            DeployState.SUCCEEDED,
            DeployState.FAILED,
            DeployState.REVERTED,
            DeployState.UNKNOWN,
        }
    ),
}
POSTMORTEM_MOVES: Final[Mapping[PostMortemState, frozenset[PostMortemState]]] = {
    PostMortemState.SCHEDULED: frozenset({PostMortemState.OPEN}),
    PostMortemState.OPEN: frozenset({PostMortemState.PUBLISHED}),
}
INTENT_MOVES: Final[Mapping[IntentState, frozenset[IntentState]]] = {
    IntentState.DRAFT: frozenset(
        {IntentState.COMMITTED, IntentState.LAPSED, IntentState.REFUSED}
    ),
    IntentState.COMMITTED: frozenset({IntentState.SIGNED, IntentState.REFUSED}),
    IntentState.SIGNED: frozenset({IntentState.RECORDED, IntentState.REFUSED}),
}


def require_move(
    moves: Mapping[State, frozenset[State]], *, current: State, to: State, what: str
) -> State:
    """
    Returns `to` when the table allows the move from `current`.

    Raises Conflict, saying what the thing already is, when it does not.
    """
    if to not in moves.get(current, frozenset()):
        raise Conflict(f"this {what} is already {current.label.lower()}")
    return to
