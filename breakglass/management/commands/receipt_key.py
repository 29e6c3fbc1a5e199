"""``manage.py receipt_key init|show``: the keys that sign receipts for gates."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from breakglass.errors import InvalidInput
from breakglass.management.ending import clear_errors
from breakglass.signing import receipts


class Command(BaseCommand):
    """Makes the key that the settings name first, and shows what is published."""

    help = (
        "The keys of receipts: `receipt_key init` makes the files of "
        "BREAKGLASS_RECEIPT_KEYS that are not there yet, `receipt_key show` prints "
        "the public halves as a JSON Web Key Set."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the two actions; where the keys are comes from the settings."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("init", help="make what is missing; again changes nothing")
        actions.add_parser("show", help="print what is published")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ends with 0 when good, 1 when it failed, 2 when asked wrongly."""
        with clear_errors():
            if options["action"] == "init":
                self._init()
            else:
                keys = receipts.keys_in(settings.RECEIPT_KEYS)
                self.stdout.write(json.dumps({"keys": keys.published}, indent=1))

    def _init(self) -> None:
        if not settings.RECEIPT_KEYS:
            msg = "BREAKGLASS_RECEIPT_KEYS names no file"
            raise InvalidInput(msg)
        for path in settings.RECEIPT_KEYS:
            made = receipts.make(path=Path(path))
            self.stdout.write(
                f"Made a key for receipts in {path}."
                if made
                else f"The key for receipts in {path} is there already: unchanged."
            )
        receipts.keys_in(settings.RECEIPT_KEYS)
