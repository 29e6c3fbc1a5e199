"""
A server on loopback that is not on our side: it refuses, stalls, drips and lies.

It reads what it is sent, then does what its mode says, on raw sockets, so that it can
break HTTP where it likes. Nothing waits for it when a test ends.
"""

import json
import socket
import threading
from contextlib import contextmanager, suppress

REFUSES = "refuses connections"
FAILS = "answers 500"
DENIES = "answers 403"
MOVED = "points elsewhere"
GARBAGE = "answers what is no JSON"
WRONG_TYPE = "answers JSON of the wrong shape"
ENDLESS = "answers without end"
DRIPS_HEADERS = "drips its headers"
DRIPS_BODY = "drips its body"
DRIPS_TLS = "drips a TLS handshake"
SILENT = "accepts and never answers"
BREAKS_OFF = "closes in the middle of its body"

QUICK = (REFUSES, FAILS, DENIES, MOVED, GARBAGE, WRONG_TYPE, ENDLESS, BREAKS_OFF)
SLOW = (DRIPS_HEADERS, DRIPS_BODY, SILENT)

_PAUSE = 0.05  # between two bytes: far below any timeout for one read
_SCRIPTS = {
    FAILS: b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops",
    DENIES: b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno",
    MOVED: b"HTTP/1.1 307 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
    GARBAGE: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>\xff\xfe\xfd",
    BREAKS_OFF: b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"a": ',
}


@contextmanager
def server(mode):
    """Yields the address of a server of that mode."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    scheme = "https" if mode == DRIPS_TLS else "http"
    address = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    if mode == REFUSES:
        listener.close()
        yield address
        return
    threads = []

    def accept():
        with suppress(OSError):  # closed: the test is over
            while True:
                connection, _ = listener.accept()
                one = threading.Thread(target=_serve, args=(connection, mode, stop))
                threads.append(one)
                one.start()

    loop = threading.Thread(target=accept)
    loop.start()
    try:
        yield address
    finally:
        stop.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        loop.join(10)
        for one in threads:
            one.join(10)
            assert not one.is_alive(), "the hostile server does not end"


def _serve(connection, mode, stop):
    with connection, suppress(OSError):  # whoever asked went away
        connection.settimeout(5)
        if mode == DRIPS_TLS:
            _drip(connection, b"\x16\x03\x03\x40\x00", stop)
            return
        _read_request(connection)
        if mode == SILENT:
            stop.wait(60)
        elif mode == DRIPS_HEADERS:
            _drip(connection, b"HTTP/1.1 200 OK\r\nX-Slow: ", stop)
        elif mode == DRIPS_BODY:
            connection.sendall(b"HTTP/1.1 201 Made\r\nContent-Length: 9000\r\n\r\n")
            _drip(connection, b'{"a": "', stop)
        elif mode == ENDLESS:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n[")
            while not stop.is_set():
                connection.sendall(b"1," * 50_000)
        elif mode == WRONG_TYPE:
            body = json.dumps([[], {"signedCertificateEmbeddedSct": 7}]).encode()
            head = f"HTTP/1.1 201 Made\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
        else:
            connection.sendall(_SCRIPTS[mode])


def _read_request(connection):
    """Reads head and body: a client that is still sending would see a reset."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)


def _drip(connection, first, stop):
    connection.sendall(first)
    while not stop.wait(_PAUSE):
        connection.sendall(b"a")
