"""What a planner is asked, and what it answers: who is told what of one message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from breakglass.models import BypassRequest, Tenant, User
from breakglass.notify.writing import Text


@dataclass(frozen=True, slots=True)
class Due:
    """What an outbox message is about, at the moment in which it is looked at."""

    tenant: Tenant
    subject_id: int
    person_id: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Who is told what. With an `event`, the ledger says who was told of which bypass.

    `people` may hold some who are not reachable; whoever sends leaves them out.
    """

    text: Text
    people: Sequence[User]
    bypass: BypassRequest | None = None
    to_channels: bool = False
    event: str = ""
