"""
Counting what gates were told: in this process, and now and then in the database.

An `enforce` answer writes nothing. It is counted here, by deploy, and the counts of all
processes are added up in one row a gate and day. A process that is killed loses what it
counted since the last time, at most FLUSH_EVERY: these are figures for a report, not
evidence.
"""

import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Final

from django.db import DatabaseError, connection, transaction

logger = logging.getLogger(__name__)

FLUSH_EVERY: Final = 20.0
REMEMBERED: Final = 8192
"""How many deploys one process keeps apart; an older one may count again."""

_ADD: Final = """
    INSERT INTO breakglass_gateday (tenant_id, gate_id, day, enforced)
    SELECT g.tenant_id, g.id, (bg_now() AT TIME ZONE 'UTC')::date, told.number
    FROM unnest(%(gates)s::bigint[], %(numbers)s::bigint[]) AS told (gate, number)
    JOIN breakglass_gate g ON g.id = told.gate
    ORDER BY g.id
    ON CONFLICT (gate_id, day)
    DO UPDATE SET enforced = breakglass_gateday.enforced + EXCLUDED.enforced
"""


class Tally:
    """How many deploys this process told to enforce, by gate. Any thread may count."""

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[int] = Counter()
        self._seen: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._remembered = remembered

    def note(self, *, gate_id: int, deploy_id: str) -> None:
        """
        Counts one answer. A deploy that asks again, as pipelines do while they wait,
        counts once as long as it is among the last that this process remembers.
        """
        key = (gate_id, deploy_id)
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
                return
            self._seen[key] = None
            if len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
            self._counts[gate_id] += 1

    def flush(self) -> int:
        """
        Adds what was counted to today's rows, in one statement; returns how many.

        When the database does not take it, it is counted again at the next try.
        """
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return 0
        try:
            _add(counts)
        except DatabaseError:
            with self._lock:
                self._counts.update(counts)
            raise
        return sum(counts.values())


TALLY: Final = Tally()


def keep_flushing(*, stopped: threading.Event) -> None:
    """Flushes until `stopped` is set, and once more then; for a thread of its own."""
    while True:
        is_last = stopped.wait(FLUSH_EVERY)
        try:
            TALLY.flush()
        except Exception:  # the thread's edge: no lost database ends the counting
            logger.exception("gate_days.not_flushed")
        finally:
            connection.close()  # nothing is held between two flushes
        if is_last:
            return


@transaction.atomic
def _add(counts: Mapping[int, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ADD, {"gates": list(counts), "numbers": list(counts.values())})
