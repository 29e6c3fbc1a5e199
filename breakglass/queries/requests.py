"""One request: its state, and all that its page shows to one viewer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from breakglass.models import (
    Approval,
    AuditEntry,
    BypassRequest,
    Deploy,
    Grant,
    Intent,
    PostMortem,
    Tenant,
    User,
)
from breakglass.queries import access, approvers, passkeys, policies
from breakglass.queries.approvers import GroupNeed
from breakglass.queries.passkeys import Standing
from breakglass.rules import eligibility, tiers
from breakglass.rules.approval import Quorum
from breakglass.rules.eligibility import Answer
from breakglass.states import GrantState, IntentState, RequestState


@dataclass(frozen=True, slots=True)
class Passkeys:
    """Whether each approval needs one, who is ready, and what the viewer has."""

    required: bool
    ready: tuple[User, ...]
    mine: Standing


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """Everything that the page of one request shows to one viewer."""

    bypass: BypassRequest
    grant: Grant | None
    in_force: bool
    status: str
    approvals: list[Approval]
    intents: list[Intent]
    quorum: Quorum
    needs: tuple[GroupNeed, ...]
    decision: Answer
    may_withdraw: bool
    may_close: bool
    deploys: list[Deploy]
    postmortem: PostMortem | None
    entries: list[AuditEntry]
    ttl_options: tuple[timedelta, ...]
    stricter_note: str
    passkeys: Passkeys


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
        .select_related("statement__bundle")
        .first()
    )


def detail(*, bypass: BypassRequest, viewer: User, now: datetime) -> RequestDetail:
    """Returns what the page of this request shows to this viewer."""
    grant = grant_of(bypass=bypass)
    status = status_of(bypass=bypass, grant=grant, now=now)
    pinned, latest = policies.tiers_in_question(bypass=bypass)
    given = list(
        bypass.approvals.select_related(
            "approver", "bundle__intent__assertion__credential"
        )
    )
    reached = approvers.quorum(bypass=bypass)
    asked = approvers.requester_id(bypass=bypass)
    decided = {asked, *(a.approver_id for a in given)}
    needs = approvers.still_needed(
        bypass=bypass, reached=reached, without=list(decided)
    )
    required = pinned.passkey_required or latest.passkey_required
    return RequestDetail(
        bypass=bypass,
        grant=grant,
        in_force=status == "active",
        status=status,
        approvals=given,
        intents=_open_intents(bypass=bypass),
        quorum=reached,
        needs=needs,
        decision=_decision(bypass=bypass, viewer=viewer, status=status),
        may_withdraw=status == "pending" and viewer.pk == bypass.requester_id,
        may_close=status == "active" and _may_close(bypass=bypass, viewer=viewer),
        deploys=list(grant.deploys.all()) if grant else [],
        postmortem=grant.postmortem if grant else None,
        entries=list(
            AuditEntry.objects.filter(
                tenant=bypass.tenant, bypass_id=bypass.bypass_id
            ).order_by("seq")
        ),
        ttl_options=_ttl_options(bypass=bypass, tier=pinned),
        stricter_note=_stricter_note(pinned=pinned, latest=latest),
        passkeys=Passkeys(
            required=required,
            ready=_ready(bypass.tenant, needs) if required else (),
            mine=passkeys.standing(tenant=bypass.tenant, user=viewer, now=now),
        ),
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


def _ready(tenant: Tenant, needs: tuple[GroupNeed, ...]) -> tuple[User, ...]:
    """Returns those who are waited for and have a passkey that may approve now."""
    people = {person.pk: person for need in needs for person in need.people}
    return tuple(passkeys.ready(tenant=tenant, users=people.values()))


def _decision(*, bypass: BypassRequest, viewer: User, status: str) -> Answer:
    if status != "pending":
        return Answer(allowed=False, reasons=())
    return may_decide(bypass=bypass, viewer=viewer)


def _may_close(*, bypass: BypassRequest, viewer: User) -> bool:
    return eligibility.may_close(
        is_requester=viewer.pk == bypass.requester_id,
        is_eligible_approver=approvers.may_count(bypass=bypass, user=viewer),
        holds_close_right=access.may(
            user=viewer, permission="close_grant", on=bypass.tenant
        ),
    ).allowed


def _open_intents(*, bypass: BypassRequest) -> list[Intent]:
    waiting = (IntentState.COMMITTED, IntentState.SIGNED)
    return list(
        bypass.intents.filter(kind="approval", state__in=waiting).select_related(
            "signer"
        )
    )


def _ttl_options(*, bypass: BypassRequest, tier: tiers.Tier) -> tuple[timedelta, ...]:
    """Longest first: the proposed length, and the tier's shorter choices."""
    shorter = {choice for choice in tier.ttl_choices if choice < bypass.ttl}
    return tuple(sorted({bypass.ttl, *shorter}, reverse=True))


def _stricter_note(*, pinned: tiers.Tier, latest: tiers.Tier) -> str:
    if pinned == latest:
        return ""
    return (
        f"The policy changed after this was sent. Both have to be met: the "
        f"{pinned.name} tier as it was, and the {latest.name} tier as it is now."
    )
