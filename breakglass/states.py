"""Lifecycle states and the only moves allowed between them (docs/lifecycle.md)."""

from collections.abc import Mapping
from typing import Final, TypeVar

from django.db.models import TextChoices

from breakglass.errors import Conflict
from breakglass.texts import Text, text, text_in


class RequestState(TextChoices):
    """Where a bypass request stands. Everything but pending is final."""

    PENDING = "pending", text("Pending")
    APPROVED = "approved", text("Approved")
    REJECTED = "rejected", text("Rejected")
    WITHDRAWN = "withdrawn", text("Withdrawn")
    LAPSED = "lapsed", text("Lapsed")


class GrantState(TextChoices):
    """Where a grant stands. In force needs active *and* an open window."""

    ACTIVE = "active", text("Active")
    EXPIRED = "expired", text("Expired")
    REVOKED = "revoked", text("Revoked")


class DeployState(TextChoices):
    """What became of a deploy that a gate let through under a grant."""

    ADMITTED = "admitted", text("In flight")
    SUCCEEDED = "succeeded", text("Succeeded")
    FAILED = "failed", text("Failed")
    REVERTED = "reverted", text("Reverted to enforcement")
    UNKNOWN = "unknown", text("No report")


class AtClose(TextChoices):
    """What becomes of a gate's deploys in flight when their bypass closes."""

    HOLD_NEXT_STAGE = (
        "hold_next_stage",
        text(
            "Hold the next stage: the deploy is reverted to enforcement, and its next "
            "question is answered with enforce"
        ),
    )
    FINISH = (
        "finish",
        text(
            "Let it finish: it may still report its end, and is marked as overrun; no "
            "further question is answered with bypass"
        ),
    )
    ABORT = (
        "abort",
        text(
            "Abort: it is reverted to enforcement, and a webhook tells its pipeline to "
            "cancel it"
        ),
    )


class PostMortemState(TextChoices):
    """Where the write-up of a grant stands."""

    SCHEDULED = "scheduled", text("Scheduled")
    OPEN = "open", text_in("post-mortem", "Open")
    PUBLISHED = "published", text("Published")


class GateBlame(TextChoices):
    """Whether the gate was at fault that a bypass was needed, as the writer judges."""

    YES = "yes", text("Yes")
    PARTLY = "partly", text("Partly")
    NO = "no", text("No")
    UNKNOWN = "unknown", text("Not known")


class ReviewOutcome(TextChoices):
    """How the review of a post-mortem ended. One that goes on has none yet."""

    DONE = "done", text("Done")
    CHANGES_ASKED = "changes_asked", text("Changes asked for")
    TAKEN_BACK = "taken_back", text("Taken back")


class PolicyState(TextChoices):
    """A policy is edited as a draft and frozen when it is published."""

    DRAFT = "draft", text("Draft")
    PUBLISHED = "published", text("Published")


class IntentState(TextChoices):
    """How far a signature has come.

    draft: the person decided, and must authenticate again first;
    committed: authenticated, the bytes are fixed, the signature is due;
    signed: a verified bundle is stored; recorded: it counts;
    refused: it can never count (the request closed, the person lost the right);
    lapsed: a draft that nobody finished.
    """

    DRAFT = "draft", text("Waiting for sign-in")
    COMMITTED = "committed", text("Waiting for signature")
    SIGNED = "signed", text("Signed")
    RECORDED = "recorded", text("Recorded")
    REFUSED = "refused", text("Refused")
    LAPSED = "lapsed", text("Lapsed")


class GateKind(TextChoices):
    """What asks: it settles which snippet a gate's page offers."""

    GITHUB_ACTIONS = "github_actions", "GitHub Actions"
    GITLAB_CI = "gitlab_ci", "GitLab CI"
    JENKINS = "jenkins", "Jenkins"
    ARGO_CD = "argo_cd", "Argo CD"
    KUBERNETES = "kubernetes", text("Kubernetes webhook")
    GATEKEEPER = "gatekeeper", "Gatekeeper"
    KYVERNO = "kyverno", "Kyverno"
    OPA = "opa", "OPA"
    SHELL = "shell", text("Shell or anything else")


class IdentityKind(TextChoices):
    """Whose tokens a machine shows instead of a gate's secret."""

    GITHUB_ACTIONS = "github_actions", "GitHub Actions"
    GITLAB_CI = "gitlab_ci", "GitLab CI"
    KUBERNETES = "kubernetes", "Kubernetes"


