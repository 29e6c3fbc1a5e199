"""``manage.py trust refresh|show``: which Sigstore instance is trusted, kept fresh."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from breakglass import clock
from breakglass.management.ending import clear_errors
from breakglass.services.tenancy import trust


class Command(BaseCommand):
    """Fetches the trust config through TUF, or shows what is trusted now."""

    help = "Refresh the trust config of an external instance, or show what is trusted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the two actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser(
            "refresh",
            help="fetch the trust config through TUF",
            description="Fetches, verifies and replaces BREAKGLASS_TRUST_CONFIG. "
            "A failure leaves it as it was.",
        )
        show = actions.add_parser("show", help="say what is trusted and who signs")
        show.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs one action: 0 when good, 1 when it failed, 2 when asked wrongly."""
        with clear_errors():
            if options["action"] == "refresh":
                self._refresh()
            else:
                self._show(as_json=options["json"])

    def _refresh(self) -> None:
        done = trust.refresh()
        what = "new" if done.is_new else "unchanged"
        self.stdout.write(f"{done.path}: {what}, sha256:{done.sha256}")

    def _show(self, *, as_json: bool) -> None:
        described = trust.describe(now=clock.db_now())
        if as_json:
            self.stdout.write(json.dumps(described, indent=2))
            return
        for name, value in described.items():
            lines = _lines(value)
            if len(lines) == 1:
                self.stdout.write(f"{name}: {lines[0]}")
            else:
                self.stdout.write("\n  ".join([f"{name}:", *lines]))


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{key}: {', '.join(given) or 'none'}" for key, given in value.items()]
    if isinstance(value, list):
        return [_line(item) for item in value]
    return [str(value)]


def _line(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    logs, authorities = item["logs"], item["authorities"]
    return (
        f"{item['name']}: {', '.join(map(str, authorities))}; "
        f"log {', '.join(map(str, logs))}; sha256:{item['sha256']}"
    )
