"""
The real servers under the suite: PostgreSQL, Valkey and the authority, once per run.

The controlling pytest process calls `start_servers` before Django's settings are
loaded; xdist workers inherit its environment and take a database each, copied from one
migrated template. Should pytest be killed, parent-death signals and the warden end the
servers and remove their folder.
"""

import atexit
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from breakglass.signing import receipts
from portal.runtime import parts, placement, ports, roles, sockets
from portal.runtime.postgres import Postgres, socket_url
from portal.runtime.supervisor import Supervisor
from portal.runtime.valkey import Valkey

TEMPLATE = "breakglass_template"
SUPERUSER_URL = "BREAKGLASS_TEST_SUPERUSER_URL"


@dataclass
class _Run:
    supervisor: Supervisor
    postgres: Postgres


_runs: list[_Run] = []


def start_servers(*, authority: bool = True, durable: bool = False) -> dict[str, str]:
    """
    Starts everything; returns the variables to put into `os.environ`.

    `durable`: PostgreSQL waits for the disk as in production, for measurements.
    """
    base = Path(tempfile.mkdtemp(prefix="bg-tests-"))
    base.chmod(0o711)  # an unprivileged server user passes through, and lists nothing
    supervisor = Supervisor(base / "log", restart=False)
    supervisor.remove_at_end(base)
    place = placement.place(base / "postgres")
    postgres = Postgres.at(place, _socket_dir(supervisor), durable=durable)
    _runs.append(_Run(supervisor, postgres))
    atexit.register(stop_servers)
    try:
        return _start(supervisor, postgres, base=base, authority=authority)
    except BaseException:
        stop_servers()
        raise


def stop_servers() -> None:
    """Stops what `start_servers` started and removes its files; safe to call again."""
    while _runs:
        run = _runs.pop()
        run.supervisor.stop()
        run.postgres.close()


def worker_database(worker_id: str) -> tuple[str, str]:
    """
    Makes a database for one xdist worker (or "master"), a copy of the template.

    Returns its addresses for the app's role and for the owner's.
    """
    superuser_url = os.environ[SUPERUSER_URL]
    name = f"breakglass_{worker_id}"
    words = {
        "name": sql.Identifier(name),
        "template": sql.Identifier(TEMPLATE),
        "owner": sql.Identifier(roles.OWNER_ROLE),
    }
    with psycopg.connect(superuser_url, autocommit=True) as server:
        server.execute(
            sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(**words)
        )
        server.execute(
            sql.SQL("CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}").format(
                **words
            )
        )
    socket_dir = Path(str(conninfo_to_dict(superuser_url)["host"]))
    app = socket_url(socket_dir, dbname=name, user=roles.APP_ROLE)
    owner = socket_url(socket_dir, dbname=name, user=roles.OWNER_ROLE)
    return app, owner


def _start(
    supervisor: Supervisor, postgres: Postgres, *, base: Path, authority: bool
) -> dict[str, str]:
    valkey = Valkey(base / "valkey", _socket_dir(supervisor))
    postgres.start(supervisor)
    valkey.start(supervisor)
    roles.prepare_database(
        postgres.url("postgres"),
        app=roles.Account(roles.APP_ROLE, TEMPLATE),
        owner=roles.Account(roles.OWNER_ROLE, TEMPLATE),
    )
    port = ports.free_port()
    variables = {
        **_addresses(postgres, valkey),
        **_authority_variables(base, postgres, port),
        "BREAKGLASS_VAR_DIR": str(base / "var"),
    }
    env = {
        **os.environ,
        **variables,
        # The schema and the authority are those of any other installation.
        "DJANGO_SETTINGS_MODULE": "portal.settings.dev",
    }
    schema = supervisor.launch(parts.migrate(env=env))
    if authority:
        supervisor.run(parts.manage("authority", "init", env=env))
        receipts.make(path=base / "authority" / "receipt_key.pem")
        supervisor.start(parts.authority(port=port, env=env))
    supervisor.finish(schema)
    return variables


def _socket_dir(supervisor: Supervisor) -> Path:
    folder = sockets.private_dir()
    supervisor.remove_at_end(folder)
    return folder


def _addresses(postgres: Postgres, valkey: Valkey) -> dict[str, str]:
    return {
        SUPERUSER_URL: postgres.url("postgres"),
        "DATABASE_URL": postgres.url(TEMPLATE, roles.APP_ROLE),
        "BREAKGLASS_OWNER_DATABASE_URL": postgres.url(TEMPLATE, roles.OWNER_ROLE),
        "REDIS_URL": valkey.broker_url,
    }


def _authority_variables(base: Path, postgres: Postgres, port: int) -> dict[str, str]:
    folder = base / "authority"
    return {
        "BREAKGLASS_AUTHORITY_DIR": str(folder),
        "BREAKGLASS_AUTHORITY_DATABASE_URL": postgres.url(
            roles.AUTHORITY_DATABASE, roles.AUTHORITY_ROLE
        ),
        "BREAKGLASS_AUTHORITY_URL": f"http://127.0.0.1:{port}",
        "BREAKGLASS_TRUST_CONFIG": str(folder / "trust_config.json"),
        "BREAKGLASS_PORTAL_KEY": str(folder / "portal" / "portal_key.pem"),
    }
