"""The approver's inbox, across tenants, with the chosen request beside the list."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from breakglass import clock
from breakglass.models import BypassRequest, Intent
from breakglass.queries import inbox
from breakglass.queries.inbox import InboxRow
from breakglass.queries.people import passkeys
from breakglass.queries.requests import decidable as queries
from portal.http.accounts import stepup
from portal.http.htmx import PageRequest, render_live

TABS: Final = (
    ("", _("Waiting for you")),
    ("others", _("Waiting for others in your roles")),
    ("decided", _("Decided by you")),
)
_SEEN_AT_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address narrows the list to; the choices are what the list has."""

    tier: str
    gate: str
    requester: str
    choices: dict[str, list[tuple[str, str]]]

    @property
    def is_on(self) -> bool:
        """Whether anything is left out."""
        return bool(self.tier or self.gate or self.requester)

    def let_through(self, bypass: BypassRequest) -> bool:
        """Whether the request is on the narrowed list."""
        return (
            self.tier in ("", bypass.tier.slug)
            and self.gate in ("", bypass.gate.slug)
            and self.requester in ("", bypass.requester.email)
        )


@require_GET
def index(request: PageRequest) -> HttpResponse:
    """Shows what waits for this person; polls only whether that changed."""
    now = clock.db_now()
    board = inbox.board(user=request.user, now=now)
    unfinished = stepup.unfinished(request.user)
    asked = request.GET.get("tab", "")
    tab = asked if asked in ("others", "decided") else ""
    decided = inbox.decided_by(user=request.user) if tab == "decided" else []
    begun = {intent.request_id for intent in unfinished}
    rows = [row for row in board.mine if row.bypass.pk not in begun]
    rows = board.others if tab == "others" else rows
    listed = decided if tab == "decided" else [row.bypass for row in rows]
    filters = _filters(request, listed)
    rows = [row for row in rows if filters.let_through(row.bypass)]
    context = {
        "rows": [_shown(row, now) for row in rows] if tab != "decided" else [],
        "count": len(board.mine),
        "counts": {"mine": len(board.mine), "others": len(board.others)},
        "unfinished": [] if tab else unfinished,
        "decided": [_decided(b, now) for b in decided if filters.let_through(b)],
        "tab": tab,
        "tabs": TABS,
        "filters": filters,
        "now": now,
        **_pane(request, tab, rows, unfinished),
        "taken": _taken(request, board),
    }
    state = (
        [(row.bypass.pk, row.quorum.filled) for row in board.mine],
        [(row.bypass.pk, row.quorum.filled) for row in board.others if tab],
        [(intent.pk, intent.state) for intent in unfinished],
    )
    return render_live(
        request, "inbox/index.html", context, fragment="news", state=state
    )


def _shown(row: InboxRow, now: datetime) -> dict[str, Any]:
    at = row.escalates_at
    return {
        "row": row,
        "is_late": at is not None and at <= now,
        "escalates_at": at if at is not None and now < at else None,
    }


def _pane(
    request: PageRequest, tab: str, rows: list[InboxRow], unfinished: list[Intent]
) -> dict[str, Any]:
    """The request on the right: the one that the address names, else the first."""
    wanted = request.GET.get("open", "")
    named = [row for row in rows if row.bypass.bypass_id == wanted]
    if tab == "decided" or not rows or (unfinished and not tab and not named):
        return {"chosen": None}
    row = (named or rows)[0]
    approvals = row.bypass.approvals.select_related("approver")
    ready = passkeys.tenants_ready(user=request.user)
    return {
        "chosen": row,
        "approvals": [{"approval": approval} for approval in approvals],
        "lengths": _lengths(row),
        "has_passkey": row.tenant.pk in ready,
        "may_decide": tab == "",
    }


def _taken(request: PageRequest, board: inbox.Board) -> list[inbox.Taken]:
    """What became of the rows that the page, which asks again, still shows."""
    seen = request.GET.get("seen", "")
    if not seen:
        return []
    waiting = {row.bypass.bypass_id for row in board.mine}
    return inbox.taken(
        user=request.user,
        bypass_ids=seen.split(",")[:_SEEN_AT_MOST],
        waiting=waiting,
    )


def _filters(request: PageRequest, listed: list[BypassRequest]) -> Filters:
    def choices(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return sorted(set(pairs), key=lambda pair: pair[1])

    return Filters(
        tier=request.GET.get("tier", ""),
        gate=request.GET.get("gate", ""),
        requester=request.GET.get("requester", ""),
        choices={
            "tier": choices([(b.tier.slug, b.tier.name) for b in listed]),
            "gate": choices([(b.gate.slug, b.gate.slug) for b in listed]),
            "requester": choices(
                [(b.requester.email, str(b.requester)) for b in listed]
            ),
        },
    )


def _lengths(row: InboxRow) -> list[timedelta]:
    """The proposed length first, then the tier's shorter ones."""
    bypass = row.bypass
    offered = (timedelta(seconds=seconds) for seconds in bypass.tier.ttl_choices)
    shorter = {length for length in offered if length < bypass.ttl}
    return sorted({bypass.ttl, *shorter}, reverse=True)


def _decided(bypass: BypassRequest, now: datetime) -> dict[str, object]:
    grant = getattr(bypass, "grant", None)
    status = queries.status_of(bypass=bypass, grant=grant, now=now)
    return {"bypass": bypass, "grant": grant, "status": status}
