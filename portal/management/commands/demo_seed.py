"""`manage.py demo_seed`: the demo's tenants and people, as a step of `demo`."""

from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.runtime import private_files
from portal.runtime.problems import RuntimeProblem


class Command(BaseCommand):
    """Seeds a demo; on data that is there already it only says who there is."""

    help = "Makes the demo's tenants, people and gates. For demos, never for real data."
    requires_system_checks = ()  # checked by the programs that serve

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the options."""
        parser.add_argument(
            "--out",
            required=True,
            help="file for the result, readable to its owner only: it has passwords",
        )

    def handle(self, *args: object, **options: Any) -> None:
        """Seeds, printing progress, and writes the result."""
        # By name and here: the seed imports models, services and the signing client.
        seed = import_module("portal.management.demo_seed").seed
        found = seed(progress=self._say)
        try:
            private_files.write_json(Path(options["out"]), found)
        except RuntimeProblem as exc:
            raise CommandError(str(exc)) from exc

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
