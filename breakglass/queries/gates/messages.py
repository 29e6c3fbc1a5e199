"""The facts that messages about gates are made of, and whom they concern."""

from datetime import date

from django.conf import settings

from breakglass.models import Finding, Gate, HealthSummary, Tenant, User
from breakglass.notify.gate_messages import FindingFacts, SummaryFacts
from breakglass.queries.gates import findings, health
from breakglass.rules.gate_health import Figures


def finding_of(*, tenant: Tenant, pk: int) -> Finding:
    """Returns the finding that an outbox message of this tenant names."""
    rows = Finding.objects.select_related("tenant", "gate__tenant", "owner")
    return rows.get(tenant=tenant, pk=pk)


def finding_facts(*, finding: Finding, owner: User | None) -> FindingFacts:
    """Returns a finding as the texts take it; `owner` is who answers for it now."""
    return FindingFacts(
        site=settings.BASE_URL,
        tenant=finding.tenant.slug,
        gate=finding.gate.slug,
        finding=str(finding.public_id),
        kind=finding.kind,
        owner=str(owner) if owner else "",
        opened_at=finding.opened_at,
        details=finding.facts,
    )


def owners_of(*, tenant: Tenant) -> list[User]:
    """Returns who answers for a finding that is open in the tenant, each once."""
    rows = findings.open_of(tenants=[tenant])
    people = [findings.answers_for(finding=finding) for finding in rows]
    return list(dict.fromkeys(person for person in people if person))


def summary_facts(*, tenant: Tenant, pk: int) -> SummaryFacts:
    """Returns one month of the tenant's gates in use, most bypassed first."""
    summary = HealthSummary.objects.get(tenant=tenant, pk=pk)
    since, until = summary.span
    seen = health.figures_of(tenant=tenant, since=since, until=until)
    rows = [
        (gate.slug, seen.get(gate.pk, Figures()))
        for gate in Gate.objects.filter(tenant=tenant, is_active=True).order_by("slug")
    ]
    month: date = summary.month
    return SummaryFacts(
        site=settings.BASE_URL,
        tenant=tenant.slug,
        month=month,
        gates=sorted(rows, key=lambda row: -row[1].bypasses),
        open_findings=Finding.objects.filter(
            tenant=tenant, closed_at__isnull=True
        ).count(),
        scope_repeats=health.thresholds_of(tenant=tenant).scope_repeats,
    )
