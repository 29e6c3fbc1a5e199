"""
`make bench`: decisions beside a bare view, the ledger's writing and reading.

`python -m bench audit [ENTRIES]`: the audit browser at 1,000 entries and at many.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.runtime import ports
from tests import servers

GRANIAN = Path(sys.executable).parent / "granian"
SECONDS = 2.0
SCOPE = {"service": "checkout", "branch": "main", "deploy_id": "bench-1"}


def main() -> None:
    """Starts real servers, measures, prints ratios and rates, and stops them."""
    os.environ.update(servers.start_servers())
    app, owner = servers.worker_database("bench")
    os.environ.update(
        DATABASE_URL=app,
        BREAKGLASS_OWNER_DATABASE_URL=owner,
        DJANGO_SETTINGS_MODULE="portal.settings.dev",
        BREAKGLASS_LOG_LEVEL="ERROR",
    )
    import django

    django.setup()
    from bench import audit, logs

    if "audit" in sys.argv[1:]:
        counts = [int(word) for word in sys.argv[1:] if word.isdecimal()]
        audit.measure(entries=counts[0] if counts else audit.LONG)
        servers.stop_servers()
        return
    token = _prepare()
    print("Medians of five interleaved rounds on this machine; trust the ratios.\n")
    if "logs" not in sys.argv[1:]:
        _decisions(token)
    logs.measure()
    servers.stop_servers()


def _prepare() -> str:
    from tests import factories

    people = factories.people()
    acme = factories.tenant("acme", "Acme", people)
    return factories.token(factories.gate(acme, "prod-deploy"))


def _decisions(token: str) -> None:
    """`enforce` over HTTP with a token, as a ratio of a view that does nothing."""
    from bench import load

    body = json.dumps(SCOPE).encode()
    with (
        _serving("bench.bare:application") as bare,
        _serving("portal.wsgi:application") as portal,
    ):
        found = load.interleaved(
            {
                name: lambda port=port: load.rate(
                    port, load.request(port, token=token, body=body), seconds=SECONDS
                )
                for name, port in {"bare view": bare, "enforce": portal}.items()
            }
        )
    for name, rate in found.items():
        print(f"{name:<24}{rate:>10,.0f} per second")
    print(
        f"{'enforce / bare view':<24}{found['enforce'] / found['bare view']:>10.2f}\n"
    )


@contextmanager
def _serving(target: str) -> Iterator[int]:
    """Serves a WSGI application with granian, one worker and two threads."""
    port = ports.free_port()
    command = [
        *(str(GRANIAN), "--interface", "wsgi", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--blocking-threads", "2"),
        *("--no-access-log", "--log-level", "error", target),
    ]
    process = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    import socket

    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    msg = "the server did not start"
    raise RuntimeError(msg)


if __name__ == "__main__":
    main()
