"""Pages of a tenant's log, by keyset: the same cost at any depth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import loads
from typing import Any, Final

from django.db.models import QuerySet

from breakglass.audit import narrowing
from breakglass.errors import Conflict, NotFound
from breakglass.models import (
    AuditEntry,
    Bundle,
    ChainHead,
    Checkpoint,
    Gate,
    Tenant,
)
from breakglass.texts import text

# What filters mean is shared with exports, which may not import this room.
PROOFS: Final = narrowing.PROOFS
Filters = narrowing.Filters
Reach = narrowing.Reach
narrow = narrowing.narrow

_HASHES_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page, newest first, with the keys of its neighbours."""

    rows: list[AuditEntry]
    newer: int | None
    older: int | None


def page(
    *,
    rows: QuerySet[AuditEntry],
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> AuditPage:
    """
    Returns entries with seq < before (or > after), newest first.

    The keys are numbers of entries, which never move: whoever turns pages while the
    log grows skips nothing and sees nothing twice.
    """
    if after is not None:
        found = list(rows.filter(seq__gt=after).order_by("seq")[: limit + 1])
        more_newer, more_older = len(found) > limit, True
        found = found[:limit][::-1]
    else:
        if before is not None:
            rows = rows.filter(seq__lt=before)
        found = list(rows.order_by("-seq")[: limit + 1])
        more_newer, more_older = before is not None, len(found) > limit
        found = found[:limit]
    return AuditPage(
        rows=found,
        newer=found[0].seq if found and more_newer else None,
        older=found[-1].seq if found and more_older else None,
    )


def count_upto(*, rows: QuerySet[AuditEntry], limit: int) -> int:
    """Returns how many rows there are, or `limit` when there are as many or more."""
    return len(rows.order_by().values_list("seq", flat=True)[:limit])


def entry(*, tenant: Tenant, seq: int) -> AuditEntry:
    """Returns one entry, or raises NotFound."""
    found = AuditEntry.objects.filter(tenant=tenant, seq=seq).first()
    if found is None:
        msg = text(
            "there is no entry %(seq)s in the log of %(tenant)s",
            seq=seq,
            tenant=tenant.slug,
        )
        raise NotFound(msg)
    return found


def entries(*, tenant: Tenant, numbers: Sequence[int]) -> list[AuditEntry]:
    """Returns the entries of these numbers, as far as there are such."""
    return list(AuditEntry.objects.filter(tenant=tenant, seq__in=numbers))


def gates(*, tenant: Tenant, limit: int = 200) -> list[str]:
    """Returns the names of the tenant's gates, for the filter."""
    slugs = Gate.objects.filter(tenant=tenant).order_by("slug")
    return list(slugs.values_list("slug", flat=True)[:limit])


def head(*, tenant: Tenant) -> ChainHead | None:
    """Returns the chain's tip, or None while the log is empty."""
    return ChainHead.objects.filter(tenant=tenant).first()


def entry_hashes(*, tenant: Tenant, after: int, upto: int) -> Iterator[bytes]:
    """
    Yields the hashes of entries after < seq <= upto, in order, by keyset.

    Raises Conflict when one of them is missing: a tree over a log with a hole would
    be signed over something else than it says.
    """
    while after < upto:
        rows = AuditEntry.objects.filter(tenant=tenant, seq__gt=after, seq__lte=upto)
        chunk = list(
            rows.order_by("seq").values_list("seq", "entry_hash")[:_HASHES_AT_ONCE]
        )
        if not chunk or chunk[-1][0] != after + len(chunk):
            msg = text(
                "the log of %(tenant)s has a hole after entry %(after)s",
                tenant=tenant.slug,
                after=after,
            )
            raise Conflict(msg)
        yield from (bytes(entry_hash) for _, entry_hash in chunk)
        after += len(chunk)


def latest_checkpoint(*, tenant: Tenant) -> Checkpoint | None:
    """Returns the newest checkpoint, signed or still waiting for its signature."""
    return (
        Checkpoint.objects.filter(tenant=tenant)
        .select_related("statement__bundle")
        .order_by("-pk")
        .first()
    )


def body_of(*, entry: AuditEntry) -> dict[str, Any]:
    """Returns the stored bytes of an entry, parsed for reading."""
    parsed: dict[str, Any] = loads(bytes(entry.body))
    return parsed


def bundle_of(*, entry: AuditEntry) -> Bundle | None:
    """Returns the bundle whose SHA-256 the entry's facts name, if they name one."""
    digest = body_of(entry=entry)["facts"].get("bundle_sha256")
    if not isinstance(digest, str):
        return None
    return (
        Bundle.objects.filter(sha256=bytes.fromhex(digest), intent__tenant=entry.tenant)
        .select_related("intent__request", "intent__signer")
        .first()
    )


def actors(*, tenant: Tenant, limit: int = 100) -> list[str]:
    """Returns names for the filter, from the newest entries only: a bounded read."""
    recent = AuditEntry.objects.filter(tenant=tenant).order_by("-seq")[:2000]
    names = {name for name in recent.values_list("actor", flat=True) if name}
    return sorted(names)[:limit]
