"""
A requests adapter whose every call ends in time, whatever the other side does.

requests' timeouts are for each read: a server that sends one byte a second never
trips them. Here a clock cuts the connection itself, so that also a dripping header,
body or TLS handshake ends. What no socket can cut, a name that does not resolve, is
bounded by deadline.py. ADR 0007 says why this is not a process of its own.
"""

import io
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

CONNECT_SECONDS = 2.0
BODY_LIMIT: Final = 1_000_000
"""A certificate chain or a log entry has some kilobytes."""

_CHUNK: Final = 16_384


class BodyTooLong(requests.RequestException):
    """The other side sent more than any honest answer has."""


class DeadlineAdapter(HTTPAdapter):
    """
    Gives every call what is left of one deadline for the whole signature.

    Source: sigstore.md section 6; sigstore-python 4.5 passes no timeout to Fulcio
    and Rekor, and a server that accepts and never answers would hang for ever. A
    caller that brings a timeout of its own (a timestamp authority's client, whose
    answer is wanted and not needed) gets at most half of what is left.
    """

    def __init__(self, *, deadline: timedelta) -> None:
        self._ends_at = time.monotonic() + deadline.total_seconds()
        self._open: list[socket.socket] = []
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Makes pools whose connections are known here from their first byte."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _watched_pools(self._watch)

    def send(  # noqa: PLR0917 - requests' own signature
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - requests' own signature
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - requests' own signature
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """
        Sends, and reads the whole answer, with the remaining time.

        Raises requests.Timeout when none is left, BodyTooLong for an endless answer.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise _too_late(request)
        if isinstance(timeout, (int, float)):
            left = min(float(timeout), left / 2)
        is_cut = threading.Event()
        clock = threading.Timer(left, self._cut, [is_cut])
        clock.daemon = True
        clock.start()
        try:
            response = super().send(
                request,
                stream=True,
                timeout=(min(CONNECT_SECONDS, left), left),
                verify=verify,
                cert=cert,
                proxies=proxies,
            )
            response.raw = io.BytesIO(_body(response))
        except requests.RequestException as error:
            if is_cut.is_set():
                raise _too_late(request) from error
            raise
        finally:
            clock.cancel()
        if is_cut.is_set():  # what was cut off may look like a short answer
            raise _too_late(request)
        return response

    def close(self) -> None:
        """Closes every connection; the adapter is done."""
        super().close()
        while self._open:
            self._open.pop().close()

    def _watch(self, connection: socket.socket) -> socket.socket:
        # A duplicate: wrapping a socket in TLS takes its descriptor away, and a
        # shutdown of either ends the one connection behind both.
        self._open.append(connection.dup())
        return connection

    def _cut(self, is_cut: threading.Event) -> None:
        is_cut.set()
        for connection in tuple(self._open):
            with suppress(OSError):  # gone already
                connection.shutdown(socket.SHUT_RDWR)


def mount(session: requests.Session, adapter: HTTPAdapter, *, tls_ca: str = "") -> None:
    """
    Makes a session use the adapter, ignore the environment and follow nobody.

    Neither a proxy nor another host that an answer points to may see a token.
    """
    session.trust_env = False
    session.max_redirects = 0
    session.headers["Accept-Encoding"] = "identity"
    if tls_ca:
        session.verify = tls_ca
    session.mount("http://", adapter)
    session.mount("https://", adapter)


def _too_late(request: requests.PreparedRequest) -> requests.Timeout:
    msg = "the deadline for signing has passed"
    return requests.Timeout(msg, request=request)


def _body(response: requests.Response) -> bytes:
    """Returns the body, read through, up to the limit."""
    parts, size = [], 0
    try:
        for part in response.raw.stream(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > BODY_LIMIT:
                msg = f"the answer is longer than {BODY_LIMIT} bytes"
                raise BodyTooLong(msg, response=response, request=response.request)
    except (HTTPError, OSError) as error:
        if isinstance(error, requests.RequestException):
            raise
        raise requests.ConnectionError(error, request=response.request) from error
    finally:
        response.raw.close()
    return b"".join(parts)


def _watched_pools(
    watch: Callable[[socket.socket], socket.socket],
) -> dict[str, type[HTTPConnectionPool]]:
    """Returns urllib3's pools with connections that tell `watch` of their socket."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return watch(super()._new_conn())

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return watch(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
