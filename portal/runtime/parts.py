"""The programs that make up an installation, as the demo and the tests start them."""

import socket
import sys
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from portal.runtime.program import Program

ROOT: Final = Path(__file__).resolve().parents[2]
_BLOCKING_THREADS: Final = 4
_WORKER_PROCESSES: Final = 2


def manage(*arguments: str, env: Mapping[str, str]) -> Program:
    """Returns `manage.py ARGUMENTS` as a program that runs to its end."""
    name = "-".join(takewhile(str.isidentifier, arguments))
    argv = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return Program(name=name, argv=argv, env=env, cwd=ROOT)


def migrate(*, env: Mapping[str, str]) -> Program:
    """Returns the migrations, under the owner's role."""
    return manage("migrate", "--database", "owner", "--skip-checks", env=env)


def authority(*, port: int, env: Mapping[str, str]) -> Program:
    """Returns the embedded Sigstore authority, on a loopback port."""
    argv = ["authority", "serve", "--host", "127.0.0.1", "--port", str(port)]
    return Program(
        name="authority",
        argv=[sys.executable, str(ROOT / "manage.py"), *argv],
        env=env,
        cwd=ROOT,
        ready=answers(f"http://127.0.0.1:{port}/healthz"),
        ready_within=60,
    )


def web(*, host: str, port: int, env: Mapping[str, str], health: str) -> Program:
    """Returns the web server; it is ready when `health` answers."""
    options = {
        "--interface": "wsgi",
        "--host": host,
        "--port": str(port),
        "--workers": "1",
        # The default number of threads is slower, with a bad tail (performance.md).
        "--blocking-threads": str(_BLOCKING_THREADS),
        "--log-level": "warning",
    }
    words = [word for pair in options.items() for word in pair]
    return Program(
        name="web",
        argv=[*_module("granian"), *words, "portal.wsgi:application"],
        env=env,
        cwd=ROOT,
        ready=answers(health),
        ready_within=60,
    )


def worker(*, env: Mapping[str, str]) -> Program:
    """Returns the Celery worker."""
    options = ["--concurrency", str(_WORKER_PROCESSES), "--loglevel", "warning"]
    quiet = ["--without-gossip", "--without-mingle"]  # one worker has nobody to talk to
    return Program(
        name="worker",
        argv=[*_module("celery"), "-A", "portal.celery", "worker", *options, *quiet],
        env=env,
        cwd=ROOT,
        grace=15,
    )


def beat(*, schedule: Path, env: Mapping[str, str]) -> Program:
    """Returns Celery's clock; without its schedule file, sweeps just run at once."""
    options = ["--loglevel", "warning", "--pidfile=", "--schedule", str(schedule)]
    return Program(
        name="beat",
        argv=[*_module("celery"), "-A", "portal.celery", "beat", *options],
        env=env,
        cwd=ROOT,
    )


def accepts(port: int, *, host: str = "127.0.0.1") -> bool:
    """Says whether something takes connections on a port."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def answers(url: str) -> Callable[[], bool]:
    """Returns a check that the URL answers with success."""
    where = urlsplit(url)

    def check() -> bool:
        if not accepts(where.port or 80, host=where.hostname or "127.0.0.1"):
            return False
        try:
            with urlopen(url, timeout=5) as reply:  # noqa: S310  # our own http URL
                return bool(reply.status < 400)  # noqa: PLR2004  # HTTP's own border
        except (URLError, OSError):
            return False

    return check


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]
