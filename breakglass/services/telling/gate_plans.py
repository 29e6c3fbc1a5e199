"""Who is told of a finding about a gate, and of the month."""

from breakglass.notify import gate_messages
from breakglass.queries import messages
from breakglass.queries.gates import findings
from breakglass.queries.gates import messages as queries
from breakglass.services.telling.planned import Due, Plan


def finding_opened(due: Due) -> Plan | None:
    """Told while it is open, to whoever owns it by now; the channels hear of it too."""
    finding = queries.finding_of(tenant=due.tenant, pk=due.subject_id)
    if finding.closed_at is not None:
        return None
    owner = findings.answers_for(finding=finding)
    facts = queries.finding_facts(finding=finding, owner=owner)
    return Plan(
        text=gate_messages.finding_opened(facts),
        people=[owner] if owner else [],
        to_channels=True,
    )


def finding_handed_over(due: Due) -> Plan | None:
    """Tells the new owner, unless it went on, was closed, or they have left."""
    finding = queries.finding_of(tenant=due.tenant, pk=due.subject_id)
    if finding.closed_at is not None or finding.owner is None:
        return None
    if finding.owner.pk != due.person_id:
        return None
    if findings.answers_for(finding=finding) != finding.owner:
        return None
    facts = queries.finding_facts(finding=finding, owner=finding.owner)
    text = gate_messages.finding_handed_over(facts)
    return Plan(text=text, people=[finding.owner])


def health_summary(due: Due) -> Plan | None:
    """To who manages the tenant, and to who answers for what is open about gates."""
    facts = queries.summary_facts(tenant=due.tenant, pk=due.subject_id)
    owners = queries.owners_of(tenant=due.tenant)
    managers = messages.managers_of(tenant=due.tenant)
    return Plan(
        text=gate_messages.summary(facts),
        people=[*managers, *(one for one in owners if one not in managers)],
        to_channels=True,
    )
