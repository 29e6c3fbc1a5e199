"""
An in-process copy of what can only be answered with `enforce`, kept by LISTEN/NOTIFY.

It holds the live tokens, the scopes with an open grant, and a mark of every deploy that
was ever admitted. It is trusted only while its last word from the primary is younger
than FRESH seconds; older, or in any doubt, the database is asked. It cannot say
`bypass`: a copy that is behind can only say `enforce` a moment too long.
"""

import logging
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import psycopg

from breakglass.queries import certainty
from breakglass.queries.certainty import Asker, Connection, Reading, Scope
from portal.api.ahead import connections

logger: Final = logging.getLogger(__name__)

FRESH: Final = 2.0
"""Seconds for which the copy is believed after the primary was last heard of."""

_BEAT: Final = 0.5
_RETRY: Final = 0.5
_MARKS_KEPT_APART: Final = 50_000


@dataclass(frozen=True, slots=True)
class State:
    """One whole copy. It is replaced, never changed, so a reader needs no lock."""

    askers: Mapping[bytes, Asker]
    grants: Mapping[int, Scope]
    open_scopes: frozenset[Scope]
    marks: "array[int]"
    # Deploys of grants that closed since `marks` was read.
    new_marks: frozenset[int] = frozenset()
    # The primary's clock, and this process's when it was asked.
    at: datetime | None = None
    beat: float = 0.0

    def knows(self, mark: int) -> bool:
        """Says whether a deploy with this mark may have been admitted."""
        if mark in self.new_marks:
            return True
        place = bisect_left(self.marks, mark)
        return place < len(self.marks) and self.marks[place] == mark


EMPTY: Final = State({}, {}, frozenset(), array("q"))


class Snapshot:
    """Keeps a State by listening to the primary, in a thread of its own."""

    def __init__(self) -> None:
        self._state = EMPTY
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to listen; until the first word nothing is believed."""
        thread = threading.Thread(target=self._run, name="decisions", daemon=True)
        self._thread = thread
        thread.start()

    def stop(self) -> None:
        """Ends the thread and waits for it; nothing is believed any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._state = EMPTY

    def reading(
        self, *, token_hash: bytes, service: str, deploy_id: str
    ) -> Reading | None:
        """
        Returns what `certainty.reading` would, or None where it has to be asked.

        An unknown token is asked about: it may be younger than the copy. The time is
        the primary's, and rather late than early: a token that ends then has ended.
        """
        state = self._state
        since = time.monotonic() - state.beat
        asker = state.askers.get(token_hash)
        if state.at is None or asker is None or since >= FRESH:
            return None
        now = state.at + timedelta(seconds=since)
        if asker.expires_at is not None and asker.expires_at <= now:
            return None
        certain = (asker.gate_id, service) not in state.open_scopes and not (
            state.knows(certainty.deploy_mark(asker.gate_id, deploy_id))
        )
        return Reading(asker, certain=certain, at=now)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with connections.listening() as connection:
                    self._follow(connection)
            except Exception as exc:  # noqa: BLE001  # an edge: nothing is believed
                self._state = EMPTY
                logger.warning("decisions.snapshot_lost", extra={"error": repr(exc)})
                self._stop.wait(_RETRY)

    def _follow(self, connection: Connection) -> None:
        """Listens first and reads then, so that no change falls between the two."""
        connection.execute(f"LISTEN {certainty.CHANNEL}")
        self._state = _dated(connection, _whole(connection))
        while not self._stop.is_set():
            heard = [
                notice.payload
                for notice in connection.notifies(timeout=_BEAT, stop_after=1)
            ]
            self._state = _dated(connection, _changed(connection, self._state, heard))


def _dated(connection: Connection, state: State) -> State:
    """Dates the copy by the primary's clock; a server in recovery is none."""
    began = time.monotonic()
    found = connection.execute("SELECT bg_now(), pg_is_in_recovery()").fetchone()
    if found is None or found[1]:
        msg = "the database is in recovery: it is not the primary"
        raise psycopg.OperationalError(msg)
    return replace(state, at=found[0], beat=began)


def _whole(connection: Connection) -> State:
    """Reads everything, the grants first: a deploy under a later one is asked about."""
    askers, grants = certainty.askers(connection), certainty.open_grants(connection)
    marks = certainty.deploy_marks(connection)
    return State(askers, grants, frozenset(grants.values()), marks)


def _changed(connection: Connection, state: State, heard: Sequence[str]) -> State:
    """Reads again what the notices name; what they do not name is as it was."""
    if "askers" in heard:
        state = replace(state, askers=certainty.askers(connection))
    named = {int(notice[6:]) for notice in heard if notice.startswith("grant:")}
    if named:
        grants = certainty.open_grants(connection)
        # Deploys of a closed grant are known before its scope counts as closed.
        closed = (named | state.grants.keys()) - grants.keys()
        marks = state.new_marks | certainty.marks_of(connection, sorted(closed))
        scopes = frozenset(grants.values())
        state = replace(state, grants=grants, open_scopes=scopes, new_marks=marks)
    if len(state.new_marks) > _MARKS_KEPT_APART:
        all_marks = certainty.deploy_marks(connection)
        state = replace(state, marks=all_marks, new_marks=frozenset())
    return state
