"""
Evidence archives: everything a stranger needs to check a log, in one ZIP.

What stands in it and why is docs/evidence-format.md. Entries stream; what is small is
held in memory. The rows are read in one snapshot together with the log's length, so
that they can be held against each other.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from django.db import connection, transaction

from breakglass.audit import (
    export_checkpoints,
    export_readme,
    export_rows,
    export_scope,
    export_trust,
)
from breakglass.audit.chain import timestamp
from breakglass.models import (
    AuditEntry,
    Bundle,
    BypassRequest,
    ChainHead,
    Checkpoint,
    Tenant,
)

TYPE: Final = "breakglass/evidence/v1"
VERIFIER: Final = Path(__file__).parent / "standalone" / "verify_evidence.py"
_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the same content makes the same bytes
_BATCH: Final = 500
_COPY: Final = 1 << 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for: by whom, why, of what; `own` is its entry in the log."""

    export_id: str
    tenant: Tenant
    scope: dict[str, Any]
    reason: str
    requested_by: str
    own: int
    made_at: datetime


@dataclass(slots=True)
class _Writer:
    """A ZIP being written, and the hash of each file in it."""

    zip: zipfile.ZipFile
    files: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, raw: bytes) -> None:
        """Adds one small file."""
        self.stream(name, iter((raw,)))

    def add_json(self, name: str, value: object) -> None:
        """Adds one value as JSON for people: indented, in UTF-8."""
        text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
        self.add(name, text.encode() + b"\n")

    def stream(self, name: str, parts: Iterator[bytes]) -> None:
        """Adds one file piece by piece; it never stands in memory whole."""
        digest = sha256()
        info = zipfile.ZipInfo(name, _FIXED_TIME)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        with self.zip.open(info, "w", force_zip64=True) as member:
            for part in parts:
                digest.update(part)
                member.write(part)
        self.files[name] = digest.hexdigest()


@dataclass(slots=True)
class _Content:
    """What one snapshot of the database said, and what the entries then named."""

    size: int
    rows: dict[str, list[dict[str, Any]]]
    requests: list[BypassRequest]
    checkpoints: list[Checkpoint]
    numbers: list[int] | None
    head: str = ""
    bundles: list[str] = field(default_factory=list)


def write(*, order: Order, out: IO[bytes], progress: Progress) -> None:
    """
    Writes the archive into a file that can seek.

    `progress(done, total)` is called as entries and signatures are written. Raises
    SigningFailed (stage `trust`) where there is no trust config to put in.
    """
    content = _read(order)
    total = len(content.numbers) if content.numbers is not None else content.size
    with zipfile.ZipFile(out, "w") as made:
        writer = _Writer(made)
        entries = _entries(order, content, lambda done: progress(done, total))
        writer.stream("entries.jsonl", entries)
        if content.numbers is not None:
            writer.stream("proofs.jsonl", _proofs(order, content))
        sealed = export_checkpoints.lines(content.checkpoints, bundles=content.bundles)
        writer.stream("checkpoints.jsonl", sealed)
        commands = list(_signatures(order, content, writer))
        for bypass in content.requests:
            writer.add(f"requests/{bypass.bypass_id}.json", bytes(bypass.body))
        writer.add_json("rows.json", content.rows)
        trust = export_trust.note(tenant=order.tenant)
        _write_trust(writer, trust)
        writer.add("verify_evidence.py", VERIFIER.read_bytes())
        manifest = _manifest(order, content)
        readme = export_readme.text(manifest=manifest, trust=trust, commands=commands)
        writer.add("README.md", readme.encode())
        writer.add_json("manifest.json", {**manifest, "files": writer.files})
    progress(total, total)


