"""A real receiver on this machine: it answers as told, and keeps what it was sent."""

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook


class Receiver:
    """Answers 204, or with the next of `answers`: a status, or a function of it."""

    def __init__(self):
        self.answers = []
        self.got = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                outer.got.append((dict(self.headers), self.rfile.read(length).decode()))
                answer = outer.answers.pop(0) if outer.answers else 204
                if callable(answer):
                    with suppress(OSError):
                        answer(self)
                    return
                self.send_response(answer)
                self.send_header("Location", f"{outer.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                outer.got.append(("GET", self.path))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_words):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def verified(self, secret):
        """What came, as the library reads it under this secret, with its id."""
        return [
            (headers["webhook-id"], Webhook(secret).verify(body, headers))
            for headers, body in self.got
        ]


def hang(handler):
    """Takes the message, and never answers."""
    handler.connection.settimeout(5)
    handler.connection.recv(1)


def drip(handler):
    """Answers a byte at a time, so that no single read ever takes long."""
    handler.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pause = threading.Event()
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: " + b"a" * 200:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        pause.wait(0.05)
