"""An authority of one's own, to do things to that the shared one would not survive."""

import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.core.management import call_command
from psycopg import sql
from psycopg.conninfo import make_conninfo

from breakglass.authority.config import Constants
from breakglass.authority.installation import (
    Installation,
    initialise,
    open_installation,
)
from breakglass.management.commands.authority import Command
from portal.runtime import parts, ports
from portal.runtime.supervisor import Supervisor
from tests.conformance.authority.stock_client import Portal
from tests.servers import SUPERUSER_URL

CONSTANTS = Constants(
    issuer="https://own.example/oidc", log_name="log.own.example", site="own.example"
)


@contextmanager
def database() -> Iterator[str]:
    """An empty database on the suite's server."""
    superuser_url = os.environ[SUPERUSER_URL]
    name = f"own_authority_{secrets.token_hex(4)}"
    quoted = sql.Identifier(name)
    with psycopg.connect(superuser_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(quoted))
        try:
            yield make_conninfo(superuser_url, dbname=name)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(quoted))


class Own:
    """A directory, a database, and a process while `served` is open."""

    def __init__(self, base: Path, database_url: str, **options) -> None:
        self.base = base
        self.database_url = database_url
        self.port = ports.free_port()
        initialise(base, CONSTANTS, **options)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def installation(self) -> Installation:
        return open_installation(self.base)

    @contextmanager
    def served(self) -> Iterator[Portal]:
        """The portal's side of the running authority."""
        env = {
            **os.environ,
            "BREAKGLASS_AUTHORITY_DIR": str(self.base),
            "BREAKGLASS_AUTHORITY_DATABASE_URL": self.database_url,
            "BREAKGLASS_AUTHORITY_URL": self.url,
            "DJANGO_SETTINGS_MODULE": "portal.settings.dev",
        }
        with Supervisor(self.base / "log", restart=False) as supervisor:
            supervisor.start(parts.authority(port=self.port, env=env))
            yield self.portal()

    def portal(self) -> Portal:
        """The portal's side, with the trust config as it is now."""
        layout = self.installation.layout
        return Portal(self.url, layout.trust_config, layout.portal_key)

    def command(self, action: str, *arguments: object) -> str:
        """Runs ``manage.py authority ACTION``; returns what it said."""
        out = io.StringIO()
        words = [action, "--dir", self.base, *arguments]
        if action != "distrust":
            words += ["--database-url", self.database_url]
        call_command(Command(stdout=out), *map(str, words))
        return out.getvalue()
