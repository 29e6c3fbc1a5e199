"""
One signed POST to an address that a tenant chose: Standard Webhooks, sent with care.

The name is looked up once, and the addresses found are checked and called; nothing is
looked up again in between. Redirects are never followed, certificates always checked,
the answer's body is not read, and everything together ends within DEADLINE, also when
the other side drips a byte at a time.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from requests import certs
from standardwebhooks import Webhook

from breakglass.errors import InvalidInput, Unavailable
from breakglass.notify import addresses
from breakglass.notify.port import Undeliverable
from breakglass.texts import text

DEADLINE: Final = 10.0
CONNECT_SECONDS: Final = 4.0
BODY_MAX: Final = 65_536
_SCHEMES: Final = ("https", "http")
_PORTS: Final = {"https": 443, "http": 80}


class Gone(Undeliverable):
    """The receiver answered 410: it never wants to be told again."""

    code = "gone"


class _Held:
    """The socket that is open now, for whoever has to end it."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.is_over = False

    def hold(self, made: socket.socket) -> socket.socket:
        """Takes over a socket that was just made, unless it is too late."""
        self.socket = made
        if self.is_over:
            made.close()
            raise TimeoutError
        made.settimeout(DEADLINE)
        return made

    def end(self) -> None:
        """Ends whatever waits for the other side."""
        self.is_over = True
        if self.socket is not None:
            with suppress(OSError):  # it may have ended by itself
                self.socket.shutdown(socket.SHUT_RDWR)


def check(url: str) -> str:
    """
    Returns the address when a webhook may have it; nothing is looked up.

    https only, but for hosts in BREAKGLASS_NOTIFY_HOSTS. Raises InvalidInput (field
    `url`), and never repeats the address: it may hold a secret.
    """
    if len(url) > addresses.ADDRESS_MAX or not addresses.is_visible(url):
        raise _refused(text("use visible ASCII characters, at most 500"))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused(text("it is malformed")) from error
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise _refused(text("use https://HOST/PATH"))
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _refused(text("leave out user, password and anything behind #"))
    if addresses.is_exempt(parts.hostname):
        return url
    if parts.scheme != "https" or port not in (None, _PORTS["https"]):
        raise _refused(text("use https on port 443"))
    return url


def sign(
    *, secrets: Sequence[str], event_id: str, at: datetime, body: str
) -> Mapping[str, str]:
    """Returns the three headers; one signature for each secret, the newest first."""
    signatures = [
        Webhook(secret).sign(msg_id=event_id, timestamp=at, data=body)
        for secret in secrets
    ]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def post(*, url: str, body: str, headers: Mapping[str, str]) -> None:
    """
    Sends once; returns when the receiver answered 2xx.

    Raises Gone for 410, Undeliverable where it must not be called, Unavailable for
    every other answer and for none.
    """
    raw = body.encode()
    if len(raw) > BODY_MAX:
        msg = f"the event is larger than {BODY_MAX} bytes"
        raise Undeliverable(msg)
    try:
        parts = urlsplit(check(url))
    except InvalidInput as error:
        raise Undeliverable(str(error)) from error
    sent = {"content-type": "application/json", "user-agent": "breakglass", **headers}
    held = _Held()
    with _ending(held):
        try:
            status = _status(parts, raw, sent, held)
            if held.is_over:  # an answer that we cut off reads like a whole one
                raise TimeoutError
        except ssl.SSLCertVerificationError as error:
            msg = "its certificate is not valid"
            raise Unavailable(msg) from error
        except (OSError, http.client.HTTPException) as error:
            late = held.is_over or isinstance(error, TimeoutError)
            msg = "it did not answer in time" if late else "it could not be reached"
            raise Unavailable(msg) from error
    _require_good(status)


def _require_good(status: int) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status == HTTPStatus.GONE:
        msg = "it answered 410: it does not want to be told any more"
        raise Gone(msg)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        msg = f"it answered {status}: redirects are not followed"
        raise Unavailable(msg)
    msg = f"it answered {status}"
    raise Unavailable(msg)


def _status(
    parts: SplitResult, raw: bytes, headers: Mapping[str, str], held: _Held
) -> int:
    """Posts on a connection of its own; of the answer only the head is read."""
    connection = _connected(parts, held)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        connection.request(
            "POST", path, body=raw, headers={"host": parts.netloc, **headers}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def _connected(parts: SplitResult, held: _Held) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    proxy = _proxy(parts)
    if proxy is not None:
        # It looks the name up, and decides; an address is checked here all the same.
        if addresses.is_literal(host):
            addresses.allowed(host=host, port=parts.port)
        made = held.hold(socket.create_connection(proxy, CONNECT_SECONDS))
        _tunnel(made, host=host, port=port)
    else:
        made = _called(addresses.allowed(host=host, port=parts.port), port, held)
    if parts.scheme == "https":
        wrapped = _context().wrap_socket(
            made, server_hostname=host, do_handshake_on_connect=False
        )
        made = held.hold(wrapped)
        wrapped.do_handshake()
    connection = http.client.HTTPConnection(host, port)
    connection.sock = made
    return connection


def _called(found: Sequence[str], port: int, held: _Held) -> socket.socket:
    """Connects to the first of the addresses that takes it; to no other."""
    last: OSError = OSError("no address")
    for address in found[:2]:
        try:
            return held.hold(socket.create_connection((address, port), CONNECT_SECONDS))
        except OSError as error:
            last = error
    raise last


def _tunnel(made: socket.socket, *, host: str, port: int) -> None:
    """Asks a proxy for the way to a host (RFC 9110, CONNECT)."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    made.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode("ascii"))
    answer = http.client.HTTPResponse(made, method="CONNECT")
    answer.begin()
    if answer.status != HTTPStatus.OK:
        msg = f"the egress proxy answered {answer.status}"
        raise Unavailable(msg)


def _proxy(parts: SplitResult) -> tuple[str, int] | None:
    """Returns the installation's egress proxy, as chat channels go through it."""
    host = parts.hostname or ""
    given = getproxies().get("https", "")
    if parts.scheme != "https" or not given or addresses.is_exempt(host):
        return None
    if proxy_bypass(host):
        return None
    found = urlsplit(given if "://" in given else f"http://{given}")
    return (found.hostname or "", found.port or _PORTS["http"])


@contextmanager
def _ending(held: _Held) -> Iterator[None]:
    timer = threading.Timer(DEADLINE, held.end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def _context() -> ssl.SSLContext:
    """The system's authorities and those that come with requests."""
    context = ssl.create_default_context()
    context.load_verify_locations(certs.where())  # type: ignore[attr-defined]
    return context


def _refused(why: str) -> InvalidInput:
    msg = text("this address cannot be used: %(why)s", why=why)
    return InvalidInput(msg, field="url")
