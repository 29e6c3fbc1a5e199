"""A small load generator: prepared requests over a few kept connections."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles

ROUNDS = 5
GOOD = b"HTTP/1.1 200"


@dataclass
class Load:
    """What one run found: answers, seconds, and how long each one took."""

    answers: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    took: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    @property
    def p99(self) -> float:
        """The slowest hundredth, in milliseconds."""
        return 1000 * quantiles(self.took, n=100)[98]


@dataclass
class _Peer:
    socket: socket.socket
    wanted: Iterator[bytes]
    depth: int
    begun: deque[float] = field(default_factory=deque)
    rest: bytes = b""

    def send(self) -> None:
        """Sends as many questions as may be in flight."""
        missing = self.depth - len(self.begun)
        self.begun.extend([time.perf_counter()] * missing)
        self.socket.sendall(b"".join(next(self.wanted) for _ in range(missing)))


def request(port: int, *, token: str, body: bytes) -> bytes:
    """Returns one POST of a decision, ready to be sent again and again."""
    head = (
        f"POST /api/v1/decisions HTTP/1.1\r\nHost: localhost:{port}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(
    port: int,
    wanted: Iterator[bytes],
    *,
    seconds: float,
    connections: int,
    depth: int = 1,
    holds: bytes = b"",
) -> Load:
    """
    Keeps `depth` questions in flight on each connection.

    More than one is for servers that are faster than this generator's turns. Raises
    RuntimeError for an answer that is no success, or lacks `holds`.
    """
    load = Load()
    with _connected(port, connections, wanted, depth) as (selector, peers):
        began = time.perf_counter()
        for peer in peers:
            peer.send()
        while (now := time.perf_counter()) < began + seconds:
            for key, _ in selector.select(1):
                found = _receive(key.data, holds)
                load.answers += found
                now = time.perf_counter()
                load.took += [now - key.data.begun.popleft() for _ in range(found)]
                if len(key.data.begun) <= depth // 2:
                    key.data.send()
        load.seconds = now - began
    return load


def interleaved(measures: dict[str, Callable[[], Load]]) -> dict[str, tuple]:
    """Runs each measure in turn, several rounds; medians of rate, p99, µs of CPU."""
    found: dict[str, list[Load]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            found[name].append(measure())
    return {
        name: (
            median(one.rate for one in some),
            median(one.p99 for one in some),
            median(1e6 * one.cpu / one.answers for one in some),
        )
        for name, some in found.items()
    }


@contextmanager
def _connected(port: int, number: int, wanted: Iterator[bytes], depth: int):
    selector, peers = selectors.DefaultSelector(), []
    for _ in range(number):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peers.append(_Peer(one, wanted, depth))
        selector.register(one, selectors.EVENT_READ, peers[-1])
    try:
        yield selector, peers
    finally:
        for peer in peers:
            peer.socket.close()
        selector.close()


def _receive(peer: _Peer, holds: bytes) -> int:
    """Counts whole answers by their status lines; a cut one waits for its rest."""
    heard = peer.rest + peer.socket.recv(1 << 18)
    *whole, peer.rest = _split(heard)
    for answer in whole:
        if not answer.startswith(GOOD) or holds not in answer:
            msg = f"the server answered {answer[:600]!r}"
            raise RuntimeError(msg)
    return len(whole)


def _split(heard: bytes) -> list[bytes]:
    """Cuts what came into answers, and what there is of the next one."""
    found, at = [], 0
    while (end := heard.find(b"\r\n\r\n", at)) >= 0:
        head = heard[at:end].lower()
        place = head.index(b"content-length:") + 15
        size = int(head[place:].split(b"\r\n", 1)[0])
        if len(heard) < end + 4 + size:
            break
        found.append(heard[at : end + 4 + size])
        at = end + 4 + size
    return [*found, heard[at:]]
