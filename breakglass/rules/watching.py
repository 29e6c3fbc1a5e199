"""What is wrong with a gate that nobody switched off openly. Pure."""

from datetime import datetime, timedelta


def silent_since(
    *,
    beat_at: datetime | None,
    heard_at: datetime | None,
    answered_at: datetime | None,
    silent_for: timedelta,
    now: datetime,
) -> datetime | None:
    """
    Returns since when a gate has been silent for too long, or None.

    Only one that sent heartbeats (`beat_at`) is expected to be heard of; any call of
    it counts as `heard_at`. A silence that was answered (its last finding was closed)
    is not raised again before the gate was heard of once more.
    """
    if beat_at is None or heard_at is None or now - heard_at < silent_for:
        return None
    if answered_at is not None and answered_at >= heard_at:
        return None
    return heard_at


def went_on(
    *, closed_at: datetime, reported_at: datetime, grace: timedelta
) -> timedelta | None:
    """
    Returns for how long a deploy went on after the decision that it stood on was over.

    None within the grace: a deploy without stages cannot know of the close at once.
    """
    past = reported_at - closed_at
    return past if past >= grace else None
