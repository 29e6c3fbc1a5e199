"""How the logs stand, for probes and Prometheus: numbers, and no tenant's name."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from breakglass.audit import events
from breakglass.models import AuditEntry, ChainHead, Checkpoint, LogStanding
from breakglass.queries.logs import standing


def logs() -> str:
    """Complains about logs that are read-only or do not verify."""
    read_only, findings = standing.counts()
    problems = [
        f"{number} {what}"
        for number, what in (
            (read_only, "read-only, their gates enforce"),
            (findings, "with a finding"),
        )
        if number
    ]
    return "; ".join(problems)


def checkpoints() -> str:
    """Complains when signed checkpoints do not reach the operator's webhook."""
    unsent = Checkpoint.objects.filter(sent_at__isnull=True).exclude(send_error="")
    return "the webhook refuses or does not answer" if unsent.exists() else ""


def entries(_now: datetime) -> float:
    """Counts the entries of all logs."""
    return float(ChainHead.objects.aggregate(total=Sum("seq"))["total"] or 0)


def unsealed(_now: datetime) -> float:
    """Entries after the last seal, which is itself an entry: none on a quiet log."""
    sealed = AuditEntry.objects.filter(
        tenant=OuterRef("tenant"), event=events.LOG_SEALED
    ).order_by("-seq")
    last = Coalesce(Subquery(sealed.values("seq")[:1]), 0)
    heads = ChainHead.objects.annotate(unsealed=F("seq") - last)
    return float(heads.aggregate(total=Sum("unsealed"))["total"] or 0)


COUNTS: Final[Mapping[str, tuple[str, Callable[[datetime], QuerySet[Any]]]]] = {
    "logs_read_only": (
        "Logs that no longer extend what was published.",
        lambda _now: LogStanding.objects.filter(read_only_at__isnull=False),
    ),
    "logs_with_findings": (
        "Logs that do not verify.",
        lambda _now: LogStanding.objects.filter(finding_at__isnull=False),
    ),
    "checkpoints_unpublished": (
        "Signed checkpoints that are not in the file outside yet.",
        lambda _now: Checkpoint.objects.filter(
            published_at__isnull=True, statement__bundle__isnull=False
        ),
    ),
}

NUMBERS: Final[Mapping[str, tuple[str, Callable[[datetime], float]]]] = {
    "log_entries": ("Entries in the logs of all tenants.", entries),
    "log_unsealed": ("Entries that no checkpoint covers yet.", unsealed),
}
