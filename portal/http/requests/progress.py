"""The steps of a request's page: who approved, who is waited for, how the gate is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from breakglass.audit import events
from breakglass.models import Approval, AuditEntry, Notification
from breakglass.notify import stamps
from breakglass.queries.approvers import GroupNeed
from breakglass.queries.gates import overview as gates
from breakglass.queries.requests.detail import RequestDetail
from breakglass.rules import approval
from breakglass.services.reminders import AGAIN_AFTER
from breakglass.states import DeliveryState
from portal.http.audit import checks

SNAP_BACK_WITHIN: Final = timedelta(minutes=1)
DECISIONS: Final = frozenset(
    {
        events.REQUEST_APPROVED,
        events.REQUEST_APPROVAL_DROPPED,
        events.REQUEST_REJECTED,
        events.REQUEST_WITHDRAWN,
        events.REQUEST_LAPSED,
        events.GRANT_ISSUED,
        events.GRANT_EXPIRED,
        events.GRANT_REVOKED,
    }
)


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """An approval, the group whose place it fills, and its entry of the log."""

    approval: Approval
    role: str
    entry: AuditEntry | None


@dataclass(frozen=True, slots=True)
class Told:
    """By which ways people were asked, when last, and what did not arrive."""

    at: datetime | None
    ways: list[str]
    failed: list[str]
    is_under_way: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A group that is waited for: how it was told, and whether to remind it now."""

    need: GroupNeed
    told: Told
    reminded_at: datetime | None
    may_remind: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody came by a message: when it was sent, and what happened since."""

    sent_at: datetime
    news: list[AuditEntry]


def approvals(detail: RequestDetail) -> list[SignedApproval]:
    """Returns the approvals in the order in which they were given."""
    entries = {
        checks.names_bundle(entry): entry
        for entry in detail.entries
        if entry.event == events.REQUEST_APPROVED
    }
    slots = dict(detail.quorum.slots)
    names = detail.reach.tiers.names
    found = []
    for given in detail.approvals:
        person = given.approver.merged_into_id or given.approver_id
        group = slots.get(person, "")
        entry = entries.get(bytes(given.bundle.sha256).hex())
        found.append(SignedApproval(given, names.get(group, group), entry))
    return found


def waiting(detail: RequestDetail, *, viewer_id: int, now: datetime) -> list[Waiting]:
    """Returns the groups that are waited for; only the person who asked reminds."""
    if detail.status != "pending":
        return []
    asks = viewer_id == detail.bypass.requester_id
    found = []
    for need in detail.needs:
        last = detail.reminders.get(need.group)
        is_due = last is None or now - last.at >= AGAIN_AFTER
        people = {person.pk for person in need.people}
        found.append(
            Waiting(
                need=need,
                told=_told(detail.told, people),
                reminded_at=last.at if last else None,
                may_remind=asks and is_due and bool(people),
                mine=viewer_id in people,
            )
        )
    return found


def escalates_at(detail: RequestDetail, *, now: datetime) -> datetime | None:
    """Returns when all are told again; None if nobody will be, or it is past."""
    at = approval.escalates_at(
        opened_at=detail.bypass.opened_at,
        remind_after=timedelta(seconds=detail.bypass.tier.remind_seconds),
        lapses_at=detail.bypass.lapses_at,
        is_answered=detail.status != "pending" or bool(detail.approvals),
    )
    return at if at is not None and now < at else None


def contact(detail: RequestDetail, *, now: datetime) -> str:
    """
    Says what is known of the gate while it is open: asked, alive, silent or unknown.

    A gate is never told: it opens when it asks. A deploy shows that it asked, a
    heartbeat only that it lives, and some gates send none.
    """
    gate = detail.bypass.gate
    if not detail.in_force or detail.deploys:
        return "asked"
    if gate.last_seen_at is None:
        return "unknown"
    return "silent" if gates.is_quiet(gate=gate, now=now) else "alive"


def is_unconfirmed(detail: RequestDetail, *, now: datetime) -> bool:
    """Says whether the return to enforcement is overdue on record."""
    grant = detail.grant
    if grant is None or detail.in_force or grant.snapped_back_at is not None:
        return False
    closed_at = grant.closed_at or grant.expires_at
    return now - closed_at >= SNAP_BACK_WITHIN


def arrival(detail: RequestDetail, *, given: str, now: datetime) -> Arrival | None:
    """Returns what changed since the message that led here, or None without one."""
    sent_at = stamps.read(given)
    if sent_at is None or sent_at > now:
        return None
    # The link knows whole seconds only: what came within its own is not news.
    since = sent_at + timedelta(seconds=1)
    news = [e for e in detail.entries if e.event in DECISIONS and e.at >= since]
    return Arrival(sent_at, news)


def _told(rows: Iterable[Notification], people: set[int]) -> Told:
    mine = [row for row in rows if row.recipient_id in people or row.channel_id]
    sent = [row for row in mine if row.state == DeliveryState.DELIVERED]
    failed = [row for row in mine if row.state == DeliveryState.FAILED]
    return Told(
        at=max((row.sent_at for row in sent if row.sent_at), default=None),
        ways=_ways(sent),
        failed=_ways(failed),
        is_under_way=any(row.state == DeliveryState.PENDING for row in mine),
    )


def _ways(rows: Iterable[Notification]) -> list[str]:
    """Each way out once, in the order of use: "E-mail", "#ops (Slack)"."""
    named = (
        f"{row.channel.name} ({row.get_kind_display()})"
        if row.channel
        else str(row.get_kind_display())
        for row in rows
    )
    return list(dict.fromkeys(named))
