"""The page of one request: everything that it shows to one viewer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from breakglass.audit import events
from breakglass.models import (
    Approval,
    AuditEntry,
    BypassRequest,
    Deploy,
    Grant,
    Intent,
    Notification,
    PostMortem,
    User,
)
from breakglass.queries import access, flight, quorums
from breakglass.queries.approvers import GroupNeed
from breakglass.queries.people import passkeys
from breakglass.queries.people.passkeys import Standing
from breakglass.queries.quorums import Reach
from breakglass.queries.requests import telling
from breakglass.queries.requests.decidable import grant_of, status_of
from breakglass.rules import eligibility, tiers
from breakglass.rules.approval import Person, Quorum
from breakglass.rules.eligibility import Answer
from breakglass.states import DeployState, GrantState, IntentState, RequestState

DEPLOYS_SHOWN: Final = 50
SIMILAR_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Passkeys:
    """Whether each approval needs one, who is ready, and what the viewer has."""

    required: bool
    ready: tuple[User, ...]
    mine: Standing


@dataclass(frozen=True, slots=True)
class Similar:
    """An earlier request on the same gate, and what came of it."""

    bypass: BypassRequest
    grant: Grant | None
    status: str

    @property
    def lasted(self) -> timedelta | None:
        """How long it was open, once it is over."""
        if self.grant is None or self.status == "active":
            return None
        closed_at = self.grant.closed_at or self.grant.expires_at
        return closed_at - self.grant.starts_at


@dataclass(frozen=True, slots=True)
class DeployRow:
    """
    A deploy, and its state by the clock; `is_late`: its window is over, it runs.

    `provenance` is absent, waiting, verified or failed.
    """

    deploy: Deploy
    state: str
    is_late: bool
    provenance: str


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """
    Everything that the page of one request shows to one viewer.

    `intents` are the approvals that wait for their signature; `draft` is the viewer's
    own decision that waits for a sign-in. `told` are the messages that asked for a
    decision, `reminders` the last one of each group.
    """

    bypass: BypassRequest
    grant: Grant | None
    in_force: bool
    status: str
    reach: Reach
    approvals: list[Approval]
    intents: list[Intent]
    draft: Intent | None
    quorum: Quorum
    needs: tuple[GroupNeed, ...]
    decision: Answer
    may_withdraw: bool
    may_close: bool
    deploys: list[DeployRow]
    postmortem: PostMortem | None
    entries: list[AuditEntry]
    told: list[Notification]
    reminders: dict[str, AuditEntry]
    ttl_options: tuple[timedelta, ...]
    pinned: tiers.Tier
    latest: tiers.Tier
    passkeys: Passkeys


def detail(*, bypass: BypassRequest, viewer: User, now: datetime) -> RequestDetail:
    """Returns what the page of this request shows to this viewer."""
    is_open = bypass.state == RequestState.PENDING  # then there is no grant
    grant = None if is_open else grant_of(bypass=bypass)
    status = status_of(bypass=bypass, grant=grant, now=now)
    reach = quorums.of(requests=[bypass])[bypass.pk]
    given = _approvals(bypass) if reach.approved else []
    needs = reach.needs(without=reach.approved)
    intents = _intents(bypass=bypass, viewer=viewer, now=now) if is_open else []
    entries = _entries(bypass)
    reminders = [e for e in entries if e.event == events.REQUEST_REMINDED]
    is_pending = status == "pending"
    return RequestDetail(
        bypass=bypass,
        grant=grant,
        in_force=status == "active",
        status=status,
        reach=reach,
        approvals=given,
        intents=[one for one in intents if one.state != IntentState.DRAFT],
        draft=next((one for one in intents if one.state == IntentState.DRAFT), None),
        quorum=reach.quorum,
        needs=needs,
        decision=_may_decide(reach=reach, viewer=viewer)
        if is_pending
        else Answer(False, ()),  # noqa: FBT003
        may_withdraw=is_pending and viewer.pk == bypass.requester_id,
        may_close=status == "active" and _may_close(reach=reach, viewer=viewer),
        deploys=_deploys(grant=grant, now=now) if grant else [],
        postmortem=grant.postmortem if grant else None,
        entries=entries,
        told=telling.asked(bypass=bypass, reminded=reminders) if is_pending else [],
        reminders=telling.reminders(entries=reminders),
        ttl_options=_ttl_options(bypass=bypass, tier=reach.tiers.pinned),
        pinned=reach.tiers.pinned,
        latest=reach.tiers.latest,
        passkeys=_passkeys(reach=reach, needs=needs, viewer=viewer, now=now)
        if is_pending
        else Passkeys(_wants_passkeys(reach), (), Standing((), None)),
    )


def similar(*, bypass: BypassRequest, now: datetime) -> list[Similar]:
    """
    Returns the last requests on the same gate, and those that ask again for this one.

    Newest first; whether a row asks again its `bypass.renews_id` says.
    """
    lately = (
        BypassRequest.objects.filter(tenant=bypass.tenant, gate=bypass.gate)
        .exclude(pk=bypass.pk)
        .order_by("-pk")
    )
    rows = (
        BypassRequest.objects.filter(tenant=bypass.tenant)
        .filter(Q(pk__in=lately.values("pk")[:SIMILAR_SHOWN]) | Q(renews=bypass))
        .select_related("grant")
        .order_by("-pk")
    )
    return [_similar(row, now) for row in rows]


def _similar(bypass: BypassRequest, now: datetime) -> Similar:
    grant = getattr(bypass, "grant", None)
    status = status_of(bypass=bypass, grant=grant, now=now)
    return Similar(bypass=bypass, grant=grant, status=status)


def _entries(bypass: BypassRequest) -> list[AuditEntry]:
    rows = AuditEntry.objects.filter(tenant=bypass.tenant, bypass_id=bypass.bypass_id)
    return list(rows.order_by("seq"))


def _intents(*, bypass: BypassRequest, viewer: User, now: datetime) -> list[Intent]:
    """Decisions under way: those that wait for a signature, and the viewer's draft."""
    waiting = (IntentState.DRAFT, IntentState.COMMITTED, IntentState.SIGNED)
    rows = bypass.intents.filter(kind="approval", state__in=waiting)
    return [
        intent
        for intent in rows.select_related("signer").order_by("pk")
        if intent.state != IntentState.DRAFT
        or (intent.signer_id == viewer.pk and _is_live(intent, now))
    ]


