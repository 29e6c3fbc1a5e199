"""``manage.py evidence export TENANT --out FILE``: take evidence home, on record."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from breakglass.actors import OPERATOR
from breakglass.management.ending import FAILED, clear_errors, tenant_named
from breakglass.services.approving import signatures
from breakglass.services.logs import exports, sealing


class Command(BaseCommand):
    """Writes an archive that anybody can verify without our code."""

    help = "Export a tenant's evidence as a ZIP with its verifier. It goes on record."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the one verb and what it takes."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="write an archive to a file")
        export.add_argument("tenant")
        export.add_argument("--out", type=Path, required=True, metavar="FILE")
        export.add_argument("--bypass", metavar="BG-…", help="this bypass only")
        export.add_argument("--reason", required=True, help="why; it is in the log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Puts the export on record, seals the log over it, and writes the file."""
        bypass_id, out = options["bypass"], options["out"]
        scope = exports.one_bypass(bypass_id) if bypass_id else exports.WHOLE_LOG
        with clear_errors():
            made = exports.order(
                tenant=tenant_named(options["tenant"]),
                scope=scope,
                reason=options["reason"],
                actor=OPERATOR,
            )
            self.stderr.write(f"export {made.public_id}: sealing the log")
            sealing.seal_due()
            signatures.sign_due()
            self.stderr.write(f"export {made.public_id}: writing {out}")
            try:
                exports.make(made=made, to=out)
            except OSError as error:
                msg = f"{out} cannot be written: {error.strerror}"
                raise CommandError(msg, returncode=FAILED) from error
        self.stdout.write(f"{out}\nverify it: python verify_evidence.py {out}")