class ProofMethod(TextChoices):
    """How a person proved, for one decision, who they are."""

    PASSWORD = "password", text("Password")
    OIDC = "oidc", text("Single sign-on")
    PASSKEY = "passkey", text("Passkey")


class Assurance(TextChoices):
    """On what a grant stands; gates are told, and may refuse the weaker one."""

    SIGSTORE = "sigstore", text("Signed at the Sigstore instance")
    OFFLINE_QUORUM = "offline_quorum", text("Signed under the outage fallback")


class SignedBy(TextChoices):
    """Which trust root a bundle verifies under."""

    INSTANCE = "instance", text("The Sigstore instance")
    EMBEDDED = "embedded", text("The embedded authority")
    SEALED_KEY = "sealed_key", text("The sealed local key")


class SigningOutage(TextChoices):
    """What a tier allows while signing is down."""

    BLOCK = "block", text("Wait for the signature")
    OFFLINE_QUORUM = "offline_quorum", text("One more approver, all with passkeys")


class ExportState(TextChoices):
    """How far an evidence archive has come."""

    WAITING = "waiting", text("Waiting")
    RUNNING = "running", text("Being made")
    READY = "ready", text("Ready")
    FAILED = "failed", text("Failed")


class ExportFormat(TextChoices):
    """What an export is a file of."""

    ARCHIVE = "archive", text("Evidence archive")
    LINES = "jsonl", text("JSON Lines with signatures")
    TABLE = "csv", text("Table for spreadsheets")


class DeliveryState(TextChoices):
    """How far an outbox message or a notification has come."""

    PENDING = "pending", text("Waiting")
    DELIVERED = "delivered", text("Sent")
    FAILED = "failed", text("Failed")
    SKIPPED = "skipped", text("Not needed any more")


class ProvenanceState(TextChoices):
    """What the provenance of a deploy proves. No row: it was given none."""

    WAITING = "waiting", text("Waiting for its check")
    VERIFIED = "verified", text("Verified")
    FAILED = "failed", text("Failed")


class WebhookEvent(TextChoices):
    """What a webhook is told of; the values are the `type` of Standard Webhooks."""

    BYPASS_OPENED = "bypass.opened", text("A bypass opened")
    BYPASS_CLOSING_SOON = "bypass.closing_soon", text("A bypass closes soon")
    BYPASS_CLOSED = "bypass.closed", text("A bypass closed")
    DEPLOY_REVERTED = "deploy.reverted", text("A deploy was reverted")


class FindingKind(TextChoices):
    """What was found about a gate: rules/gate_health.py and rules/watching.py."""

    BYPASSED_OFTEN = "bypassed_often", text("Bypassed often")
    SCOPE_REPEATED = "scope_repeated", text("Bypassed again for one service")
    BYPASS_UNUSED = "bypass_unused", text("Bypasses that nobody used")
    GATE_BLAMED = "gate_blamed", text("Blamed by post-mortems")
    GATE_SILENT = "gate_silent", text("Silent for too long")
    DEPLOY_UNDECIDED = "deploy_undecided", text("Reported a deploy that never asked")
    DECISION_STALE = "decision_stale", text("A deploy went on without its bypass")
    CONFIG_CHANGED = "config_changed", text("Another configuration")
    WEBHOOK_DEAD = "webhook_dead", text("A webhook is not taken any more")


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


# What moves, as a sentence names it.
_WHAT: Final[Mapping[str, Text]] = {
    said: said
    for said in (
        text_in("what moved", "request"),
        text_in("what moved", "bypass"),
        text_in("what moved", "deploy"),
        text_in("what moved", "decision"),
        text_in("what moved", "signature"),
        text_in("what moved", "post-mortem"),
    )
}


def require_move(
    moves: Mapping[State, frozenset[State]], *, current: State, to: State, what: str
) -> State:
    """
    Returns `to` when the table allows the move from `current`.

    Raises Conflict, saying what the thing already is, when it does not.
    """
    if to not in moves.get(current, frozenset()):
        raise Conflict(
            text(
                "this %(what)s is already %(state)s",
                what=_WHAT.get(what, what),
                state=current.label.lower(),
            )
        )
    return to