def _is_live(draft: Intent, now: datetime) -> bool:
    return draft.expires_at is not None and now < draft.expires_at


def _passkeys(
    *, reach: Reach, needs: Sequence[GroupNeed], viewer: User, now: datetime
) -> Passkeys:
    tenant = reach.bypass.tenant
    people = {person.pk: person for need in needs for person in need.people}
    required = _wants_passkeys(reach)
    return Passkeys(
        required=required,
        ready=tuple(passkeys.ready(tenant=tenant, users=people.values()))
        if required
        else (),
        mine=passkeys.standing(tenant=tenant, user=viewer, now=now),
    )


def _wants_passkeys(reach: Reach) -> bool:
    """By the policies alone: what the fallback asks for stands on a card of its own."""
    return reach.tiers.pinned.passkey_required or reach.tiers.latest.passkey_required


def _may_decide(*, reach: Reach, viewer: User) -> Answer:
    return eligibility.may_decide(
        person=Person(
            id=viewer.merged_into_id or viewer.pk,
            groups=frozenset(reach.groups_of(viewer)),
            human=viewer.is_human,
            active=viewer.is_active,
        ),
        requester_id=reach.requester_id,
        requirements_pinned=reach.tiers.pinned.requirements,
        requirements_current=reach.tiers.latest.requirements,
        already_approved=viewer.pk in reach.approved,
    )


def _may_close(*, reach: Reach, viewer: User) -> bool:
    is_requester = viewer.pk == reach.bypass.requester_id
    may_count = reach.may_count(viewer)
    tenant = reach.bypass.tenant
    return eligibility.may_close(
        is_requester=is_requester,
        is_eligible_approver=may_count,
        holds_close_right=not (is_requester or may_count)  # asks the database
        and access.may(user=viewer, permission="close_grant", on=tenant),
    ).allowed


def _approvals(bypass: BypassRequest) -> list[Approval]:
    return list(
        bypass.approvals.select_related(
            "approver", "bundle__intent__assertion__credential"
        )
    )


def _ttl_options(*, bypass: BypassRequest, tier: tiers.Tier) -> tuple[timedelta, ...]:
    """Longest first: the proposed length, and the tier's shorter choices."""
    shorter = {choice for choice in tier.ttl_choices if choice < bypass.ttl}
    return tuple(sorted({bypass.ttl, *shorter}, reverse=True))


def _deploys(*, grant: Grant, now: datetime) -> list[DeployRow]:
    rows = grant.deploys.select_related("gate", "provenance")[:DEPLOYS_SHOWN]
    is_over = grant.state != GrantState.ACTIVE or not grant.window.covers(now)
    return [
        DeployRow(
            deploy=row,
            state=flight.state_of(deploy=row, now=now),
            is_late=is_over and row.state == DeployState.ADMITTED,
            provenance=flight.provenance_of(deploy=row),
        )
        for row in rows
    ]
