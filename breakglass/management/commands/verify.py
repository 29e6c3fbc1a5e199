"""``manage.py verify TENANT``: re-derive a log from stored bytes."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from breakglass.audit.verify import Report
from breakglass.management.ending import FAILED, clear_errors, tenant_named
from breakglass.services.verification import verify_tenant


class Command(BaseCommand):
    """Checks chain, signatures, quorums and checkpoints of one tenant."""

    help = "Re-derive a tenant's log from stored bytes. Exit 0 good, 1 findings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the tenant, and the checkpoints from outside."""
        parser.add_argument("tenant")
        parser.add_argument(
            "--checkpoint",
            type=Path,
            metavar="FILE",
            help="checkpoints kept outside the database (TENANT.jsonl)",
        )
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints counts, findings and what is not proven; exits 1 on findings."""
        with clear_errors():
            report = verify_tenant(
                tenant=tenant_named(options["tenant"]),
                checkpoint_file=options["checkpoint"],
            )
        self.stdout.write(_as_json(report) if options["json"] else _as_text(report))
        if not report.ok:
            sys.exit(FAILED)


def _as_json(report: Report) -> str:
    return json.dumps(
        {
            "ok": report.ok,
            "entries": report.entries,
            "bundles": report.bundles,
            "checkpoints": report.anchors,
            "findings": [
                {"seq": finding.seq, "message": finding.message}
                for finding in report.findings
            ],
            "unproven": report.unproven,
        },
        indent=2,
    )


def _as_text(report: Report) -> str:
    lines = [
        (
            f"{report.entries} entries, {report.bundles} signed statements, "
            f"{report.anchors} checkpoints checked."
        )
    ]
    lines += [
        f"Entry {finding.seq} {finding.message}."
        if finding.seq
        else f"The log: {finding.message}."
        for finding in report.findings
    ]
    lines += [f"Not proven: {what}" for what in report.unproven]
    lines.append("Nothing is wrong." if report.ok else "The log does NOT verify.")
    return "\n".join(lines)
