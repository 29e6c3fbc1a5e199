"""The time of sending, in the links of messages about a request."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from breakglass.notify.writing import Text
from breakglass.texts import joined

SENT_FORMAT: Final = "%Y%m%dT%H%M%SZ"


def stamped(text: Text, *, sent_at: datetime) -> Text:
    """
    Returns a message about a request whose link says when it was sent.

    The page can then say what has changed since. The link lands on the decision, and
    still carries nothing that opens anything.
    """
    if "/requests/" not in text.path:
        return text
    tail = f"?sent={sent_at.astimezone(UTC):{SENT_FORMAT}}#decision"
    body = joined([text.body, tail], between="")
    return replace(text, body=body, path=f"{text.path}{tail}")


def read(given: str) -> datetime | None:
    """Returns the moment that a link was stamped with; None for anything else."""
    try:
        return datetime.strptime(given, SENT_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
