"""Verify a tenant's whole log: feeds audit.verify from the rows, and compares."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from breakglass.audit import passkeys, verify
from breakglass.audit.chain import timestamp
from breakglass.audit.verify import Anchor, Checked, Report, StoredBundle, StoredEntry
from breakglass.errors import InvalidInput, SigningFailed
from breakglass.models import (
    Approval,
    AuditEntry,
    Bundle,
    BypassRequest,
    ChainHead,
    Checkpoint,
    Grant,
    Intent,
    Tenant,
)
from breakglass.models.signing import IntentKind
from breakglass.signing.keyless import verifier_from_settings
from breakglass.states import GrantState


@dataclass(slots=True)
class _Logged:
    """What the log says about requests, approvals and grants, to hold rows against."""

    opened: dict[str, str] = field(default_factory=dict)
    approved: dict[str, tuple[str, str]] = field(default_factory=dict)
    issued: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def note(self, checked: Checked) -> None:
        """Remembers one entry; those without content say nothing."""
        if not checked.content:
            return
        facts, bypass_id = checked.content["facts"], checked.content["bypass_id"]
        match checked.content["event"]:
            case "request.opened":
                self.opened[bypass_id] = str(facts.get("digest"))
            case "request.approved":
                actor = checked.content["actor"]["name"]
                self.approved[str(facts.get("bundle_sha256"))] = (bypass_id, actor)
            case "grant.issued":
                self.issued[bypass_id] = facts
            case "grant.expired" | "grant.revoked":
                self.closed.add(bypass_id)


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
    logged, known = _Logged(), passkeys.Known()
    for checked in verify.walk(
        _entries(tenant), tenant_id=str(tenant.public_id), report=report
    ):
        hashes[checked.seq] = checked.entry_hash
        verify.check_evidence(checked, held=held, report=report)
        passkeys.check(checked, known=known, held=held, report=report)
        logged.note(checked)
    _check_head(tenant, hashes, report)
    _check_rows(tenant, logged, report)
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
        yield StoredBundle(
            raw=bytes(row.bundle),
            statement=bytes(row.intent.statement),
            identity=row.identity,
            kind=row.intent.kind,
            subject_sha256=_subject(row.intent),
        )


def _subject(intent: Intent) -> str:
    """Returns the digest of what is signed; nothing when that row is gone."""
    if intent.kind == IntentKind.CHECKPOINT:
        sealed = getattr(intent, "checkpoint", None)  # a missing row raises otherwise
        return bytes(sealed.head_hash).hex() if sealed is not None else ""
    return sha256(bytes(intent.request.body)).hexdigest() if intent.request else ""


def _check_head(tenant: Tenant, hashes: dict[int, bytes], report: Report) -> None:
    head = ChainHead.objects.filter(tenant=tenant).first()
    size = head.seq if head else 0
    tip = bytes(head.entry_hash) if head else bytes(32)
    if size != max(hashes, default=0) or (size and hashes.get(size) != tip):
        message = "is not where the chain's head says that the log ends"
        report.findings.append(verify.Finding(seq=size, message=message))


def _check_rows(tenant: Tenant, logged: _Logged, report: Report) -> None:
    """A row that the log does not know, or that says something else, is a finding."""

    def add(message: str) -> None:
        report.findings.append(verify.Finding(seq=0, message=message))

    for grant in Grant.objects.filter(tenant=tenant).select_related("request", "gate"):
        name = grant.request.bypass_id
        if name not in logged.issued:
            add(f"the grant of {name} is not in the log")
        elif not logged.issued[name].items() >= _terms(grant).items():
            add(f"the grant of {name} has other terms than the log")
        elif (grant.state != GrantState.ACTIVE) != (name in logged.closed):
            add(f"the grant of {name} is {grant.state}, and the log says otherwise")
    granted = Grant.objects.filter(tenant=tenant)
    for name in logged.issued.keys() - set(
        granted.values_list("request__bypass_id", flat=True)
    ):
        add(f"the grant of {name} is in the log, and its row is gone")
    approvals = Approval.objects.filter(request__tenant=tenant)
    kept = {bytes(d).hex() for d in approvals.values_list("bundle__sha256", flat=True)}
    for digest in logged.approved.keys() - kept:
        add(f"an approval of {logged.approved[digest][0]} is in the log, and gone")
    asked = BypassRequest.objects.filter(tenant=tenant)
    for name in logged.opened.keys() - set(asked.values_list("bypass_id", flat=True)):
        add(f"the request {name} is in the log, and its row is gone")
    for approval in approvals.select_related("bundle", "request", "approver"):
        said = logged.approved.get(bytes(approval.bundle.sha256).hex())
        if said != (approval.request.bypass_id, approval.bundle.identity):
            add(f"an approval of {approval.request.bypass_id} is not in the log")
    for bypass in BypassRequest.objects.filter(tenant=tenant).iterator():
        if sha256(bytes(bypass.body)).digest() != bytes(bypass.digest):
            add(f"the frozen request {bypass.bypass_id} does not have its digest")
        elif logged.opened.get(bypass.bypass_id) != bypass.digest_hex:
            add(f"the request {bypass.bypass_id} is not the one in the log")


def _terms(grant: Grant) -> dict[str, Any]:
    """Returns what a grant permits, in the words of its entry."""
    return {
        "gate": grant.gate.slug,
        "service": grant.service,
        "branch": grant.branch,
        "artifact": grant.artifact,
        "quorum": grant.quorum,
        "max_deploys": grant.max_deploys,
        "digest_required": grant.digest_required,
        "starts_at": timestamp(grant.starts_at),
        "expires_at": timestamp(grant.expires_at),
    }


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
