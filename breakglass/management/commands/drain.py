"""``manage.py drain``: the workers' job without Celery or Redis."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from breakglass.management.ending import clear_errors
from breakglass.services import sweeps

PAUSE_SECONDS = 1.0


class Command(BaseCommand):
    """Runs every sweep once, or again and again until it is told to stop."""

    help = "Do the workers' job once: expire, revert, open, sign, notify, seal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the loop."""
        parser.add_argument(
            "--loop", action="store_true", help="go on until SIGTERM or Ctrl-C"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints what changed; a sweep that fails is named, and the rest runs."""
        if not options["loop"]:
            with clear_errors():
                self._once()
            return
        stop = threading.Event()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            self._once()
            stop.wait(PAUSE_SECONDS)

    def _once(self) -> None:
        for result in sweeps.run_all():
            if result.error:
                self.stderr.write(f"{result.name}: failed ({result.error})")
            elif result.changed:
                self.stdout.write(f"{result.name}: {result.changed}")
