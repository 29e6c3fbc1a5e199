"""Exports of a tenant: the newest, one by its ID, and how big one would be."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Avg, Func, IntegerField

from breakglass.audit import export_scope
from breakglass.errors import NotFound
from breakglass.models import Bundle, Export, Tenant
from breakglass.queries.logs import entries as audit
from breakglass.states import ExportFormat
from breakglass.texts import text

COUNTED_AT_MOST: Final = 20_000
_SAMPLE: Final = 200
_VERIFIER: Final = 40_000  # packed, with the trusted keys and the README
_STATEMENT: Final = 1_200
# How big each part becomes, measured on the demo's log: packed, quoted, in columns.
_PACKED, _PACKED_BUNDLE, _QUOTED, _COLUMNS = 0.45, 0.75, 1.35, 0.8


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many entries an export would hold, and about how many bytes."""

    entries: int
    is_more: bool
    size: int


def recent(*, tenant: Tenant, limit: int = 30) -> list[Export]:
    """Returns what was asked for last, newest first."""
    rows = Export.objects.filter(tenant=tenant).select_related("requested_by")
    return list(rows.order_by("-pk")[:limit])


def one(*, tenant: Tenant, public_id: UUID) -> Export:
    """Returns one export of this tenant, or raises NotFound."""
    found = Export.objects.filter(tenant=tenant, public_id=public_id).first()
    if found is None:
        msg = text("there is no such export of %(tenant)s", tenant=tenant.slug)
        raise NotFound(msg)
    return found


def estimate(*, tenant: Tenant, scope: dict[str, Any], kind: ExportFormat) -> Estimate:
    """
    Returns about how big an export would be, from its newest entries.

    The log's own length is its head's number; a part is counted up to a limit.
    """
    head = audit.head(tenant=tenant)
    size = head.seq if head else 0
    rows = export_scope.matching(tenant=tenant, scope=scope, size=size)
    sample = list(rows.order_by("-seq").values_list("body", flat=True)[:_SAMPLE])
    entries, is_more = size, False
    if scope["kind"] != export_scope.WHOLE:
        entries = audit.count_upto(rows=rows, limit=COUNTED_AT_MOST)
        is_more = entries == COUNTED_AT_MOST
    if not sample:
        return Estimate(0, is_more=False, size=0)
    each = sum(len(bytes(body)) for body in sample) / len(sample)
    signed = sum(b'"bundle_sha256"' in bytes(body) for body in sample) / len(sample)
    return Estimate(
        entries, is_more=is_more, size=int(_bytes(tenant, kind, entries, each, signed))
    )


def _bytes(
    tenant: Tenant, kind: ExportFormat, entries: int, each: float, signed: float
) -> float:
    if kind == ExportFormat.TABLE:
        return entries * each * _COLUMNS
    bundles = entries * signed * (_bundle_size(tenant) + _STATEMENT)
    if kind == ExportFormat.LINES:
        return (entries * each + bundles) * _QUOTED
    return _VERIFIER + entries * each * _PACKED + bundles * _PACKED_BUNDLE


def _bundle_size(tenant: Tenant) -> float:
    newest = Bundle.objects.filter(intent__tenant=tenant).order_by("-pk")[:50]
    length = Func("bundle", function="octet_length", output_field=IntegerField())
    found = newest.annotate(length=length).aggregate(average=Avg("length"))
    return float(found["average"] or 0)
