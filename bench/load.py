"""A small load generator: prepared requests over a few kept connections."""

import http.client
import socket
import time
from collections.abc import Callable
from statistics import median

CONNECTIONS = 16
ROUNDS = 5


def request(port: int, *, token: str, body: bytes) -> bytes:
    """Returns one POST of a decision, ready to be sent again and again."""
    head = (
        f"POST /api/v1/decisions HTTP/1.1\r\nHost: localhost:{port}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def rate(port: int, sent: bytes, *, seconds: float) -> float:
    """Returns answers per second: one question in flight on each connection."""
    peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    count, ends_at, began = 0, time.perf_counter() + seconds, time.perf_counter()
    while time.perf_counter() < ends_at:
        for peer in peers:
            peer.sendall(sent)
        for peer in peers:
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                msg = f"the server answered {answer.status}"
                raise RuntimeError(msg)
            count += 1
    spent = time.perf_counter() - began
    for peer in peers:
        peer.close()
    return count / spent


def interleaved(measures: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Runs each measure in turn, several rounds; returns the medians."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: median(values) for name, values in found.items()}
