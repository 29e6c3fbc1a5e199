"""
Slack, Teams, PagerDuty and webhooks, through apprise.

apprise stays behind this module: no address reaches it that addresses.py did not let
through, it follows no redirect, checks certificates, gives up in seconds, and its log
is not passed on, since it may quote keys.
"""

import importlib
import logging
import re
import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

from breakglass.errors import InvalidInput, Unavailable
from breakglass.models.notifications import ChannelKind
from breakglass.notify import addresses, lines
from breakglass.notify.port import Message, Severity, Undeliverable

CONNECT_SECONDS: Final = 4.0
READ_SECONDS: Final = 6.0

# Of these the receiver says that the message, or we, will never be welcome. All other
# answers (also 408, 425, 429 and 5xx) are worth another try.
_REFUSED_FOR_GOOD: Final = frozenset({400, 401, 403, 404, 405, 410, 413, 414, 422})
_STATUS: Final = re.compile(r"error=(\d{3})\b", re.ASCII)

_PLUGINS: Final = {
    ChannelKind.SLACK: ("apprise.plugins.slack", "NotifySlack"),
    ChannelKind.TEAMS: ("apprise.plugins.workflows", "NotifyWorkflows"),
    ChannelKind.PAGERDUTY: ("apprise.plugins.pagerduty", "NotifyPagerDuty"),
    ChannelKind.WEBHOOK: ("apprise.plugins.custom_json", "NotifyJSON"),
}
_LOUDNESS: Final = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}
# From plain text apprise would escape each dot of our link in a Teams card, which then
# may not be a link; _plain_card takes out what must not work there. For Slack it is
# the other way round: plain text is what makes apprise escape & < >.
_FORMATS: Final[Mapping[str, str]] = {ChannelKind.TEAMS: "markdown"}


class _Plugin(Protocol):
    """What we use of an apprise plugin's object."""

    def notify(
        self, *, body: str, title: str, notify_type: str, body_format: str
    ) -> bool: ...


class ChatNotifier:
    """Sends to channels of one kind, each try with a plugin object of its own."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def send(self, address: str, message: Message) -> None:
        """
        Posts the message once.

        The address is checked again: the allowlist may be shorter today than on the
        day when the channel was saved.
        """
        try:
            plugin = _plugin(kind=self.kind, address=address, message=message)
        except InvalidInput as exc:
            raise Undeliverable(str(exc)) from exc
        title, body = _shaped(kind=self.kind, message=message)
        _last_status.forget()
        try:
            taken = plugin.notify(
                body=body,
                title=title,
                notify_type=_LOUDNESS[message.severity],
                body_format=_FORMATS.get(self.kind, "text"),
            )
        except Exception as exc:  # noqa: BLE001 - plugins raise anything
            # Its text is dropped on purpose: it may quote the address.
            msg = f"the {self.kind} channel failed with {type(exc).__name__}"
            raise Unavailable(msg) from None
        if not taken:
            raise _failure(kind=self.kind, status=_last_status.seen())


def check(*, kind: str, address: str) -> str:
    """
    Returns the address when a channel of this kind can be reached by it.

    Raises InvalidInput (field `url`) for a scheme or parameter that is not allowed,
    and for what apprise cannot read. Nothing is sent or looked up.
    """
    _parsed(kind=kind, address=address)
    return address


def _plugin(*, kind: str, address: str, message: Message) -> _Plugin:
    cls, parts = _parsed(kind=kind, address=address)
    if kind in (ChannelKind.TEAMS, ChannelKind.WEBHOOK):
        addresses.require_public(host=str(parts["host"]), port=parts.get("port"))
    parts |= _extras(kind=kind, message=message, parts=parts)
    return _built(cls=cls, parts=parts)


def _parsed(*, kind: str, address: str) -> tuple[Any, dict[str, Any]]:
    """Returns the plugin's class and constructor arguments, as apprise reads them."""
    addresses.check(kind=kind, address=address)
    cls = _load(kind)
    parts = cls.parse_url(address)
    if not parts:
        raise _unreadable()
    # Again, as apprise read them: the two parsers need not agree.
    addresses.check_parameters(kind=kind, names=parts.get("qsd", {}))
    parts |= {
        "verify": True,
        "redirect": False,
        "retry": 0,
        "store": False,
        "cto": CONNECT_SECONDS,
        "rto": READ_SECONDS,
    }
    _built(cls=cls, parts=parts)
    return cls, parts


