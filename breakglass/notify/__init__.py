"""Notifying: the port, and which implementation serves which kind of channel."""

from collections.abc import Mapping
from typing import Final

from breakglass.models.notifications import ChannelKind
from breakglass.notify.chat import ChatNotifier
from breakglass.notify.email import EmailNotifier
from breakglass.notify.port import Message, Notifier, Severity, Undeliverable

__all__ = ["Message", "Notifier", "Severity", "Undeliverable", "notifier_for"]

_NOTIFIERS: Final[Mapping[str, Notifier]] = {
    ChannelKind.EMAIL: EmailNotifier(),
    **{
        kind: ChatNotifier(kind)
        for kind in (
            ChannelKind.SLACK,
            ChannelKind.TEAMS,
            ChannelKind.PAGERDUTY,
            ChannelKind.WEBHOOK,
        )
    },
}


def notifier_for(kind: str) -> Notifier:
    """Returns what sends to channels of this kind; raises Undeliverable for none."""
    try:
        return _NOTIFIERS[kind]
    except KeyError:
        msg = f"nothing here can send to {kind!r} channels"
        raise Undeliverable(msg) from None
