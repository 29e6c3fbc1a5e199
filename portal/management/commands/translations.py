"""`manage.py translations`: keeps the catalogues of the portal's other languages."""

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.translations import compiling, keeping


class Command(BaseCommand):
    """`update` reads the source, `check` only looks, `compile` makes the .mo files."""

    help = (
        "Keeps the translations under locale/. `update` writes new texts of the source "
        "into each catalogue and drops those that are gone; `check` says what is not "
        "translated (exit code 1); `compile` makes the files that the portal reads, "
        "which an image's build does once."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and whether a machine reads the answer."""
        parser.add_argument("action", choices=["update", "check", "compile"])
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: object, action: str, **options: Any) -> None:
        """Does it; exit code 1 when a catalogue is not whole."""
        if action == "compile":
            try:
                compiling.compile_catalogues(settings.LOCALE_DIR, settings.LOCALE_BUILD)
            except (OSError, ValueError) as error:
                raise CommandError(f"Not compiled: {error}") from error
            found: dict[str, list[str]] = {}
        else:
            look = keeping.update if action == "update" else keeping.problems
            found = {
                language: look(settings.BASE_DIR, language)
                for language, _name in settings.LANGUAGES
                if language != settings.LANGUAGE_CODE
            }
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            for language, texts in found.items():
                self.stdout.writelines(f"{language}: {text}\n" for text in texts)
        if any(found.values()):
            sys.exit(1)
