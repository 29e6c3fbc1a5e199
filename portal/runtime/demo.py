"""One command that starts everything, fills it with people, and serves."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from portal.runtime import (
    confine,
    demo_databases,
    demo_environment,
    demo_report,
    locks,
    parts,
    placement,
    ports,
    private_files,
    sockets,
)
from portal.runtime.postgres import Postgres
from portal.runtime.problems import RuntimeProblem
from portal.runtime.supervisor import Stopping, Supervisor
from portal.runtime.valkey import Valkey

AUTHORITY_PORT: Final = 8901


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What was asked for on the command line, and whom to tell."""

    var_dir: Path
    host: str
    port: int
    restart: bool
    environ: Mapping[str, str]
    say: Callable[[str], None]

    @property
    def _details(self) -> Path:
        return self.var_dir / "demo.json"

    @property
    def _last_details(self) -> Path:
        """Of the run before: passwords and tokens that a second run cannot recover."""
        return self.var_dir / "demo-last.json"

    def serve(self) -> None:
        """Sets up, serves until a stop is asked for, and stops all that it started."""
        _stop_with_make(self.environ)
        ports.require_free(self.port, host=self.host)
        lock = locks.take(self.var_dir / "demo.lock")
        if lock is None:
            raise RuntimeProblem(
                f"Another demo serves from {self.var_dir}: stop it first, or name "
                "another folder with BREAKGLASS_VAR_DIR=…"
            )
        try:
            self._serve()
        finally:
            os.close(lock)
        self.say("Stopped. The data stays in place; `make demo` continues with it.")

    def _serve(self) -> None:
        # Whoever waits for the file must not find one that a power cut left behind.
        self._details.unlink(missing_ok=True)
        keep_last_logs(self.var_dir / "log")
        supervisor = Supervisor(
            self.var_dir / "log", restart=self.restart, report=self.say
        )
        with supervisor.stop_on_signals(), supervisor:
            supervisor.remove_at_end(self._details)
            with contextlib.suppress(Stopping):
                self._set_up(supervisor)
                supervisor.watch()
            self.say("Stopping …")

    def _set_up(self, supervisor: Supervisor) -> None:
        started = time.monotonic()
        env = demo_environment.compose(
            self.environ, var_dir=self.var_dir, host=self.host, port=self.port
        )
        env |= self._databases(supervisor)
        env |= self._broker(supervisor)
        env |= self._signing(supervisor, env)
        seeded = self._seed(supervisor, env)
        self._programs(supervisor, env)
        details = demo_report.details(
            seeded, last=private_files.read_json(self._last_details), env=env
        )
        private_files.write_json(self._last_details, details)
        private_files.write_json(self._details, details)
        self.say(f"Ready after {time.monotonic() - started:.1f} s.")
        self.say("")
        self.say(demo_report.table(details))
        self.say("Logs are in " + str(self.var_dir / "log") + "; Ctrl-C stops it all.")

    def _databases(self, supervisor: Supervisor) -> dict[str, str]:
        if self.environ.get(demo_databases.APP):
            with self._step("database roles"):
                found = demo_databases.given(self.environ, var_dir=self.var_dir)
                return found.variables()
        with self._step("PostgreSQL"):
            place = placement.place(self.var_dir / "postgres")
            if place.note:
                self.say(place.note)
            server = Postgres.at(place, _socket_dir(supervisor))
            server.start(supervisor)
            return demo_databases.embedded(server).variables()

    def _broker(self, supervisor: Supervisor) -> dict[str, str]:
        if self.environ.get("REDIS_URL"):
            return {}
        with self._step("Valkey"):
            server = Valkey(self.var_dir / "valkey", _socket_dir(supervisor))
            server.start(supervisor)
        return {"REDIS_URL": server.broker_url}

    def _signing(
        self, supervisor: Supervisor, env: Mapping[str, str]
    ) -> dict[str, str]:
        """Migrates, and meanwhile makes the authority's keys and starts it."""
        port = ports.free_port(AUTHORITY_PORT)
        extra = demo_environment.authority_variables(
            self.var_dir / "authority", port=port
        )
        whole = {**env, **extra}
        with self._step("schema and signing authority"):
            schema = supervisor.launch(parts.migrate(env=whole))
            supervisor.run(parts.manage("authority", "init", env=whole))
            supervisor.run(parts.manage("receipt_key", "init", env=whole))
            supervisor.start(parts.authority(port=port, env=whole))
            supervisor.finish(schema)
        return extra

    def _seed(
        self, supervisor: Supervisor, env: Mapping[str, str]
    ) -> dict[str, object]:
        result = self.var_dir / "seeded.json"
        quiet = {**env, "BREAKGLASS_LOG_LEVEL": "WARNING"}  # its progress is the story
        with self._step("demo people and gates"):
            supervisor.run(
                parts.manage("demo_seed", "--out", str(result), env=quiet),
                on_line=lambda line: self.say(f"    {line}"),
            )
        seeded = private_files.read_json(result)
        result.unlink(missing_ok=True)
        return seeded

    def _programs(self, supervisor: Supervisor, env: Mapping[str, str]) -> None:
        health = f"http://{_reachable(self.host)}:{self.port}/healthz"
        schedule = self.var_dir / "beat" / "schedule"
        schedule.parent.mkdir(exist_ok=True, mode=0o700)
        with self._step("web, worker and beat"):
            supervisor.start(
                parts.worker(env=env),
                parts.beat(schedule=schedule, env=env),
                parts.web(host=self.host, port=self.port, env=env, health=health),
            )

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.say(f"  {name:<30}{time.monotonic() - started:5.1f} s")


def keep_last_logs(folder: Path) -> None:
    """Puts the logs of the run before aside, so that they do not grow for ever."""
    for log in folder.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def _socket_dir(supervisor: Supervisor) -> Path:
    """One for each server: as root, PostgreSQL's may belong to another user."""
    folder = sockets.private_dir()
    supervisor.remove_at_end(folder)
    return folder


def _stop_with_make(environ: Mapping[str, str]) -> None:
    """Started by make, the demo must not outlive it: a killed make tells nobody."""
    if "MAKELEVEL" in environ:
        confine.die_with(os.getppid(), signal.SIGTERM)


def _reachable(host: str) -> str:
    if ":" in host:
        return "[::1]" if host == "::" else f"[{host}]"
    return "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  # compared, not bound
