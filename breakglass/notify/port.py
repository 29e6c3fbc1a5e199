"""The port: what a message is, and what sending one may answer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from breakglass.errors import BreakglassError


class Severity(StrEnum):
    """How loud a message is. Pagers go by it; e-mail does not."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Undeliverable(BreakglassError):
    """This message can never reach this address. Trying again would not help."""

    code: ClassVar[str] = "undeliverable"


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message to one recipient, ready to send.

    `dedupe_key` is the same for every try, so that a receiver recognises a resend.
    """

    subject: str
    body: str
    url: str
    severity: Severity
    dedupe_key: str
    bypass_id: str = ""


class Notifier(Protocol):
    """One way out."""

    def send(self, address: str, message: Message) -> None:
        """
        Sends once, within seconds, and returns when the other side took it.

        Raises errors.Unavailable when a later try may help, Undeliverable when
        none will. Neither says the address: it may hold secrets.
        """
