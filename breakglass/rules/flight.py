"""Deploys in flight: what becomes of one at the close, and when one is lost."""

from datetime import datetime, timedelta
from typing import Final

# The values of states.AtClose and states.DeployState that matter here, as plain text:
# a policy this page has not heard of reverts, which is the safe reading.
_FINISH: Final = "finish"
_ADMITTED: Final = "admitted"
_UNKNOWN: Final = "unknown"
_SECOND: Final = timedelta(seconds=1)


def may_finish(*, at_close: str) -> bool:
    """Says whether a gate's deploys may report their end after the close."""
    return at_close == _FINISH


def overran_by(*, closed_at: datetime, ended_at: datetime) -> int | None:
    """
    Returns the whole seconds, rounded up, that a deploy ran past its window.

    None when it ended inside: the window is half open, so its end is outside.
    """
    past = ended_at - closed_at
    return None if past < timedelta() else -(-past // _SECOND)


def lost_at(
    *,
    admitted_at: datetime,
    heard_at: datetime | None,
    report_within: timedelta,
    silent_for: timedelta,
) -> datetime:
    """
    Returns from when on a deploy in flight is lost from sight.

    One that never said it runs has `report_within` from its start; one that did, has
    `silent_for` from the last time, however long it runs.
    """
    if heard_at is None:
        return admitted_at + report_within
    return heard_at + silent_for


def shown_state(*, state: str, lost_since: datetime, now: datetime) -> str:
    """Returns a deploy's state as a page says it: lost by the clock, not the sweep."""
    return _UNKNOWN if state == _ADMITTED and now >= lost_since else state