def _built(*, cls: Any, parts: dict[str, Any]) -> _Plugin:
    """Constructing does no I/O; it is where apprise checks tokens and host names."""
    try:
        return cast("_Plugin", cls(**parts))
    except (TypeError, ValueError):  # AppriseImproperlyConfigured is a TypeError
        raise _unreadable() from None  # its text quotes keys


def _load(kind: str) -> Any:
    """
    Imports one plugin of apprise, late and alone.

    apprise is heavy (25 MiB with one plugin, 45 with all, about half a second), and
    web workers and decisions never need it. Its own `instantiate` would load all.
    """
    module, name = _PLUGINS[ChannelKind(kind)]
    cls = getattr(importlib.import_module(module), name)
    logger = logging.getLogger("apprise")
    if _last_status not in logger.handlers:
        logger.addHandler(_last_status)
        logger.setLevel(logging.WARNING)
        logger.propagate = False  # it may quote keys
    return cls


def _extras(*, kind: str, message: Message, parts: dict[str, Any]) -> dict[str, Any]:
    """Returns what a machine on the other side wants beside the text."""
    if kind == ChannelKind.PAGERDUTY:
        return {
            "dedup": message.dedupe_key,  # a resend updates the same incident
            "click": message.url,
            "details": {"message": message.body, "bypass_id": message.bypass_id},
            "severity": str(message.severity),
            "include_image": False,
        }
    if kind == ChannelKind.WEBHOOK:
        return {
            "payload": {
                "url": message.url,
                "bypass_id": message.bypass_id,
                "severity": str(message.severity),
                "dedupe_key": message.dedupe_key,
            },
            "headers": {
                **parts.get("headers", {}),
                "Idempotency-Key": message.dedupe_key,
            },
        }
    return {"include_image": False}  # no picture from a third party's host


def _shaped(*, kind: str, message: Message) -> tuple[str, str]:
    """Returns the title and body in the form that the other side shows best."""
    title = lines.subject(message.subject)
    if kind == ChannelKind.PAGERDUTY:
        return "", title  # the incident's summary; the body goes into the details
    if kind == ChannelKind.TEAMS:
        # A card's title is cut off on a phone; its text wraps.
        return "", _plain_card(f"{title}\n{message.body}")
    return title, message.body  # apprise escapes Slack's & < >, a test holds it to it


def _plain_card(text: str) -> str:
    """Takes mentions and masked links out of a Teams card; keeps its lines."""
    text = re.sub(r"<(?=[A-Za-z/])", "< ", text)
    return text.replace("](", "] (").replace("\n", "\n\n")


def _failure(*, kind: str, status: int | None) -> Unavailable | Undeliverable:
    if status is None:
        return Unavailable(f"the {kind} channel did not answer in time")
    msg = f"the {kind} channel answered {status}"
    return Undeliverable(msg) if status in _REFUSED_FOR_GOOD else Unavailable(msg)


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "this address cannot be used: a part of it is missing or malformed",
        field="url",
    )


class _LastStatus(logging.Handler):
    """
    Remembers the HTTP status that apprise last complained of, in this thread.

    apprise answers no more than yes or no; its log is the only place with the status.
    Should its wording change, every failure counts as passing: one try too many.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the number and drops the text."""
        found = _STATUS.search(record.getMessage())
        if found:
            self._seen.status = int(found[1])

    def forget(self) -> None:
        """Makes room for the next try's status."""
        self._seen.status = None

    def seen(self) -> int | None:
        """Returns the status of this thread's last failed try, if it had one."""
        status: int | None = getattr(self._seen, "status", None)
        return status


_last_status: Final = _LastStatus()
