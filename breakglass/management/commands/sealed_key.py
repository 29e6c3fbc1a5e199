"""``manage.py sealed_key init|show``: the local key for an outage of signing."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from breakglass.errors import NotFound
from breakglass.management.ending import clear_errors
from breakglass.signing import fallback, sealed


class Command(BaseCommand):
    """Makes the sealed key once, and shows what the trust file lists of it."""

    help = (
        "The key that stands in while the signing service is down: `sealed_key init` "
        "makes it, `sealed_key show` prints its public half."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the two actions; where the key is comes from the settings."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("init", help="make the key; a second run changes nothing")
        actions.add_parser("show", help="print the public keys that are listed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ends with 0 when good, 1 when it failed, 2 when asked wrongly."""
        with clear_errors():
            if options["action"] == "init":
                self._init(Path(settings.SEALED_KEY))
            else:
                self._show(Path(settings.SEALED_KEY))

    def _init(self, path: Path) -> None:
        made = sealed.make(path=path, passphrase=settings.SEALED_KEY_PASSPHRASE)
        if made:
            self.stdout.write(
                f"Made the sealed key in {path}. It signs only while the signing "
                "service is down, and only for tiers that allow the fallback. Keep "
                "its passphrase apart from it."
            )
        else:
            self.stdout.write(f"The sealed key in {path} is there already: unchanged.")

    def _show(self, path: Path) -> None:
        keys = sealed.listed(path=path)
        if not keys:
            msg = f"no sealed key is listed in {sealed.list_path(path)}"
            raise NotFound(msg)
        for key in keys:
            self.stdout.write(f"{key['key_id']} {key['purpose']}\n{key['public_key']}")
        ready = "yes" if fallback.sealed_key_is_ready() else "no: see sealed_key init"
        self.stdout.write(f"Ready to sign: {ready}")
