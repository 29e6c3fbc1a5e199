"""
Decisions over HTTP, as ratios in one run: a constant, a bare view, enforce, bypass.

One granian with one worker and two threads for each; the rounds are interleaved, so
that whatever else the machine does meets all of them alike.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle, repeat
from pathlib import Path

from bench import load
from portal.runtime import ports

GRANIAN = Path(sys.executable).parent / "granian"
SECONDS = 2.0
CONNECTIONS = 32
BYPASS_CONNECTIONS = 16
TENANTS = 8
SCOPE = {"service": "checkout", "branch": "main"}
PORTAL = "portal.wsgi:application"
STRICT = {"BREAKGLASS_DECISION_SNAPSHOT": "false"}
SERVED = {
    "constant": ("bench.constant:application", {}),
    "bare view": ("bench.bare:application", {}),
    "enforce": (PORTAL, {}),
    "enforce, strict": (PORTAL, STRICT),
}
GOALS = (
    ("enforce / constant", "enforce", "constant", 0.5),
    ("enforce / bare view", "enforce", "bare view", 4.0),
    ("strict / bare view", "enforce, strict", "bare view", 0.8),
)


def measure() -> dict:
    """Measures all of it; prints a table and returns the same as a dictionary."""
    tokens = _prepare()
    with _serving_all() as served:
        asked = {
            name: (one, _question(one.port, tokens[0], "bench-1", "payments"))
            for name, one in served.items()
        }
        pipelined = load.interleaved(
            {
                name: partial(_enforce, *what, connections=8, depth=16)
                for name, what in asked.items()
            }
        )
        singly = load.interleaved(
            {
                name: partial(_enforce, *what, connections=CONNECTIONS)
                for name, what in asked.items()
            }
        )
        bypass = load.interleaved(
            {
                "bypass, 1 tenant": partial(_bypass, served["enforce"], tokens[:1]),
                "bypass, 8 tenants": partial(_bypass, served["enforce"], tokens),
            }
        )
    return _report(pipelined, singly, bypass)


@dataclass(frozen=True)
class Served:
    """A server that is measured."""

    pid: int
    port: int

    def cpu(self) -> float:
        """Returns the seconds of CPU that it and its workers have taken so far."""
        family = [self.pid, *_children(self.pid)]
        return sum(_ticks(pid) for pid in family) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in found.read_text().split()]


def _ticks(pid: int) -> int:
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(words[11]) + int(words[12])


def _enforce(server: Served, question: bytes, **how: int) -> load.Load:
    before = server.cpu()
    found = load.run(
        server.port, repeat(question), seconds=SECONDS, holds=b"enforce", **how
    )
    found.cpu = server.cpu() - before
    return found


def _bypass(server: Served, tokens: list[str]) -> load.Load:
    before = server.cpu()
    found = load.run(
        server.port,
        _new_deploys(server.port, tokens),
        seconds=SECONDS,
        connections=BYPASS_CONNECTIONS,
        holds=b'"bypass"',
    )
    found.cpu = server.cpu() - before
    return found


def _report(pipelined: dict, singly: dict, bypass: dict) -> dict:
    found: dict[str, dict] = {"per second": {}, "µs CPU": {}, "p99 ms": {}, "ratio": {}}
    print(f"{'':<24}{'per second':>12}{'µs CPU':>10}{'p99 ms':>10}")
    for name, load_found in {**pipelined, **bypass}.items():
        rate, p99, cpu = load_found
        if name in singly:
            p99 = singly[name][1]
        found["per second"][name], found["µs CPU"][name] = rate, cpu
        found["p99 ms"][name] = p99
        print(f"{name:<24}{rate:>12,.0f}{cpu:>10,.0f}{p99:>10.2f}")
    for name, one, other, goal in GOALS:
        ratio = found["ratio"][name] = pipelined[one][0] / pipelined[other][0]
        by_cpu = pipelined[other][2] / pipelined[one][2]
        found["ratio"][f"{name}, by CPU"] = by_cpu
        print(f"{name:<24}{ratio:>12.2f}{by_cpu:>10.2f}  (goal {goal})")
    print(
        f"p99: {CONNECTIONS} connections, one question each; bypass "
        f"{BYPASS_CONNECTIONS}. µs CPU: of the web server, for an answer.\n"
    )
    return found


def _prepare() -> list[str]:
    """Makes tenants with a gate, a token and an open grant on `checkout` each."""
    from tests import factories

    people, tokens = factories.people(), []
    for number in range(TENANTS):
        slug = "acme" if number == 0 else f"tenant-{number}"
        tenant = factories.tenant(slug, slug.title(), people)
        gate = factories.gate(tenant, "prod-deploy")
        tokens.append(factories.token(gate))
        bypass = factories.request(tenant, people.oncall, gate, **SCOPE)
        if factories.approve(bypass, people.peer).grant is None:
            raise SystemExit("no grant: the policy asks for more approvers")
    return tokens


def _question(port: int, token: str, deploy_id: str, service: str) -> bytes:
    body = {**SCOPE, "service": service, "deploy_id": deploy_id}
    return load.request(port, token=token, body=json.dumps(body).encode())


def _new_deploys(port: int, tokens: list[str]) -> Iterator[bytes]:
    """Each question is about a deploy that nobody has asked about."""
    run = os.urandom(4).hex()
    for number, token in zip(count(), cycle(tokens), strict=False):
        yield _question(port, token, f"{run}-{number}", SCOPE["service"])


@contextmanager
def _serving_all() -> Iterator[dict[str, "Served"]]:
    started = {name: _start(*what) for name, what in SERVED.items()}
    try:
        for _, port in started.values():
            _wait_for(port)
        time.sleep(1)  # the snapshot has been read
        yield {
            name: Served(process.pid, port) for name, (process, port) in started.items()
        }
    finally:
        for process, _ in started.values():
            process.terminate()
        for process, _ in started.values():
            process.wait(10)


def _start(target: str, env: dict[str, str]) -> tuple[subprocess.Popen, int]:
    port = ports.free_port()
    command = [
        *(str(GRANIAN), "--interface", "wsgi", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--blocking-threads", "2"),
        *("--no-access-log", "--log-level", "error", target),
    ]
    return subprocess.Popen(command, env={**os.environ, **env}), port


def _wait_for(port: int) -> None:
    import socket

    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    msg = "the server did not start"
    raise RuntimeError(msg)
