"""The page of one request, which every action on it may have to show again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django import forms
from django.http import HttpResponse

from breakglass import clock
from breakglass.audit import events
from breakglass.models import Approval
from breakglass.queries import access, outage, requests
from breakglass.queries.requests import RequestDetail
from breakglass.rules.window import in_words
from portal.http import outage_card, tenancy
from portal.http.htmx import PageRequest, render_live, render_page

LIVE = frozenset({"pending", "active"})
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """An approval, and the entry of the log that holds it."""

    approval: Approval
    seq: int | None


def show(
    request: PageRequest,
    tenant_slug: str,
    bypass_id: str,
    *,
    form: forms.Form | None = None,
) -> HttpResponse:
    """Answers with the page, its live part, or (with a form in error) 422."""
    tenant = tenancy.of_request(request, tenant_slug)
    bypass = access.request_for(tenant=tenant, bypass_id=bypass_id)
    now = clock.db_now()
    detail = requests.detail(bypass=bypass, viewer=request.user, now=now)
    heading = headline(detail, now)
    context = {
        "tenant": tenant,
        "bypass": bypass,
        "detail": detail,
        "grant": detail.grant,
        "now": now,
        "heading": heading,
        "approvals": _signed(detail),
        "is_live": detail.status in LIVE,
        "used": now - detail.grant.starts_at if detail.grant else None,
        "outage": outage_card.card(detail),
        "owed": outage.countersignature_of(grant=detail.grant)
        if detail.grant
        else None,
        "renewals": list(bypass.renewals.order_by("pk")),
        "form": form,
    }
    template = "requests/detail.html"
    if form is not None:
        return render_page(request, template, context, status=422)
    return render_live(
        request, template, context, fragment="live", state=_state(detail, heading)
    )


def headline(detail: RequestDetail, now: datetime) -> str:
    """Returns the answer to "what are we waiting for", in one line."""
    bypass, grant = detail.bypass, detail.grant
    who = bypass.ended_by or "the portal"
    if grant is not None:
        ended = grant.closed_at or grant.expires_at
        lasted = in_words(max(_MINUTE, _whole_minutes(ended - grant.starts_at)))
        left = in_words(max(_MINUTE, _whole_minutes(grant.expires_at - now)))
        return {
            "active": f"Open for {left} more",
            "revoked": f"Closed early, after {lasted}",
        }.get(detail.status, f"Closed by itself after {lasted}")
    missing = max(1, detail.quorum.needed - detail.quorum.filled)
    waited = in_words(_whole_minutes(bypass.lapses_at - bypass.opened_at))
    return {
        "pending": f"Waiting for {missing} more approval{'s' if missing > 1 else ''}",
        "rejected": f"Rejected by {who}",
        "withdrawn": f"Withdrawn by {who}",
    }.get(detail.status, f"Nobody decided within {waited}")


def _whole_minutes(length: timedelta) -> timedelta:
    return length // _MINUTE * _MINUTE


def _signed(detail: RequestDetail) -> list[SignedApproval]:
    seqs = {
        entry.actor: entry.seq
        for entry in detail.entries
        if entry.event == events.REQUEST_APPROVED
    }
    return [
        SignedApproval(approval, seqs.get(approval.approver.email))
        for approval in detail.approvals
    ]


def _state(detail: RequestDetail, heading: str) -> tuple[object, ...]:
    """Everything that changes on the page while somebody looks at it."""
    return (
        detail.status,
        heading,
        detail.entries[-1].seq if detail.entries else 0,
        detail.decision,
        detail.may_close,
        detail.passkeys.required,
        [person.pk for person in detail.passkeys.ready],
        [(intent.pk, intent.state, intent.attempts) for intent in detail.intents],
        [(deploy.pk, deploy.state) for deploy in detail.deploys],
        [(need.group, [person.pk for person in need.people]) for need in detail.needs],
    )
