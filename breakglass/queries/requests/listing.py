"""The list of a tenant's requests: filtered, and paged by keyset."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from breakglass.clock import DbNow
from breakglass.models import BypassRequest, Tenant, User
from breakglass.states import GrantState, RequestState

PAGE: Final = 30
_KEY_MAXIMUM: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked for; an empty one asks nothing. `requester` is a public id."""

    state: str = ""
    gate: str = ""
    requester: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One page, newest first; a key is empty where there is nothing further."""

    rows: list[BypassRequest]
    newer: str
    older: str


# By predicate, as the pages show the states: no sweep has to have run.
_PENDING: Final = Q(state=RequestState.PENDING)
_ACTIVE: Final = Q(grant__state=GrantState.ACTIVE)
_STATES: Final[Mapping[str, Q]] = {
    "pending": _PENDING & Q(lapses_at__gt=DbNow()),
    "lapsed": Q(state=RequestState.LAPSED) | _PENDING & Q(lapses_at__lte=DbNow()),
    "approved": Q(state=RequestState.APPROVED),
    "active": _ACTIVE & Q(grant__expires_at__gt=DbNow()),
    "closed": Q(grant__state__in=(GrantState.EXPIRED, GrantState.REVOKED))
    | _ACTIVE & Q(grant__expires_at__lte=DbNow()),
    "rejected": Q(state=RequestState.REJECTED),
    "withdrawn": Q(state=RequestState.WITHDRAWN),
}


def page(
    *, tenant: Tenant, filters: Filters, before: str = "", after: str = ""
) -> RequestPage:
    """
    Returns one page by keyset: rows that arrive meanwhile are neither skipped nor
    shown twice. `before` and `after` are a page's keys; a malformed one is the top.
    """
    rows = _narrowed(tenant=tenant, filters=filters)
    below, above = _decode(before), _decode(after)
    if above is not None:
        found = list(rows.filter(pk__gt=above).order_by("pk")[: PAGE + 1])
        more = len(found) > PAGE
        found = found[:PAGE][::-1]
        if found:
            newer = _encode(found[0].pk) if more else ""
            return RequestPage(rows=found, newer=newer, older=_encode(found[-1].pk))
    elif below is not None:
        rows = rows.filter(pk__lt=below)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    more = len(found) > PAGE
    found = found[:PAGE]
    return RequestPage(
        rows=found,
        newer=_encode(found[0].pk) if found and below is not None else "",
        older=_encode(found[-1].pk) if more else "",
    )


def requesters(*, tenant: Tenant) -> list[User]:
    """Returns everybody who ever asked for a bypass in this tenant, by name."""
    asked = BypassRequest.objects.filter(tenant=tenant, requester=OuterRef("pk"))
    return list(User.objects.filter(Exists(asked)).order_by("name", "email"))


def _narrowed(*, tenant: Tenant, filters: Filters) -> QuerySet[BypassRequest]:
    rows = BypassRequest.objects.filter(tenant=tenant).select_related(
        "gate", "requester", "tier", "grant"
    )
    if filters.state in _STATES:
        rows = rows.filter(_STATES[filters.state])
    if filters.gate:
        rows = rows.filter(gate__slug=filters.gate)
    if filters.requester:
        asked = _uuid(filters.requester)
        rows = rows.filter(requester__public_id=asked) if asked else rows.none()
    if filters.text:
        words = filters.text
        rows = rows.filter(
            Q(bypass_id__iexact=words)
            | Q(service__icontains=words)
            | Q(branch__icontains=words)
            | Q(justification__icontains=words)
            | Q(incident_url__icontains=words)
        )
    return rows


def _uuid(text: str) -> UUID | None:
    """None for what nobody has: such a filter finds nothing, and never everything."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _encode(pk: int) -> str:
    return urlsafe_b64encode(str(pk).encode()).decode()


def _decode(key: str) -> int | None:
    try:
        pk = int(urlsafe_b64decode(key.encode())) if key else None
    except ValueError:
        return None
    return pk if pk is None or 0 <= pk <= _KEY_MAXIMUM else None
