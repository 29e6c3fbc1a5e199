"""
The serving process: prepare the store, write the trust files, serve until told to end.

granian serves: one worker process with several threads that may block, each with a
database connection of its own, so that requests which wait for the log's lock never
starve the one that holds it. granian starts its worker by import path, hence
`application` and its configuration from the environment.
"""

import os
import signal
import socket
import threading
import time
from typing import Final

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from breakglass.authority import config, rotation, store, trust
from breakglass.authority.config import Layout, ServeConfig
from breakglass.authority.errors import InstallationTrouble
from breakglass.authority.installation import Installation, open_installation
from breakglass.authority.server import Application

THREADS: Final = 4
STOP_SECONDS: Final = 10


def application() -> Application:
    """Builds the WSGI application inside a worker, from environment variables."""
    told = config.from_environment()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    return Application(
        installation=open_installation(told.base),
        store=store.Store(told.database_url, size=THREADS),
        public_url=told.public_url,
    )


def prepare(told: ServeConfig, *, host: str, port: int) -> Installation:
    """
    Checks port and keys, prepares the database and writes the trust files.

    Also finishes a rotation that was killed once it had taken effect. Safe to repeat.
    Raises `InstallationTrouble` saying what an operator must mend.
    """
    _require_free(host, port)  # before the files name a port that is another's
    with rotation.alone(Layout(told.base)):
        installation = open_installation(told.base)
        rotation.bring_up(installation, told.database_url)
        trust.publish(installation, told.public_url)
        rotation.tidy_up(installation)
        return installation


def serve(told: ServeConfig, *, host: str, port: int) -> None:
    """
    Serves until SIGTERM or SIGINT; requests under way are finished.

    Call `prepare` first. Raises `InstallationTrouble` when the worker ended by itself.
    """
    os.environ.update(told.to_environment())
    server = Granian(
        target=f"{__name__}:application",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        blocking_threads=THREADS,
        workers_kill_timeout=STOP_SECONDS,
    )
    try:
        server.serve()
    except SystemExit as exc:
        if exc.code:
            raise InstallationTrouble("the worker ended by itself") from exc


def _require_free(host: str, port: int) -> None:
    """granian shares ports (SO_REUSEPORT): two authorities would mix unseen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        raise InstallationTrouble(
            f"cannot listen on {host} port {port}: {exc.strerror}"
        ) from exc


def _end_with_parent(parent: int) -> None:
    """Ends the worker when its parent was killed, so that it never serves alone."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
