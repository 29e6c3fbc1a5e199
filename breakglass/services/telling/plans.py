"""Who is told what, topic by topic, and when a message is no longer true."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from breakglass import outbox
from breakglass.audit import events
from breakglass.errors import BreakglassError
from breakglass.models import BypassRequest, User
from breakglass.notify import messages, postmortem_messages
from breakglass.notify.writing import Text
from breakglass.queries import approvers
from breakglass.queries import messages as rows
from breakglass.services.gates import enforcement
from breakglass.services.telling import (
    account_plans,
    gate_plans,
    log_plans,
    postmortem_plans,
)
from breakglass.services.telling.planned import Due, Plan
from breakglass.states import (
    DeployState,
    GrantState,
    PostMortemState,
    RequestState,
)
from breakglass.texts import text


def plan(*, topic: str, due: Due) -> Plan | None:
    """
    Returns who is told what, or None when the message is no longer true.

    Raises BreakglassError for an unknown topic, which may be a newer release's.
    Called in the message's transaction: a closed grant's gate is snapped back here.
    """
    planner = _PLANNERS.get(topic)
    if planner is None:
        msg = text("nothing here knows the topic %(topic)s", topic=repr(topic))
        raise BreakglassError(msg)
    return planner(due)


def _request_opened(due: Due) -> Plan | None:
    bypass = rows.request_of(tenant=due.tenant, pk=due.subject_id)
    if not _is_waiting(bypass, now=due.now):
        return None
    return Plan(
        text=messages.request_opened(rows.bypass_facts(bypass=bypass)),
        people=approvers.eligible_users(bypass=bypass),
        bypass=bypass,
        to_channels=True,
        event=events.REQUEST_NOTIFIED,
    )


def _request_unanswered(due: Due) -> Plan | None:
    bypass = rows.request_of(tenant=due.tenant, pk=due.subject_id)
    if not _is_waiting(bypass, now=due.now) or bypass.approvals.exists():
        return None
    facts = rows.bypass_facts(bypass=bypass)
    return Plan(
        text=messages.request_unanswered(facts, waited=due.now - bypass.opened_at),
        people=approvers.eligible_users(bypass=bypass),
        bypass=bypass,
        to_channels=True,
        event=events.REQUEST_ESCALATED,
    )


def _request_reminded(due: Due) -> Plan | None:
    """Tells the group that is still waited for; who of it was told is on record."""
    bypass, group = rows.reminder_of(tenant=due.tenant, pk=due.subject_id)
    if not _is_waiting(bypass, now=due.now):
        return None
    people = approvers.waited_for(bypass=bypass, group=group)
    if people is None:
        return None
    return Plan(
        text=messages.request_reminded(rows.bypass_facts(bypass=bypass)),
        people=people,
        bypass=bypass,
        to_channels=True,
        event=events.REQUEST_NOTIFIED,
    )


def _request_approved(due: Due) -> Plan | None:
    """Not needed once the quorum is there: the grant has its own message."""
    bypass = rows.request_of(tenant=due.tenant, pk=due.subject_id)
    facts = rows.bypass_facts(bypass=bypass)
    if not _is_waiting(bypass, now=due.now) or not facts.needs:
        return None
    approver = User.objects.get(pk=due.person_id)
    return _to_requester(
        bypass, text=messages.request_approved(facts, approver=str(approver))
    )


def _request_rejected(due: Due) -> Plan | None:
    bypass = rows.request_of(tenant=due.tenant, pk=due.subject_id)
    if bypass.state != RequestState.REJECTED:
        return None
    text = messages.request_rejected(
        rows.bypass_facts(bypass=bypass),
        by=str(bypass.ended_by or ""),
        comment=bypass.end_comment,
    )
    return _to_requester(bypass, text=text)


def _request_lapsed(due: Due) -> Plan | None:
    bypass = rows.request_of(tenant=due.tenant, pk=due.subject_id)
    if bypass.state != RequestState.LAPSED:
        return None
    text = messages.request_lapsed(rows.bypass_facts(bypass=bypass))
    return _to_requester(bypass, text=text)


def _grant_issued(due: Due) -> Plan | None:
    grant = rows.grant_of(tenant=due.tenant, pk=due.subject_id)
    if grant.state != GrantState.ACTIVE or not grant.window.covers(due.now):
        return None
    text = messages.grant_issued(rows.grant_facts(grant=grant))
    return _to_requester(grant.request, text=text, to_channels=True)


def _grant_ending(due: Due) -> Plan | None:
    grant = rows.grant_of(tenant=due.tenant, pk=due.subject_id)
    if grant.state != GrantState.ACTIVE or not grant.window.covers(due.now):
        return None
    facts = rows.grant_facts(grant=grant)
    text = messages.grant_ending(facts, left=grant.expires_at - due.now)
    return _to_requester(grant.request, text=text)


def _grant_unverified(due: Due) -> Plan | None:
    """Told whatever came after: the flag stays."""
    grant = rows.grant_of(tenant=due.tenant, pk=due.subject_id)
    return Plan(
        text=messages.grant_unverified(rows.grant_facts(grant=grant)),
        people=rows.watchers_of(tenant=due.tenant),
        bypass=grant.request,
        to_channels=True,
    )


def _grant_closed(due: Due) -> Plan | None:
    """Snaps the gate back in the same transaction: the telling and the doing agree."""
    grant = rows.grant_of(tenant=due.tenant, pk=due.subject_id)
    if grant.state == GrantState.ACTIVE:
        return None
    text = messages.grant_closed(rows.grant_facts(grant=grant))
    enforcement.snap_back(grant_id=grant.pk)  # last: it locks the chain's head
    return _to_requester(grant.request, text=text, to_channels=True)


def _deploy_reverted(due: Due) -> Plan | None:
    deploy = rows.deploy_of(tenant=due.tenant, pk=due.subject_id)
    if deploy.state != DeployState.REVERTED:
        return None
    text = messages.deploy_reverted(rows.deploy_facts(deploy=deploy))
    return _to_requester(deploy.grant.request, text=text, to_channels=True)


def _postmortem_opened(due: Due) -> Plan | None:
    grant = rows.grant_of_postmortem(tenant=due.tenant, pk=due.subject_id)
    if grant.postmortem.state != PostMortemState.OPEN:
        return None
    return Plan(
        text=postmortem_messages.postmortem_opened(rows.grant_facts(grant=grant)),
        people=postmortem_plans.writers(due, grant.postmortem),
        bypass=grant.request,
    )


def _postmortem_overdue(due: Due) -> Plan | None:
    grant = rows.grant_of_postmortem(tenant=due.tenant, pk=due.subject_id)
    postmortem = grant.postmortem
    if postmortem.state == PostMortemState.PUBLISHED or due.now < postmortem.due_at:
        return None
    return Plan(
        text=postmortem_messages.postmortem_overdue(rows.grant_facts(grant=grant)),
        people=postmortem_plans.writers(due, postmortem, managers=True),
        bypass=grant.request,
        to_channels=True,
    )


def _to_requester(
    bypass: BypassRequest, *, text: Text, to_channels: bool = False
) -> Plan:
    return Plan(
        text=text, people=[bypass.requester], bypass=bypass, to_channels=to_channels
    )


def _is_waiting(bypass: BypassRequest, *, now: datetime) -> bool:
    return bypass.state == RequestState.PENDING and now < bypass.lapses_at


_PLANNERS: Final[Mapping[str, Callable[[Due], Plan | None]]] = {
    outbox.REQUEST_OPENED: _request_opened,
    outbox.REQUEST_UNANSWERED: _request_unanswered,
    outbox.REQUEST_REMINDED: _request_reminded,
    outbox.REQUEST_APPROVED: _request_approved,
    outbox.REQUEST_REJECTED: _request_rejected,
    outbox.REQUEST_LAPSED: _request_lapsed,
    outbox.GRANT_ISSUED: _grant_issued,
    outbox.GRANT_ENDING: _grant_ending,
    outbox.GRANT_CLOSED: _grant_closed,
    outbox.GRANT_UNVERIFIED: _grant_unverified,
    outbox.DEPLOY_REVERTED: _deploy_reverted,
    outbox.POSTMORTEM_OPENED: _postmortem_opened,
    outbox.POSTMORTEM_OVERDUE: _postmortem_overdue,
    outbox.FINDING_OPENED: gate_plans.finding_opened,
    outbox.FINDING_HANDED_OVER: gate_plans.finding_handed_over,
    outbox.HEALTH_SUMMARY: gate_plans.health_summary,
    outbox.POSTMORTEM_DUE_SOON: postmortem_plans.due_soon,
    outbox.POSTMORTEM_REMINDER: postmortem_plans.reminder,
    outbox.POSTMORTEM_HANDED_OVER: postmortem_plans.handed_over,
    outbox.POSTMORTEM_REVIEW_ASKED: postmortem_plans.review_asked,
    outbox.POSTMORTEM_REVIEW_ENDED: postmortem_plans.review_ended,
    outbox.LOG_FINDING: log_plans.finding,
    outbox.LOG_READ_ONLY: log_plans.read_only,
    outbox.CREDENTIAL_ENROLLED: account_plans.credential_enrolled,
    outbox.CREDENTIAL_REVOKED: account_plans.credential_revoked,
    outbox.PROFILE_TEST: account_plans.test,
    outbox.LOGIN_PASSWORD_USED: account_plans.password_used,
    outbox.LOGIN_OWN_PASSWORD_USED: account_plans.own_password_used,
    outbox.EXPORT_FINISHED: log_plans.export_finished,
}
