"""``manage.py authority init|serve|rotate|distrust``: the embedded authority."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from breakglass.authority import config, process, rotation
from breakglass.authority.config import Constants, ServeConfig
from breakglass.authority.errors import InstallationTrouble, NotUsable
from breakglass.authority.installation import initialise
from breakglass.authority.rotation import Wish

FAILED: Final = 1
USAGE: Final = 2
MAX_PORT: Final = 65535


class Command(BaseCommand):
    """Makes and serves the embedded authority. Needs no database of Django's."""

    help = "Make (init), run (serve) or re-key (rotate) the embedded authority."
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
        _add_offline_root(init)
        serve = actions.add_parser(
            "serve",
            help="serve until SIGTERM",
            description="Prepares the database, writes trust_config.json and "
            "trusted_root.json, and serves until SIGTERM or SIGINT.",
        )
        _add_directory(serve)
        _add_database(serve)
        serve.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
        serve.add_argument(
            "--port", type=int, help=f"default: --url's, else {config.DEFAULT_PORT}"
        )
        serve.add_argument("--url", help="base URL for clients (default HOST:PORT)")
        _add_rotate(actions.add_parser("rotate", help="begin a new generation of keys"))
        _add_distrust(
            actions.add_parser("distrust", help="distrust a retired generation")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs one action: 0 when good, 1 when it failed, 2 when asked wrongly."""
        try:
            actions = {
                "init": self._init,
                "serve": self._serve,
                "rotate": self._rotate,
                "distrust": self._distrust,
            }
            actions[options["action"]](options)
        except NotUsable as exc:
            raise CommandError(str(exc), returncode=USAGE) from exc
        except InstallationTrouble as exc:
            raise CommandError(str(exc), returncode=FAILED) from exc

    def _init(self, options: dict[str, Any]) -> None:
        base = _directory(options)
        constants = _constants(options)
        if initialise(base, constants, offline_root=options["offline_root"]):
            self.stdout.write(
                f"Made the authority in {base}. Back it up: nobody can make it again."
            )
            if options["offline_root"]:
                self.stdout.write(
                    f"The root key is in {options['offline_root']} and nowhere else: "
                    "take it away and keep it. `rotate --root-key` will ask for it."
                )
        else:
            self.stdout.write(f"The authority in {base} is there already: unchanged.")

    def _serve(self, options: dict[str, Any]) -> None:
        port, url = _port_and_url(options)
        told = ServeConfig(_directory(options), _database_url(options), url)
        installation = process.prepare(told, host=options["host"], port=port)
        self.stdout.write(f"Trust config: {installation.layout.trust_config}")
        self.stdout.flush()
        process.serve(told, host=options["host"], port=port)

    def _rotate(self, options: dict[str, Any]) -> None:
        wish = Wish(
            reason=options["reason"],
            compromised=options["compromised"],
            root_key=options["root_key"],
            new_root=options["new_root"],
            offline_root=options["offline_root"],
        )
        outcome = rotation.rotate(
            _directory(options), database_url=_database_url(options), wish=wish
        )
        number = outcome.generation.number
        if outcome.finished_only:
            self.stdout.write(
                f"An interrupted rotation to generation {number} is finished now. "
                "Nothing else was done: run rotate again if you meant another one."
            )
        else:
            self.stdout.write(f"Generation {number} of the keys has begun.")
        if outcome.new_root:
            self.stdout.write(
                "The root is new as well: whoever keeps the root certificate by hand "
                "needs the new one. Destroy every copy of the old root key."
            )
        self.stdout.write(
            "Restart the authority: until then it refuses to sign. Give the new "
            "trust_config.json to everybody who verifies."
        )

    def _distrust(self, options: dict[str, Any]) -> None:
        generation = rotation.distrust(
            _directory(options),
            generation=options["generation"],
            reason=options["reason"],
        )
        self.stdout.write(
            f"Generation {generation.number} is not in the trusted root any more. Give "
            "the new trust_config.json to everybody who verifies."
        )


def _add_rotate(parser: ArgumentParser) -> None:
    parser.description = (
        "Makes new keys for CA, logs and issuer, retires the ones in use and deletes "
        "their private halves. What they signed keeps verifying, unless --compromised."
    )
    _add_directory(parser)
    _add_database(parser)
    parser.add_argument("--reason", default="", help="why; kept for auditors")
    parser.add_argument(
        "--compromised",
        action="store_true",
        help="take the retired keys out of the trusted root (needs --reason)",
    )
    parser.add_argument(
        "--root-key", type=Path, help="the offline root key (default: the one in keys/)"
    )
    parser.add_argument("--new-root", action="store_true", help="make a new root, too")
    _add_offline_root(parser)


def _add_distrust(parser: ArgumentParser) -> None:
    parser.description = (
        "Takes a retired generation out of the trusted root, when its keys turn out to "
        "have been stolen. Nothing it signed verifies any more."
    )
    _add_directory(parser)
    parser.add_argument("--generation", type=int, required=True, help="its number")
    parser.add_argument("--reason", required=True, help="why; kept for auditors")


def _add_database(parser: ArgumentParser) -> None:
    parser.add_argument("--database-url", help="the authority's own database")


def _add_offline_root(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--offline-root",
        type=Path,
        metavar="FOLDER",
        help="put the root key there (a mounted stick) and not into --dir",
    )


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


def _database_url(options: dict[str, Any]) -> str:
    database_url = _value(
        options["database_url"], "AUTHORITY_DATABASE_URL", config.ENV_DATABASE_URL
    )
    if not database_url:
        raise NotUsable(f"give --database-url or set {config.ENV_DATABASE_URL}")
    return database_url


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
