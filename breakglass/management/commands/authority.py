"""``manage.py authority init|serve``: the embedded Sigstore authority."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from breakglass.authority import config, process
from breakglass.authority.config import Constants, ServeConfig
from breakglass.authority.errors import InstallationTrouble, NotUsable
from breakglass.authority.installation import initialise

FAILED: Final = 1
USAGE: Final = 2
MAX_PORT: Final = 65535


class Command(BaseCommand):
    """Makes and serves the embedded authority. Needs no database of Django's."""

    help = "Make (init) or run (serve) the embedded Sigstore authority."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the two subcommands; an option left out comes from the settings."""
        actions = parser.add_subparsers(dest="action", required=True)
        init = actions.add_parser(
            "init",
            help="make keys, CA and installation.json, once",
            description="Makes the key ring, the CA certificates, the portal's key "
            "and installation.json. A second run changes nothing.",
        )
        _add_directory(init)
        init.add_argument(
            "--issuer", help="issuer in every certificate (default https://SITE/oidc)"
        )
        init.add_argument("--log-name", help="name of the log (default log.SITE)")
        init.add_argument(
            "--site", help=f"name of the site (default {config.DEFAULT_SITE})"
        )
        serve = actions.add_parser(
            "serve",
            help="serve until SIGTERM",
            description="Prepares the database, writes trust_config.json and "
            "trusted_root.json, and serves until SIGTERM or SIGINT.",
        )
        _add_directory(serve)
        serve.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
        serve.add_argument(
            "--port", type=int, help=f"default: --url's, else {config.DEFAULT_PORT}"
        )
        serve.add_argument("--database-url", help="the authority's own database")
        serve.add_argument("--url", help="base URL for clients (default HOST:PORT)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs one action: 0 when good, 1 when it failed, 2 when asked wrongly."""
        try:
            if options["action"] == "init":
                self._init(options)
            else:
                self._serve(options)
        except NotUsable as exc:
            raise CommandError(str(exc), returncode=USAGE) from exc
        except InstallationTrouble as exc:
            raise CommandError(str(exc), returncode=FAILED) from exc

    def _init(self, options: dict[str, Any]) -> None:
        base = _directory(options)
        constants = _constants(options)
        if initialise(base, constants):
            self.stdout.write(
                f"Made the authority in {base}. Back it up: nobody can make it again."
            )
        else:
            self.stdout.write(f"The authority in {base} is there already: unchanged.")

    def _serve(self, options: dict[str, Any]) -> None:
        database_url = _value(
            options["database_url"], "AUTHORITY_DATABASE_URL", config.ENV_DATABASE_URL
        )
        if not database_url:
            raise NotUsable(f"give --database-url or set {config.ENV_DATABASE_URL}")
        port, url = _port_and_url(options)
        told = ServeConfig(_directory(options), database_url, url)
        installation = process.prepare(told, host=options["host"], port=port)
        self.stdout.write(f"Trust config: {installation.layout.trust_config}")
        self.stdout.flush()
        process.serve(told, host=options["host"], port=port)


def _add_directory(parser: ArgumentParser) -> None:
    parser.add_argument("--dir", help="directory of keys and constants")


def _value(option: str | None, setting: str, variable: str) -> str | None:
    """Returns the option, else Django's setting, else the environment's value."""
    if option is not None:
        return option
    value = getattr(settings, setting, None)
    return str(value) if value else config.environment_value(variable)


def _directory(options: dict[str, Any]) -> Path:
    value = _value(options["dir"], "AUTHORITY_DIR", config.ENV_DIR)
    if not value:
        raise NotUsable(f"give --dir or set {config.ENV_DIR}")
    return Path(value).absolute()


def _constants(options: dict[str, Any]) -> Constants:
    site = _value(options["site"], "SITE", "BREAKGLASS_SITE") or config.DEFAULT_SITE

    def named(option: str, setting: str, variable: str) -> str | None:
        if options["site"] is None:
            return _value(options[option], setting, variable)
        # The setting's default follows the setting's site, not the one given here.
        return options[option] or config.environment_value(variable)

    issuer = named("issuer", "SIGNING_ISSUER", "BREAKGLASS_ISSUER")
    log_name = named("log_name", "SIGNING_LOG_NAME", "BREAKGLASS_LOG_NAME")
    return Constants(
        issuer=issuer or f"https://{site}/oidc",
        log_name=log_name or f"log.{site}",
        site=site,
    )


def _port_and_url(options: dict[str, Any]) -> tuple[int, str]:
    """
    Returns where to listen and what clients are told, each from the other.

    A port of its own outranks the setting, whose default names the default port: the
    trust config must never name a port at which nobody listens.
    """
    port, host = options["port"], options["host"]
    given = options["url"] or config.environment_value(config.ENV_URL)
    if given is None and port is None:
        given = getattr(settings, "AUTHORITY_URL", None)
    url = config.origin(given) if given else None
    if port is None:
        port = (urlsplit(url).port if url else None) or config.DEFAULT_PORT
    if not 0 < port <= MAX_PORT:
        raise NotUsable("--port must be between 1 and 65535")
    if url is None:
        if config.is_wildcard(host):
            raise NotUsable("clients cannot call a wildcard address: give --url")
        name = f"[{host}]" if ":" in host else host
        url = config.origin(f"http://{name}:{port}")
    return port, url
