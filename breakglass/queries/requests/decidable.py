"""One request: its state, its grant, and who may decide on it."""

from datetime import datetime

from breakglass.models import BypassRequest, Grant, User
from breakglass.queries import approvers, policies
from breakglass.rules import eligibility
from breakglass.rules.eligibility import Answer
from breakglass.states import GrantState, RequestState


def status_of(*, bypass: BypassRequest, grant: Grant | None, now: datetime) -> str:
    """Returns the state by predicate: no sweep has to have run for it to be true."""
    if grant is not None:
        if grant.state == GrantState.ACTIVE:
            return "active" if grant.window.covers(now) else "expired"
        return str(grant.state)
    if bypass.state == RequestState.PENDING and now >= bypass.lapses_at:
        return "lapsed"
    return str(bypass.state)


def grant_of(*, bypass: BypassRequest) -> Grant | None:
    """Returns the grant that followed, if one did."""
    return (
        Grant.objects.filter(request=bypass)
        .select_related("gate", "postmortem__assignee", "closed_by", "statement")
        .select_related("statement__bundle", "countersignature")
        .first()
    )


def may_decide(*, bypass: BypassRequest, viewer: User) -> Answer:
    """Says whether the viewer may approve or reject, with the reasons if not."""
    pinned, latest = policies.tiers_in_question(bypass=bypass)
    return eligibility.may_decide(
        person=approvers.person(tenant=bypass.tenant, user=viewer),
        requester_id=approvers.requester_id(bypass=bypass),
        requirements_pinned=pinned.requirements,
        requirements_current=latest.requirements,
        already_approved=bypass.approvals.filter(approver=viewer).exists(),
    )
