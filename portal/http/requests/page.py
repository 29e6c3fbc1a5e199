"""The page of one request, which every action on it may have to show again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from breakglass import clock
from breakglass.audit import events
from breakglass.models import BypassRequest, Grant, Tenant
from breakglass.queries import access, outage
from breakglass.queries.requests import detail as queries
from breakglass.queries.requests.detail import RequestDetail
from portal.http import tenancy
from portal.http.htmx import PageRequest, render_live, render_page
from portal.http.requests import outage_card, progress, record
from portal.http.requests.progress import Waiting
from portal.templatetags.portal import duration, event_words, status_word

LIVE: Final = frozenset({"pending", "active"})
TEMPLATE: Final = "requests/detail.html"
_MINUTE: Final = timedelta(minutes=1)
_NEWS: Final = progress.DECISIONS | {events.REQUEST_COMMENTED}


def show(
    request: PageRequest,
    tenant_slug: str,
    bypass_id: str,
    *,
    form: forms.Form | None = None,
    comment_form: forms.Form | None = None,
) -> HttpResponse:
    """Answers with the page, its live part, or (with a form in error) 422."""
    tenant = tenancy.of_request(request, tenant_slug)
    bypass = access.request_for(tenant=tenant, bypass_id=bypass_id)
    context = {
        **context_of(request, tenant, bypass),
        "form": form,
        "comment_form": comment_form,
    }
    if form is not None or comment_form is not None:
        return render_page(request, TEMPLATE, context, status=422)
    state = context.pop("state")
    return render_live(request, TEMPLATE, context, fragment="live", state=state)


def context_of(
    request: PageRequest, tenant: Tenant, bypass: BypassRequest
) -> dict[str, Any]:
    """Returns what the page's parts show to this person; `state` is for polling."""
    now = clock.db_now()
    detail = queries.detail(bypass=bypass, viewer=request.user, now=now)
    for entry in detail.entries:
        entry.tenant = tenant  # known: no query an entry
    others = queries.similar(bypass=bypass, now=now)
    heading = headline(detail, now)
    given = progress.approvals(detail)
    waiting = progress.waiting(detail, viewer_id=request.user.pk, now=now)
    timeline = record.timeline(detail, show=request.GET.get("show", ""))
    context = {
        "tenant": tenant,
        "bypass": bypass,
        "detail": detail,
        "grant": detail.grant,
        "now": now,
        "heading": heading,
        "approvals": given,
        "waiting": waiting,
        "is_signing": any(
            intent.signer_id == request.user.pk for intent in detail.intents
        ),
        "escalates_at": progress.escalates_at(detail, now=now),
        "contact": progress.contact(detail, now=now),
        "is_unconfirmed": progress.is_unconfirmed(detail, now=now),
        "arrival": progress.arrival(detail, given=request.GET.get("sent", ""), now=now),
        "timeline": timeline,
        "filters": record.FILTERS,
        "evidence": record.Evidence(detail, given),
        "similar": [one for one in others if one.bypass.gate_id == bypass.gate_id][
            : queries.SIMILAR_SHOWN
        ],
        "news": _news(detail, heading),
        "is_live": detail.status in LIVE,
        "used": now - detail.grant.starts_at if detail.grant else None,
        "outage": outage_card.card(detail),
        "owed": outage.countersignature_of(grant=detail.grant)
        if detail.grant
        else None,
        "renewals": [o.bypass for o in others if o.bypass.renews_id == bypass.pk],
    }
    return {**context, "state": _state(context, detail, waiting)}


def headline(detail: RequestDetail, now: datetime) -> str:
    """Returns the answer to "what are we waiting for", in one line."""
    if detail.grant is not None:
        return _of_grant(detail, detail.grant, now)
    bypass = detail.bypass
    if detail.status == "pending":
        return _missing(max(1, detail.quorum.needed - detail.quorum.filled))
    who = {"who": bypass.ended_by or _("the portal")}
    if detail.status == "rejected":
        return _("Rejected by %(who)s") % who
    if detail.status == "withdrawn":
        return _("Withdrawn by %(who)s") % who
    waited = duration(_whole_minutes(bypass.lapses_at - bypass.opened_at))
    return _("Nobody decided within %(waited)s") % {"waited": waited}


def _of_grant(detail: RequestDetail, grant: Grant, now: datetime) -> str:
    ended = grant.closed_at or grant.expires_at
    words = {
        "lasted": duration(_whole_minutes(ended - grant.starts_at)),
        "left": duration(_whole_minutes(grant.expires_at - now)),
    }
    if detail.status == "active":
        return _("Open for %(left)s more") % words
    if detail.status == "revoked":
        return _("Closed early, after %(lasted)s") % words
    return _("Closed by itself after %(lasted)s") % words


def _missing(number: int) -> str:
    return ngettext(
        "Waiting for %(number)s more approval",
        "Waiting for %(number)s more approvals",
        number,
    ) % {"number": number}


def _whole_minutes(length: timedelta) -> timedelta:
    return max(_MINUTE, length // _MINUTE * _MINUTE)


def _news(detail: RequestDetail, heading: str) -> str:
    """
    What a screen reader hears after a change: who did what, and where that leaves us.

    Only decisions and comments are worth it; the same words are said once.
    """
    # While it is open the heading counts minutes, which would be said each minute.
    stands = status_word("active") if detail.status == "active" else heading
    last = detail.entries[-1] if detail.entries else None
    if last is None or last.event not in _NEWS:
        return stands
    return f"{last.actor} {event_words(last.event)}. {stands}"


def _state(
    context: Mapping[str, Any], detail: RequestDetail, waiting: list[Waiting]
) -> tuple[object, ...]:
    """Everything that changes on the page while somebody looks at it."""
    return (
        detail.status,
        context["heading"],
        context["contact"],
        context["is_unconfirmed"],
        context["escalates_at"],
        detail.entries[-1].seq if detail.entries else 0,
        detail.decision,
        detail.may_close,
        detail.passkeys.required,
        [person.pk for person in detail.passkeys.ready],
        [(intent.pk, intent.state, intent.attempts) for intent in detail.intents],
        [
            (row.deploy.pk, row.state, row.is_late, row.provenance)
            for row in detail.deploys
        ],
        [(row.pk, row.state) for row in detail.told],
        [
            (one.need.group, one.may_remind, [person.pk for person in one.need.people])
            for one in waiting
        ],
    )
