"""`manage.py demo`: everything on one machine, until Ctrl-C."""

import contextlib
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.runtime.demo import Demo
from portal.runtime.problems import RuntimeProblem

DEFAULT_PORT: Final = 8000
_HIGHEST_PORT: Final = 65_535


class Command(BaseCommand):
    """Starts PostgreSQL, Valkey, the signing authority, web, worker and beat."""

    help = (
        "Starts everything on this machine with a demo tenant and its people, and "
        "serves until Ctrl-C. Data stays in var/. DATABASE_URL and REDIS_URL, if set, "
        "take the place of the embedded servers."
    )
    requires_system_checks = ()  # no server is up yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the options."""
        parser.add_argument(
            "--port", help="where to listen (default: PORT, or 8000)", default=None
        )
        parser.add_argument(
            "--host", help="address to listen on (default: 127.0.0.1)", default=None
        )
        parser.add_argument(
            "--no-restart",
            action="store_true",
            help="leave a crashed helper down instead of starting it again",
        )

    def handle(self, *args: object, **options: Any) -> None:
        """Runs the demo; a problem is one sentence and exit code 1."""
        demo = Demo(
            var_dir=Path(settings.VAR_DIR).resolve(),
            host=options["host"] or "127.0.0.1",
            port=_port(options["port"] or os.environ.get("PORT") or str(DEFAULT_PORT)),
            restart=not options["no_restart"],
            environ=os.environ,
            say=self._say,
        )
        try:
            demo.serve()
        except RuntimeProblem as exc:
            raise CommandError(str(exc)) from exc

    def _say(self, line: str) -> None:
        # Whoever read our output may be gone; that is no reason to stop serving.
        with contextlib.suppress(OSError, ValueError):
            self.stdout.write(line)
            self.stdout.flush()


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _HIGHEST_PORT:
        raise CommandError(f"PORT must be a number from 1 to {_HIGHEST_PORT}: {text!r}")
    return int(text)
