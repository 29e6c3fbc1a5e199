"""Who is told of a log that is in question, and of evidence taken from it."""

from breakglass.models import Export
from breakglass.notify import log_messages
from breakglass.queries import messages as rows
from breakglass.queries.logs import standing as log_standings
from breakglass.services.logs import exports
from breakglass.services.telling.planned import Due, Plan
from breakglass.states import ExportState


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


def export_finished(due: Due) -> Plan | None:
    """Tells who asked, while they may still take it home and it is there to take."""
    made = Export.objects.select_related("tenant", "requested_by").get(
        tenant=due.tenant, pk=due.subject_id
    )
    holders = rows.holders_of(tenant=due.tenant, permission="export_evidence")
    if made.requested_by not in holders:
        return None
    if made.state == ExportState.FAILED:
        text = log_messages.export_failed(rows.export_facts(made=made), why=made.error)
        return Plan(text=text, people=[made.requested_by])
    if made.finished_at is None or exports.path_of(made) is None:
        return None
    text = log_messages.export_ready(
        rows.export_facts(made=made), until=made.finished_at + exports.KEPT_FOR
    )
    return Plan(text=text, people=[made.requested_by])