@contextmanager
def _snapshot() -> Iterator[None]:
    """All reads inside see one moment; a caller's own transaction is kept as it is."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _read(order: Order) -> _Content:
    tenant, scope = order.tenant, order.scope
    is_whole = scope["kind"] == export_scope.WHOLE
    with _snapshot():
        size = ChainHead.objects.get(tenant=tenant).seq
        if is_whole:
            size = export_checkpoints.sealed_size(tenant, size)
        names, numbers = None, None
        if not is_whole:
            names = export_scope.bypasses(tenant=tenant, scope=scope, size=size)
            numbers = export_scope.numbers(
                tenant=tenant, scope=scope, size=size, own=order.own
            )
        requests = export_scope.frozen_requests(tenant=tenant, names=names)
        rows = export_rows.projections(tenant=tenant, requests=requests)
        sealed = Checkpoint.objects.filter(tenant=tenant, size__lte=size)
        linked = sealed.select_related("statement__bundle", "previous").order_by("pk")
        checkpoints = list(linked)
    if not is_whole:
        checkpoints = export_checkpoints.newest_with_tree(checkpoints)
    return _Content(size, rows, requests, checkpoints, numbers)


def _entries(
    order: Order, content: _Content, told: Callable[[int], None]
) -> Iterator[bytes]:
    """Yields each entry's line, and notes which signatures the entries name."""
    named: dict[str, None] = {}
    rows = AuditEntry.objects.filter(tenant=order.tenant, seq__lte=content.size)
    if content.numbers is not None:
        rows = rows.filter(seq__in=content.numbers)
    for done, row in enumerate(rows.order_by("seq").iterator(chunk_size=_BATCH), 1):
        # Bytes that are no text are damage: what stands for them has another hash.
        body = bytes(row.body).decode(errors="replace")
        content.head = bytes(row.entry_hash).hex()
        named.update(dict.fromkeys(_names_of_bundles(body)))
        line = {"seq": row.seq, "hash": content.head, "body": body}
        yield json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n"
        if done % _BATCH == 0:
            told(done)
    content.bundles = list(named)


def _names_of_bundles(body: str) -> list[str]:
    try:
        facts = json.loads(body)["facts"]
        name = facts.get("bundle_sha256")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return [name] if isinstance(name, str) else []


def _proofs(order: Order, content: _Content) -> Iterator[bytes]:
    if not content.checkpoints or content.numbers is None:
        return iter(())
    return export_checkpoints.proofs(
        tenant=order.tenant,
        checkpoint=content.checkpoints[0],
        numbers=content.numbers,
    )


def _signatures(
    order: Order, content: _Content, writer: _Writer
) -> Iterator[export_readme.Signature]:
    """Writes each bundle and its statement; yields what the README says of them."""
    found = Bundle.objects.filter(intent__tenant=order.tenant)
    written: set[str] = set()
    for start in range(0, len(content.bundles), _BATCH):
        names = [_hex(name) for name in content.bundles[start : start + _BATCH]]
        batch = found.filter(sha256__in=[name for name in names if name])
        for row in batch.select_related("intent").order_by("pk"):
            raw, statement = bytes(row.bundle), bytes(row.intent.statement)
            digest = sha256(statement).hexdigest()
            writer.add(f"bundles/{bytes(row.sha256).hex()}.sigstore.json", raw)
            if digest not in written:
                writer.add(f"statements/{digest}.json", statement)
                written.add(digest)
            yield export_readme.describe(bundle=row, statement=statement)


def _hex(name: str) -> bytes:
    """A name that is no digest names nothing; the verifier says so."""
    try:
        return bytes.fromhex(name)
    except ValueError:
        return b""


def _write_trust(writer: _Writer, trust: dict[str, Any]) -> None:
    writer.add_json("trust.json", trust)
    writer.add_json("trusted_root.json", trust["roots"][0]["trusted_root"])
    for root in export_trust.roots():
        writer.add(root.file, root.trust_config)


def _manifest(order: Order, content: _Content) -> dict[str, Any]:
    tenant = order.tenant
    return {
        "type": TYPE,
        "tenant": {"id": str(tenant.public_id), "slug": tenant.slug},
        "scope": order.scope,
        "size": content.size,
        "head": _head(order, content),
        "made_at": timestamp(order.made_at),
        "export": order.export_id,
        "requested_by": order.requested_by,
        "reason": order.reason,
    }


def _head(order: Order, content: _Content) -> str:
    last = AuditEntry.objects.filter(tenant=order.tenant, seq=content.size).first()
    return bytes(last.entry_hash).hex() if last is not None else content.head


def digest_of(file: IO[bytes]) -> bytes:
    """Returns the SHA-256 of a file from its start."""
    file.seek(0)
    digest = sha256()
    while part := file.read(_COPY):
        digest.update(part)
    return digest.digest()
