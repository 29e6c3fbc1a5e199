"""
Makes a long log quickly: a real chain of real entries, in the app's own role.

The rows are built here and sent by COPY, in batches of one transaction each; the
database's guards stay on and check every link, so what comes out is what
`ledger.append` would have written, and `manage.py verify` walks it. The events are of
gates and tokens: nothing that an approval or a grant would have to stand behind.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db import connection, transaction

from breakglass.actors import OPERATOR
from breakglass.audit import chain, events
from breakglass.models import Tenant

# The trigger writes the chain's head for every row: within one transaction its old
# versions pile up, so a batch is short.
BATCH: Final = 1_000
_COLUMNS: Final = (
    "tenant_id, seq, prev_hash, entry_hash, body, at, event, actor, bypass_id"
)
# No entry is older than the one before it, and none comes from the future.
_NEWEST: Final = """
    SELECT greatest(max_at, bg_now() - interval '1 minute')
    FROM breakglass_chainhead WHERE tenant_id = %s
"""
_SERVICES: Final = ("checkout", "payments", "search", "ledger", "catalogue", "mail")


def seed(tenant: Tenant, entries: int) -> int:
    """Appends so many entries to the tenant's log; returns how long it is then."""
    wanted, size = _bodies(), 0
    for begun in range(0, entries, BATCH):
        some = list(islice(wanted, min(BATCH, entries - begun)))
        with transaction.atomic():
            size = _append(tenant, some)
    return size


def _append(tenant: Tenant, some: list[dict[str, Any]]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, hash, at FROM bg_lock_head(%s)", [tenant.pk])
        seq, prev, now = cursor.fetchone()
        cursor.execute(_NEWEST, [tenant.pk])
        (begun,) = cursor.fetchone()
        step, prev = (now - begun) / (len(some) + 1), bytes(prev)
        with cursor.copy(f"COPY breakglass_auditentry ({_COLUMNS}) FROM STDIN") as rows:
            for number, wanted in enumerate(some, 1):
                seq += 1
                row = _row(
                    tenant, seq=seq, prev=prev, at=begun + number * step, **wanted
                )
                rows.write_row(row)
                prev = row[3]
    return int(seq)


def _row(
    tenant: Tenant,
    *,
    seq: int,
    prev: bytes,
    at: datetime,
    event: str,
    facts: dict[str, Any],
) -> tuple[Any, ...]:
    body = {
        "type": chain.TYPE,
        "tenant": {"id": str(tenant.public_id), "slug": tenant.slug},
        "seq": seq,
        "prev": prev.hex(),
        "at": chain.timestamp(at),
        "event": event,
        "actor": OPERATOR.facts(),
        "bypass_id": "",
        "facts": facts,
    }
    raw = chain.canonical(body)
    digest = chain.entry_hash(raw)
    return (tenant.pk, seq, prev, digest, raw, at, event, OPERATOR.name, "")


def _bodies() -> Iterator[dict[str, Any]]:
    """Yields events of gates without end, each a little different."""
    number = 0
    while True:
        gate = f"{_SERVICES[number % len(_SERVICES)]}-{number % 97}"
        before, after = (f"sha256:{number + one:064x}" for one in (0, 1))
        yield {
            "event": events.GATE_CONFIG_CHANGED,
            "facts": {"gate": gate, "before": before, "after": after},
        }
        token = f"bg_{number:06x}"
        yield {"event": events.TOKEN_ISSUED, "facts": {"gate": gate, "token": token}}
        yield {"event": events.TOKEN_REVOKED, "facts": {"gate": gate, "token": token}}
        number += 1
