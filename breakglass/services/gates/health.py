"""Gate health: thresholds on record, findings where they are passed, a monthly word."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from breakglass import clock, outbox
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import InvalidInput
from breakglass.models import Gate, HealthSummary, HealthTerms, Tenant
from breakglass.models.findings import at_midnight, month_after
from breakglass.queries.gates import health as queries
from breakglass.queries.logs import standing
from breakglass.rules import gate_health as rules
from breakglass.services.gates import findings
from breakglass.states import FindingKind
from breakglass.texts import text

CHECK_EVERY: Final = timedelta(minutes=10)
_LIMITS: Final = {"period_days": (1, 366), "blamed_percent": (0, 100)}
_MOST: Final = 30_000
"""What the columns hold."""


@transaction.atomic
def set_terms(
    *, tenant: Tenant, thresholds: rules.Thresholds, actor: Actor
) -> HealthTerms:
    """Stores from when on a figure is a finding; InvalidInput names what is odd."""
    values = asdict(thresholds)
    for field, value in values.items():
        lowest, highest = _LIMITS.get(field, (0, _MOST))
        if not lowest <= value <= highest:
            msg = text(
                "%(field)s must be from %(lowest)s to %(highest)s",
                field=field,
                lowest=lowest,
                highest=highest,
            )
            raise InvalidInput(msg, field=field)
    terms, _ = HealthTerms.objects.update_or_create(tenant=tenant, defaults=values)
    ledger.append(
        tenant=tenant,
        event=events.HEALTH_TERMS_CHANGED,
        actor=actor,
        facts=values,
    )
    return terms


def raise_due(*, limit: int = 50) -> int:
    """
    Looks at each tenant's gates every few minutes; returns how many findings it raised.

    What was answered counts anew from then on: a gate that goes on as before is found
    again, one that was mended is not.
    """
    now = clock.db_now()
    due = standing.writable_tenants().filter(is_active=True)
    due = due.filter(
        Q(health_terms__isnull=True)
        | Q(health_terms__checked_at__isnull=True)
        | Q(health_terms__checked_at__lte=now - CHECK_EVERY)
    ).order_by(F("health_terms__checked_at").asc(nulls_first=True), "pk")
    return sum(_raise_one(tenant, now=now) for tenant in due[:limit])


def _raise_one(tenant: Tenant, *, now: datetime) -> int:
    """Marked first: a tenant whose figures break this does not hold up the rest."""
    HealthTerms.objects.update_or_create(tenant=tenant, defaults={"checked_at": now})
    terms = queries.thresholds_of(tenant=tenant)
    since = now - timedelta(days=terms.period_days)
    seen = queries.figures_of(tenant=tenant, since=since, until=now)
    is_open = queries.open_kinds(tenant=tenant)
    answered = queries.closed_since(tenant=tenant, since=since)
    raised = 0
    for gate in Gate.objects.filter(pk__in=seen, is_active=True).order_by("pk"):
        for breach in rules.breaches(figures=seen[gate.pk], thresholds=terms):
            key = (gate.pk, breach.kind)
            if key in is_open:
                continue
            found: rules.Breach | None = breach
            if key in answered:
                found = _since_answered(gate, breach.kind, answered[key], now, terms)
            if found is not None:
                raised += _raise(gate, found)
    return raised


def _since_answered(
    gate: Gate, kind: str, since: datetime, now: datetime, terms: rules.Thresholds
) -> rules.Breach | None:
    """Judges only what came after the last answer."""
    seen = queries.figures_of(tenant=gate.tenant, since=since, until=now, gates=[gate])
    figures = seen.get(gate.pk, rules.Figures())
    found = rules.breaches(figures=figures, thresholds=terms)
    return next((breach for breach in found if breach.kind == kind), None)


def _raise(gate: Gate, breach: rules.Breach) -> bool:
    opened = findings.open_finding(
        gate=gate, kind=FindingKind(breach.kind), details=breach.details
    )
    return opened is not None


def summarize_due(*, limit: int = 50) -> int:
    """
    Promises each tenant with gates a word about the last whole month (UTC).

    Once a month, whenever it runs: the row is what says so, not the day. A month in
    which the tenant did not exist, or that nobody looked at in time, is left out.
    """
    month = last_month(clock.db_now())
    told = HealthSummary.objects.filter(tenant=OuterRef("pk"), month=month)
    due: QuerySet[Tenant] = (
        standing.writable_tenants()
        .filter(
            ~Exists(told),
            Exists(Gate.objects.filter(tenant=OuterRef("pk"), is_active=True)),
            is_active=True,
            created_at__lt=at_midnight(month_after(month)),
        )
        .order_by("pk")
    )
    return sum(_summarize_one(tenant, month=month) for tenant in due[:limit])


@transaction.atomic
def _summarize_one(tenant: Tenant, *, month: date) -> bool:
    now = clock.db_now()
    summary, is_new = HealthSummary.objects.get_or_create(
        tenant=tenant, month=month, defaults={"created_at": now}
    )
    if is_new:
        outbox.promise(
            tenant=tenant, topic=outbox.HEALTH_SUMMARY, subject_id=summary.pk, now=now
        )
    return is_new


def last_month(now: datetime) -> date:
    """Returns the first day of the last whole month, in UTC."""
    return (now.astimezone(UTC).date().replace(day=1) - timedelta(days=1)).replace(
        day=1
    )
