"""Who is told of a finding about a gate, and of the month."""

from breakglass.notify import gate_messages
from breakglass.queries import gate_messages as queries
from breakglass.queries import messages
from breakglass.services.planned import Due, Plan


def finding_opened(due: Due) -> Plan | None:
    """Told while it is open, to whoever owns it by now; the channels hear of it too."""
    finding = queries.finding_of(tenant=due.tenant, pk=due.subject_id)
    if finding.closed_at is not None:
        return None
    return Plan(
        text=gate_messages.finding_opened(queries.finding_facts(finding=finding)),
        people=[finding.owner] if finding.owner else [],
        to_channels=True,
    )


def finding_handed_over(due: Due) -> Plan | None:
    """Tells the new owner, unless it went on to somebody else or was closed."""
    finding = queries.finding_of(tenant=due.tenant, pk=due.subject_id)
    if finding.closed_at is not None or finding.owner is None:
        return None
    if finding.owner.pk != due.person_id:
        return None
    text = gate_messages.finding_handed_over(queries.finding_facts(finding=finding))
    return Plan(text=text, people=[finding.owner])


def health_summary(due: Due) -> Plan | None:
    """To who manages the tenant, and to who owns what is open about its gates."""
    facts = queries.summary_facts(tenant=due.tenant, pk=due.subject_id)
    owners = queries.owners_of(tenant=due.tenant)
    managers = messages.managers_of(tenant=due.tenant)
    return Plan(
        text=gate_messages.summary(facts),
        people=list(dict.fromkeys([*managers, *owners])),
        to_channels=True,
    )
