"""
Contacts: the last calls of each gate, beside the decisions and never in their way.

The edge of the API notes a call after its answer is made. A run of calls alike is one
row, written at most once in some seconds; whatever fails here is logged and forgotten.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import Error, connection, transaction

from breakglass import clock
from breakglass.models import Gate, GateContact

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(seconds=5)
KEPT: Final = 10
AT_ONCE: Final = 4
"""How many calls that differ are written within EVERY: a gate may vary each one."""

DRY_RUN: Final = "dry_run"
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a gate: what it wanted, what it heard, with which token."""

    call: str
    outcome: str
    is_accepted: bool
    token: str
    address: str


_lately: dict[tuple[int, Call], float] = {}
_bursts: dict[tuple[int, str, bool], tuple[float, int]] = {}


def is_due(*, gate_id: int, call: Call) -> bool:
    """Says whether no call like this one was noted within EVERY; asks nothing."""
    lately = _lately.get((gate_id, call), -EVERY.total_seconds())
    return time.monotonic() - lately >= EVERY.total_seconds()


def note(*, gate_id: int, gate: str, call: Call) -> bool:
    """
    Notes that a gate called; returns whether anything was written.

    Never raises for the database's sake, never waits for a lock, and does not wait
    for the disk: losing the last second of this in a crash harms nobody.
    """
    key, now = (gate_id, call), time.monotonic()
    if not is_due(gate_id=gate_id, call=call):
        return False
    if _is_flood(gate_id=gate_id, call=call, now=now):
        return False
    if len(_lately) >= _REMEMBERED:
        _lately.clear()
    _lately[key] = now
    try:
        return _write(gate_id=gate_id, call=call)
    except Error as error:
        logger.warning(
            "gate.contact_not_noted",
            extra={"gate": gate, "why": type(error).__name__},
        )
        return False


def forget() -> None:
    """Forgets what this process noted lately; for tests."""
    _lately.clear()
    _bursts.clear()


def _is_flood(*, gate_id: int, call: Call, now: float) -> bool:
    """Counts what is about to be written; refusals never crowd out the rest."""
    key = (gate_id, call.call, call.is_accepted)
    since, count = _bursts.get(key, (now, 0))
    if now - since >= EVERY.total_seconds():
        since, count = now, 0
    if count >= AT_ONCE:
        return True
    if len(_bursts) >= _REMEMBERED:
        _bursts.clear()
    _bursts[key] = (since, count + 1)
    return False


@transaction.atomic
def _write(*, gate_id: int, call: Call) -> bool:
    """
    Prolongs the run of the gate's newest row, or starts a run and drops the oldest.

    Whoever holds the gate's row is writing about it just now: this call then is lost,
    and the next one in some seconds is not.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO OFF")
    gate = (
        Gate.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .filter(pk=gate_id)
        .first()
    )
    if gate is None:
        return False
    at = clock.db_now()
    kept = list(GateContact.objects.filter(gate=gate).order_by("-last_at", "-pk"))
    if kept and _same(kept[0], call):
        kept[0].last_at = at
        kept[0].save(update_fields=["last_at"])
    else:
        GateContact.objects.filter(pk__in=[row.pk for row in kept[KEPT - 1 :]]).delete()
        GateContact.objects.create(gate=gate, first_at=at, last_at=at, **_fields(call))
    if call.is_accepted:
        gate.last_seen_at = at
        is_test = call.call == DRY_RUN
        gate.tested_at = at if is_test else gate.tested_at
        gate.save(update_fields=["last_seen_at", "tested_at"])
    return True


def _same(row: GateContact, call: Call) -> bool:
    return all(getattr(row, name) == value for name, value in _fields(call).items())


def _fields(call: Call) -> dict[str, str | bool]:
    return {
        "call": call.call,
        "outcome": call.outcome,
        "is_accepted": call.is_accepted,
        "token": call.token,
        "address": call.address,
    }
