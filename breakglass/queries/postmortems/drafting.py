"""Post-mortems: lists, and the facts that a draft is pre-filled with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from breakglass.audit import events
from breakglass.errors import NotFound
from breakglass.models import (
    AuditEntry,
    Deploy,
    Grant,
    PostMortem,
    PostMortemReview,
    Provenance,
    Tenant,
    User,
)
from breakglass.rules import postmortem_timeline as timeline
from breakglass.rules.postmortem import ActionItemView, Missing, missing, prefill
from breakglass.rules.postmortem_timeline import Line
from breakglass.rules.window import in_words
from breakglass.states import GrantState, PostMortemState
from breakglass.texts import text

LISTED = 100
PAGE = 25
BIGGEST = 2**63

# The signed and the automatic steps that make a draft timeline.
_TIMELINE = {
    events.REQUEST_OPENED: "{actor} asked for the bypass",
    events.REQUEST_APPROVED: "{actor} approved",
    events.GRANT_ISSUED: "the bypass opened",
    events.DEPLOY_ADMITTED: "a deploy went through",
    events.DEPLOY_FINISHED: "a deploy ended",
    events.DEPLOY_LOST: "nothing more was heard of a deploy",
    events.DEPLOY_REVERTED: "a deploy in flight was reverted to enforcement",
    events.GRANT_EXPIRED: "the bypass closed at its end",
    events.GRANT_REVOKED: "{actor} closed the bypass early",
    events.GATE_SNAPPED_BACK: "the gate was back in enforcement",
}


def is_open(*, postmortem: PostMortem, now: datetime) -> bool:
    """Says whether it may be written: by predicate, whether or not a sweep ran."""
    if postmortem.state == PostMortemState.SCHEDULED:
        return now >= postmortem.opens_at
    return postmortem.state == PostMortemState.OPEN


def is_overdue(*, postmortem: PostMortem, now: datetime) -> bool:
    """Says whether the deadline has passed without publication."""
    return postmortem.state != PostMortemState.PUBLISHED and now >= postmortem.due_at


def due_of(*, tenants: Sequence[Tenant], now: datetime) -> list[PostMortem]:
    """Returns what is open and unpublished in these tenants, soonest deadline first."""
    return list(
        _rows()
        .filter(
            Q(state=PostMortemState.OPEN)
            | Q(state=PostMortemState.SCHEDULED, opens_at__lte=now)
        )
        .filter(tenant__in=tenants)
        .order_by("due_at")
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list; `following` leads to the next, and is empty at the end."""

    rows: Sequence[PostMortem]
    following: str


