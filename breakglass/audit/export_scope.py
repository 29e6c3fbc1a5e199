"""Which entries an archive of a part of a log holds, and what has to come with them."""

import json
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Q, QuerySet

from breakglass.audit import events, narrowing
from breakglass.models import AuditEntry, BypassRequest, Tenant

WHOLE: Final = "log"
BYPASS: Final = "bypass"
FILTER: Final = "filter"
# By name, since some of them are written by services that not every version has.
_PEOPLE: Final = (
    "role.member_added",
    "role.member_removed",
    "person.changed",
    "person.merged",
    "credential.enrolled",
    "credential.revoked",
)
_GATES: Final = (events.GATE_REGISTERED, events.GATE_CHANGED)


def bypasses(*, tenant: Tenant, scope: dict[str, Any], size: int) -> set[str]:
    """Returns the bypass IDs that a part is about; of a filter, those it meets."""
    if scope["kind"] == BYPASS:
        return {str(scope["bypass_id"])}
    found = matching(tenant=tenant, scope=scope, size=size)
    return set(found.exclude(bypass_id="").values_list("bypass_id", flat=True))


def numbers(*, tenant: Tenant, scope: dict[str, Any], size: int, own: int) -> list[int]:
    """
    Returns the sequence numbers of a part, in order; `own` is the export's own entry.

    Beside the entries asked for: everything else about their requests, every policy
    and the gates, and each role, account and passkey of the people who asked or
    decided. Without those nobody could say whether a grant was permitted.
    """
    names = bypasses(tenant=tenant, scope=scope, size=size)
    log = AuditEntry.objects.filter(tenant=tenant, seq__lte=size)
    wanted = {1, own} | _seqs(log.filter(bypass_id__in=names))
    if scope["kind"] == FILTER:
        wanted |= _seqs(matching(tenant=tenant, scope=scope, size=size))
    if names:
        wanted |= _seqs(log.filter(event__in=(events.POLICY_PUBLISHED, *_GATES)))
        people = _people_of(log.filter(bypass_id__in=names))
        wanted |= set(_about(log.filter(event__in=_PEOPLE), people))
    return sorted(wanted)


def matching(
    *, tenant: Tenant, scope: dict[str, Any], size: int
) -> QuerySet[AuditEntry]:
    """Returns exactly the entries asked for, without what is needed to judge them."""
    rows = AuditEntry.objects.filter(tenant=tenant, seq__lte=size)
    return narrowing.narrow(
        rows,
        narrowing.Filters.of_scope(scope),
        tenant=tenant,
        reach=narrowing.reach_of(tenant),
    )


def _seqs(rows: QuerySet[AuditEntry]) -> set[int]:
    return set(rows.values_list("seq", flat=True))


def _people_of(rows: QuerySet[AuditEntry]) -> set[str]:
    asked_or_decided = rows.filter(
        Q(event__startswith="request.") | Q(event__startswith="grant.")
    )
    bodies = asked_or_decided.values_list("body", flat=True)
    return {
        str(body["actor"]["id"])
        for body in map(_parsed, bodies.iterator())
        if body.get("actor", {}).get("kind") == "user"
    }


def _about(rows: QuerySet[AuditEntry], people: set[str]) -> Iterable[int]:
    for seq, raw in rows.values_list("seq", "body").iterator():
        facts = _parsed(raw).get("facts", {})
        named = {facts.get("id"), facts.get("kept_id"), facts.get("merged_id")}
        if named & people:
            yield seq


def _parsed(raw: bytes | memoryview) -> dict[str, Any]:
    """Damaged bytes are exported as they are when their number is asked for."""
    try:
        body = json.loads(bytes(raw))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def frozen_requests(*, tenant: Tenant, names: set[str] | None) -> list[BypassRequest]:
    """Returns the requests of an archive; None means all of the tenant's."""
    rows = BypassRequest.objects.filter(tenant=tenant)
    if names is not None:
        rows = rows.filter(bypass_id__in=names)
    linked = rows.select_related("gate", "requester", "tier", "policy")
    return list(linked.order_by("pk"))
