"""Verify a tenant's whole log: feeds audit.verify from the rows, and compares."""

import json
from collections.abc import Iterator
from datetime import UTC
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from breakglass.audit import verify
from breakglass.audit.verify import Anchor, Report, StoredBundle, StoredEntry
from breakglass.errors import InvalidInput, SigningFailed
from breakglass.models import (
    Approval,
    AuditEntry,
    Bundle,
    BypassRequest,
    ChainHead,
    Checkpoint,
    Grant,
    Tenant,
)
from breakglass.models.signing import IntentKind
from breakglass.signing.keyless import verifier_from_settings


def verify_tenant(*, tenant: Tenant, checkpoint_file: Path | None = None) -> Report:
    """
    Returns the report on one tenant, re-derived from stored bytes.

    With a checkpoint file from outside the database, a cut-off end is found as well;
    without one the report says that it is not proven. Raises InvalidInput for a
    checkpoint file that cannot be read.
    """
    report = Report()
    held = verify.check_bundles(_bundles(tenant), verify=_bundle_check(), report=report)
    hashes: dict[int, bytes] = {}
    issued: set[str] = set()
    approved: set[str] = set()
    for checked in verify.walk(
        _entries(tenant), tenant_id=str(tenant.public_id), report=report
    ):
        hashes[checked.seq] = checked.entry_hash
        verify.check_evidence(checked, held=held, report=report)
        event = checked.content.get("event")
        if event == "grant.issued":
            issued.add(checked.content["bypass_id"])
        elif event == "request.approved":
            approved.add(checked.content["facts"].get("bundle_sha256", ""))
    _check_head(tenant, hashes, report)
    _check_rows(tenant, issued, approved, report)
    verify.check_anchors(_stored_anchors(tenant), hashes=hashes, report=report)
    _check_outside(tenant, checkpoint_file, hashes, report)
    return report


def _bundle_check() -> verify.BundleCheck:
    verifier = verifier_from_settings()

    def check(raw: bytes, statement: bytes, identity: str) -> None:
        verifier.verify(bundle=raw, statement=statement, email=identity)

    return check


def _entries(tenant: Tenant) -> Iterator[StoredEntry]:
    rows = AuditEntry.objects.filter(tenant=tenant).order_by("seq")
    for row in rows.iterator(chunk_size=2000):
        yield StoredEntry(
            seq=row.seq,
            body=bytes(row.body),
            prev_hash=bytes(row.prev_hash),
            entry_hash=bytes(row.entry_hash),
            at=row.at.astimezone(UTC),
            event=row.event,
            actor=row.actor,
            bypass_id=row.bypass_id,
        )


def _bundles(tenant: Tenant) -> Iterator[StoredBundle]:
    rows: QuerySet[Bundle] = Bundle.objects.filter(intent__tenant=tenant)
    linked = rows.select_related("intent__request", "intent__checkpoint")
    for row in linked.order_by("pk").iterator(chunk_size=500):
        intent = row.intent
        if intent.kind == IntentKind.CHECKPOINT:
            subject = bytes(intent.checkpoint.head_hash).hex()
        else:
            subject = sha256(bytes(intent.request.body)).hexdigest()  # type: ignore[union-attr]  # a constraint
        yield StoredBundle(
            raw=bytes(row.bundle),
            statement=bytes(intent.statement),
            identity=row.identity,
            kind=intent.kind,
            subject_sha256=subject,
        )


def _check_head(tenant: Tenant, hashes: dict[int, bytes], report: Report) -> None:
    head = ChainHead.objects.filter(tenant=tenant).first()
    size = head.seq if head else 0
    tip = bytes(head.entry_hash) if head else bytes(32)
    if size != max(hashes, default=0) or (size and hashes.get(size) != tip):
        message = "is not where the chain's head says that the log ends"
        report.findings.append(verify.Finding(seq=size, message=message))


def _check_rows(
    tenant: Tenant, issued: set[str], approved: set[str], report: Report
) -> None:
    """A grant, an approval or a request that the log does not know is a finding."""

    def add(message: str) -> None:
        report.findings.append(verify.Finding(seq=0, message=message))

    for grant in Grant.objects.filter(tenant=tenant).select_related("request"):
        if grant.request.bypass_id not in issued:
            add(f"the grant of {grant.request.bypass_id} is not in the log")
    for approval in Approval.objects.filter(request__tenant=tenant).select_related(
        "bundle", "request"
    ):
        if bytes(approval.bundle.sha256).hex() not in approved:
            add(f"an approval of {approval.request.bypass_id} is not in the log")
    for bypass in BypassRequest.objects.filter(tenant=tenant).iterator():
        if sha256(bytes(bypass.body)).digest() != bytes(bypass.digest):
            add(f"the frozen request {bypass.bypass_id} does not have its digest")


def _stored_anchors(tenant: Tenant) -> Iterator[Anchor]:
    for row in Checkpoint.objects.filter(tenant=tenant).order_by("pk"):
        yield Anchor(size=row.size, head=bytes(row.head_hash))


def _check_outside(
    tenant: Tenant, file: Path | None, hashes: dict[int, bytes], report: Report
) -> None:
    """Checks the checkpoints that were kept outside, signatures and all."""
    if file is None:
        report.unproven.append(
            "No checkpoint from outside the database was given (--checkpoint FILE): "
            "that nothing was cut off the end of the log is not proven."
        )
        return
    verifier = verifier_from_settings()
    anchors = []
    for number, line in enumerate(_lines(file), start=1):
        try:
            kept = json.loads(line)
            if kept["tenant"] != str(tenant.public_id):
                continue
            raw = json.dumps(kept["bundle"]).encode()
            statement = verifier.payload_of(bundle=raw, email=settings.SIGNING_WORKLOAD)
            predicate = json.loads(statement)["predicate"]
            anchors.append(
                Anchor(int(predicate["size"]), bytes.fromhex(predicate["head"]))
            )
        except (ValueError, KeyError, TypeError, SigningFailed) as error:
            msg = f"line {number} of {file.name} is not a checkpoint of this portal"
            raise InvalidInput(msg, field="checkpoint") from error
    if not anchors:
        report.unproven.append(f"{file.name} holds no checkpoint of {tenant.slug}.")
    verify.check_anchors(anchors, hashes=hashes, report=report)


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file} cannot be read as a checkpoint file"
        raise InvalidInput(msg, field="checkpoint") from error