def listing(
    *, tenant: Tenant, user: User, tab: str, now: datetime, after: str = ""
) -> Listed:
    """
    Returns one page of a tab by deadline: mine and overdue soonest first, all latest.

    Each row knows `is_in_review`. `after` is a page's `following`; what is none means
    the first page.
    """
    in_review = PostMortemReview.objects.filter(
        postmortem=OuterRef("pk"), ended_at__isnull=True
    )
    rows = (
        _rows()
        .filter(tenant=tenant)
        .annotate(is_in_review=Exists(in_review))
        .prefetch_related("action_items")
    )
    if tab == "mine":
        rows = rows.filter(assignee=user).exclude(state=PostMortemState.PUBLISHED)
    elif tab == "overdue":
        rows = rows.filter(due_at__lte=now).exclude(state=PostMortemState.PUBLISHED)
    is_rising = tab in ("mine", "overdue")
    cursor = _cursor(after)
    if cursor is not None:
        due_at, pk = cursor
        beyond = (
            Q(due_at__gt=due_at) | Q(due_at=due_at, pk__gt=pk)
            if is_rising
            else Q(due_at__lt=due_at) | Q(due_at=due_at, pk__lt=pk)
        )
        rows = rows.filter(beyond)
    order = ("due_at", "pk") if is_rising else ("-due_at", "-pk")
    found = list(rows.order_by(*order)[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    following = f"{last.due_at.isoformat()}~{last.pk}" if last else ""
    return Listed(found[:PAGE], following)


def _cursor(after: str) -> tuple[datetime, int] | None:
    moment, _, pk = after.partition("~")
    try:
        found = datetime.fromisoformat(moment), int(pk)
    except ValueError:
        return None
    is_usable = found[0].tzinfo is not None and 0 <= found[1] < BIGGEST
    return found if is_usable else None


def progress(*, postmortem: PostMortem, is_in_review: bool) -> str:
    """Returns how far an open one is: `review`, `progress` or `todo`."""
    if is_in_review:
        return "review"
    return "progress" if postmortem.revision else "todo"


def state_in_list(*, postmortem: PostMortem, now: datetime) -> str:
    """Returns the state of a row of `listing`, by predicate."""
    if postmortem.state == PostMortemState.PUBLISHED:
        return "done"
    if not is_open(postmortem=postmortem, now=now):
        return "scheduled"
    in_review = bool(getattr(postmortem, "is_in_review", False))
    return progress(postmortem=postmortem, is_in_review=in_review)


def for_bypass(*, tenant: Tenant, bypass_id: str) -> PostMortem:
    """Returns the post-mortem of one bypass, or raises NotFound."""
    rows = _rows().prefetch_related("action_items")
    found = rows.filter(tenant=tenant, grant__request__bypass_id=bypass_id).first()
    if found is None:
        msg = text(
            "there is no post-mortem for %(bypass_id)s in %(tenant)s",
            bypass_id=bypass_id[:20],
            tenant=tenant.slug,
        )
        raise NotFound(msg)
    return found


def draft_body(*, postmortem: PostMortem) -> str:
    """Returns the template filled in from rows; it writes nothing."""
    grant = Grant.objects.select_related(
        "request__requester", "request__tier", "request__policy", "gate", "closed_by"
    ).get(postmortem=postmortem)
    bypass = grant.request
    values = {
        "bypass_id": bypass.bypass_id,
        "gate": grant.gate.slug,
        "service": grant.service,
        "branch": grant.branch or "any branch",
        "artifact": grant.artifact or "any artefact",
        "requester": f"{bypass.requester.name} ({bypass.requester.email})",
        "justification": bypass.justification,
        "incident": bypass.incident_url or "none given",
        "impact": bypass.impact,
        "tier": bypass.tier.name,
        "policy": f"v{bypass.policy.version}",
        "ttl": in_words(grant.expires_at - grant.starts_at),
        "opened_at": _utc(grant.starts_at),
        "closed_at": _utc(grant.closed_at or grant.expires_at),
        "closed_how": _closed_how(grant),
        "digest": bypass.digest_hex,
        "approvals": _approvals(grant),
        "deploys": _deploys(grant),
        "timeline": timeline.write(lines=signed_lines(grant=grant), note=""),
    }
    return prefill(template=postmortem.template, values=values)


def _rows() -> QuerySet[PostMortem]:
    return PostMortem.objects.select_related(
        "tenant",
        "assignee",
        "saved_by",
        "published_by",
        "grant__gate",
        "grant__request__requester",
        "grant__request__tier",
    )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _closed_how(grant: Grant) -> str:
    if grant.state == GrantState.REVOKED:
        who = grant.closed_by.name if grant.closed_by else "the portal"
        return f"closed early by {who}: {grant.close_reason}"
    return "closed by itself at the end of its window"


def _approvals(grant: Grant) -> str:
    rows = grant.request.approvals.select_related("approver", "bundle")
    return "\n".join(
        f"- {row.approver.name} ({row.bundle.identity}), {_utc(row.created_at)}, "
        f"log index {row.bundle.log_index}"
        + (f": {row.comment}" if row.comment else "")
        for row in rows
    )


def _deploys(grant: Grant) -> str:
    lines = [
        f"- `{row.deploy_id}` {row.artifact or ''} by {row.actor or 'unknown'}: "
        f"{row.get_state_display().lower()}, admitted {_utc(row.admitted_at)}"
        f"{_overran(row)}; {_provenance(row)}"
        for row in grant.deploys.select_related("provenance")[:LISTED]
    ]
    more = grant.deploys.count() - LISTED
    if more > 0:
        lines.append(f"- and {more} more, each with its entry in the audit log")
    return "\n".join(lines) or "- No deploy went through under this bypass."


def _overran(row: Deploy) -> str:
    seconds = row.overran_seconds
    return "" if seconds is None else f", ran {seconds} s past the close"


def _provenance(row: Deploy) -> str:
    found: Provenance | None = getattr(row, "provenance", None)  # or it raises
    if found is None:
        return "no provenance"
    by = f" (signed by {found.identity})" if found.identity else ""
    why = f": {found.reason}" if found.reason else ""
    return f"provenance {found.get_state_display().lower()}{by}{why}"


def signed_lines(*, grant: Grant) -> list[Line]:
    """Returns the lines that the log vouches for, in its order."""
    rows = AuditEntry.objects.filter(
        tenant=grant.tenant_id,
        bypass_id=grant.request.bypass_id,
        event__in=_TIMELINE.keys(),
    ).order_by("seq")[: 3 * LISTED]
    return [
        Line(_utc(row.at), _TIMELINE[row.event].format(actor=row.actor), row.seq)
        for row in rows
    ]


def missing_of(
    *, postmortem: PostMortem, body: str | None = None
) -> tuple[Missing, ...]:
    """
    Returns what the stored text, items and answers still lack for publishing.

    A `body` is given where the opening has not frozen one yet.
    """
    return missing(
        body=postmortem.body if body is None else body,
        action_items=[
            ActionItemView(item.text, item.is_done)
            for item in postmortem.action_items.all()
        ],
        no_action_reason=postmortem.no_action_reason,
        required_headings=postmortem.required_headings.split("\n"),
        gate_blamed=postmortem.gate_blamed,
    )
