"""Who is told of a log that is in question."""

from breakglass.notify import log_messages
from breakglass.queries import messages as rows
from breakglass.queries.logs import standing as log_standings
from breakglass.services.telling.planned import Due, Plan


def finding(due: Due) -> Plan | None:
    """Tells the auditors, unless a full check has ended it."""
    standing = log_standings.of(tenant=due.tenant)
    if standing is None or standing.finding_at is None:
        return None
    what, since = standing.finding, standing.finding_at
    facts = rows.log_facts(tenant=due.tenant, what=what, since=since)
    return Plan(
        text=log_messages.finding(facts),
        people=rows.holders_of(tenant=due.tenant, permission="export_evidence"),
        bypass=None,
        to_channels=True,
    )


def read_only(due: Due) -> Plan | None:
    """Tells auditors and managers, unless it was re-anchored."""
    standing = log_standings.of(tenant=due.tenant)
    if standing is None or standing.read_only_at is None:
        return None
    what, since = standing.read_only_reason, standing.read_only_at
    facts = rows.log_facts(tenant=due.tenant, what=what, since=since)
    auditors = rows.holders_of(tenant=due.tenant, permission="export_evidence")
    return Plan(
        text=log_messages.read_only(facts),
        people=list(dict.fromkeys([*auditors, *rows.managers_of(tenant=due.tenant)])),
        bypass=None,
        to_channels=True,
    )
