"""``manage.py verify TENANT``: re-derive a log from stored bytes."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand

from breakglass.audit.walk import Report
from breakglass.management.ending import FAILED, clear_errors, tenant_named
from breakglass.models import LogStanding, Tenant
from breakglass.queries.logs import standing
from breakglass.services.logs import checks
from breakglass.services.logs.verification import verify_tenant

PROCESSES: Final = 2
_WIDTH: Final = 30


class Command(BaseCommand):
    """Checks chain, signatures, quorums and checkpoints of one tenant."""

    help = (
        "Re-derive a tenant's log from stored bytes: what came since the last verified "
        "head, or everything. Exit 0 good, 1 findings, 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the tenant, how much, and the checkpoints from outside."""
        parser.add_argument("tenant")
        parser.add_argument(
            "--full",
            action="store_true",
            help="from the first entry, not the last head",
        )
        parser.add_argument(
            "--checkpoint",
            type=Path,
            metavar="FILE",
            help="checkpoints kept outside the database (TENANT.jsonl)",
        )
        parser.add_argument(
            "--record",
            action="store_true",
            help="write the result down: a clean --full run ends a finding",
        )
        parser.add_argument("--json", action="store_true", help="for machines")
        parser.add_argument(
            "--processes", type=int, default=PROCESSES, metavar="N", help="default 2"
        )
        parser.add_argument(
            "--no-progress", action="store_true", help="no bar, even on a terminal"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints counts, findings and what is not proven; exits 1 on findings."""
        quiet = options["no_progress"] or not sys.stderr.isatty()
        with clear_errors():
            tenant = tenant_named(options["tenant"])
            report = verify_tenant(
                tenant=tenant,
                checkpoint_file=options["checkpoint"],
                since=None if options["full"] else _last_head(tenant),
                processes=max(1, options["processes"]),
                progress=_silent if quiet else Bar(sys.stderr),
            )
            if options["record"]:
                checks.remember(tenant=tenant, report=report)
        self.stdout.write(_as_json(report) if options["json"] else _as_text(report))
        if not report.ok:
            sys.exit(FAILED)


class Bar:
    """A line that fills, rewritten in place; nothing of it stays in a pipe or file."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Draws the line anew when it would look different."""
        filled = _WIDTH * done // max(total, 1)
        share = 100 * done // max(total, 1)
        shown = f"{what:<8} [{'#' * filled:<{_WIDTH}}] {share:>3} %"
        if shown != self._shown:
            self._out.write(f"\r{shown}")
            self._out.write("\n" if done >= total else "")
            self._out.flush()
            self._shown = shown


def _silent(_what: str, _done: int, _total: int) -> None:
    """Stands in for the bar."""


def _last_head(tenant: Tenant) -> LogStanding | None:
    """
    Returns where the last check without a finding ended.

    A log with a finding is verified whole: what is behind it proves nothing.
    """
    known = standing.of(tenant=tenant)
    return known if known is not None and known.finding_at is None else None


def _limits() -> list[str]:
    """Says what a signature of this instance is worth, whatever verifies."""
    embedded = Path(settings.AUTHORITY_DIR)
    if not Path(settings.TRUST_CONFIG).is_relative_to(embedded):
        return []
    what = (
        "the signatures are by the embedded authority: whoever holds its keys, or runs "
        "both it and the portal, could have made any of them."
    )
    return [what]


def _as_json(report: Report) -> str:
    first = report.first_bad
    return json.dumps(
        {
            "ok": report.ok,
            "since": report.since,
            "entries": report.entries,
            "bundles": report.bundles,
            "checkpoints": report.anchors,
            "first_bad": first.seq if first else None,
            "findings": [
                {"seq": finding.seq, "message": finding.message}
                for finding in report.findings
            ],
            "unproven": report.unproven,
            "limits": _limits(),
        },
        indent=2,
    )


def _as_text(report: Report) -> str:
    began = (
        f"Incremental: from entry {report.since + 1}; --full verifies everything."
        if report.since
        else "Full: from the first entry."
    )
    lines = [
        began,
        (
            f"{report.entries} entries, {report.bundles} signed statements, "
            f"{report.anchors} checkpoints checked."
        ),
    ]
    first = report.first_bad
    if first is not None and first.seq:
        lines.append(f"First bad entry: {first.seq}.")
    lines += [str(finding) for finding in report.findings]
    lines += [f"Not proven: {what}" for what in report.unproven]
    lines += [f"By design: {what}" for what in _limits()]
    lines.append("Nothing is wrong." if report.ok else "The log does NOT verify.")
    return "\n".join(lines)
