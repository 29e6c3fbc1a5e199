"""
A gate cannot be switched off silently: what shows that one was becomes a finding.

Each way of noticing is a function here that raises one kind: silence, an end of a
deploy that was never let through, a deploy that went on without its bypass, another
configuration. A check of a platform's own settings belongs beside them.
"""

from datetime import datetime, timedelta

from django.db.models import (
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    Value,
)

from breakglass import clock
from breakglass.audit import chain
from breakglass.models import Deploy, Finding, Gate
from breakglass.queries.logs import standing
from breakglass.rules import watching as rules
from breakglass.services.gates import findings
from breakglass.states import FindingKind


def raise_silent_due(*, limit: int = 100) -> int:
    """
    Raises a finding for each gate in use whose heartbeats stopped; returns how many.

    Longer than the gate's own minutes, and not raised again for the same silence.
    """
    now = clock.db_now()
    due = ExpressionWrapper(
        F("last_seen_at") + F("silent_minutes") * Value(timedelta(minutes=1)),
        output_field=DateTimeField(),
    )
    of_it = Finding.objects.filter(gate=OuterRef("pk"), kind=FindingKind.GATE_SILENT)
    answered = Q(findings__kind=FindingKind.GATE_SILENT)
    gates = (
        standing.writable(Gate.objects.filter(is_active=True, beat_at__isnull=False))
        .filter(~Exists(of_it.filter(closed_at__isnull=True)))
        .annotate(
            silent_at=due, answered_at=Max("findings__closed_at", filter=answered)
        )
        .filter(silent_at__lte=now)
        .order_by("pk")
    )
    return sum(_silent(gate, now=now) for gate in gates[:limit])


def undecided(*, gate: Gate, deploy_id: str, said: str) -> bool:
    """
    Raises that a gate reported a deploy that it was never let through; once.

    Returns whether it is new. Call it outside a transaction that is rolled back.
    """
    details = {"deploy_id": deploy_id, "said": said}
    return _raise(gate, FindingKind.DEPLOY_UNDECIDED, details)


def went_on(*, deploy: Deploy, gate: Gate, closed_at: datetime, said: str) -> bool:
    """Raises that a deploy went on long after its bypass was over; once."""
    past = rules.went_on(
        closed_at=closed_at, reported_at=clock.db_now(), grace=gate.silent_for
    )
    if past is None:
        return False
    details: dict[str, str | int] = {
        "deploy_id": deploy.deploy_id,
        "said": said,
        "minutes": past // timedelta(minutes=1),
    }
    return _raise(gate, FindingKind.DECISION_STALE, details)


def reconfigured(*, gate: Gate, before: str, after: str) -> bool:
    """Raises that a gate reports another configuration than before."""
    details = {"before": before, "after": after}
    return _raise(gate, FindingKind.CONFIG_CHANGED, details)


def _silent(gate: Gate, *, now: datetime) -> bool:
    since = rules.silent_since(
        beat_at=gate.beat_at,
        heard_at=gate.last_seen_at,
        answered_at=getattr(gate, "answered_at", None),
        silent_for=gate.silent_for,
        now=now,
    )
    if since is None:
        return False
    details: dict[str, str | int] = {
        "since": chain.timestamp(since),
        "minutes": gate.silent_minutes,
    }
    return _raise(gate, FindingKind.GATE_SILENT, details)


def _raise(gate: Gate, kind: FindingKind, details: chain.Facts) -> bool:
    """Asks without a lock first: a gate may say the same a thousand times."""
    open_ones = Finding.objects.filter(gate=gate, kind=kind, closed_at__isnull=True)
    if open_ones.exists():
        return False
    raised = findings.open_finding(gate=gate, kind=kind, details=details)
    return raised is not None
