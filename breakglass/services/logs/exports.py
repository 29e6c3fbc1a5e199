"""Evidence archives: asked for on record, made in the background, dropped later."""

import logging
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from breakglass import clock, outbox
from breakglass.actors import Actor
from breakglass.audit import events, export, export_plain, export_scope, ledger
from breakglass.audit.chain import Fact
from breakglass.audit.narrowing import Filters
from breakglass.errors import BreakglassError, InvalidInput
from breakglass.models import AuditEntry, Checkpoint, Export, Tenant, User
from breakglass.queries import access
from breakglass.rules.identifiers import check_text
from breakglass.states import ExportFormat, ExportState
from breakglass.texts import text

logger = logging.getLogger(__name__)

REASON_MAXIMUM: Final = 500
KEPT_FOR: Final = timedelta(days=7)
# An archive waits for the checkpoint that covers its own entry, but not for ever.
WAIT_FOR_SEAL: Final = timedelta(minutes=2)
# Longer than the task may run: whoever had it is gone.
TAKEN_FOR: Final = timedelta(minutes=35)

ANY_SIZE: Final = 2**63 - 1
SUFFIXES: Final = {
    ExportFormat.ARCHIVE: "zip",
    ExportFormat.LINES: "jsonl",
    ExportFormat.TABLE: "csv",
}

WHOLE_LOG: Final[dict[str, Any]] = {"kind": "log"}


def one_bypass(bypass_id: str) -> dict[str, Any]:
    """Returns the scope of one bypass."""
    return {"kind": "bypass", "bypass_id": bypass_id}


def filtered(filters: Filters) -> dict[str, Any]:
    """Returns the scope of what a filter of the audit browser shows."""
    terms = filters.scope()
    return {"kind": "filter", **terms} if terms else WHOLE_LOG


def ask(
    *,
    tenant: Tenant,
    person: User,
    scope: dict[str, Any],
    reason: str,
    kind: ExportFormat = ExportFormat.ARCHIVE,
) -> Export:
    """
    Puts an export on record and in the queue; asking twice makes two.

    Open to holders of `export_evidence`. Raises NotPermitted, NotFound for a bypass
    that the tenant does not have, InvalidInput without a reason, or for a filter that
    nothing meets.
    """
    access.require_evidence(user=person, tenant=tenant)
    return order(
        tenant=tenant,
        scope=scope,
        reason=reason,
        actor=person.as_actor(),
        person=person,
        kind=kind,
    )


@transaction.atomic
def order(
    *,
    tenant: Tenant,
    scope: dict[str, Any],
    reason: str,
    actor: Actor,
    person: User | None = None,
    kind: ExportFormat = ExportFormat.ARCHIVE,
) -> Export:
    """As `ask`, for an operator at the shell: the machine is theirs already."""
    why = check_text(reason, field="reason", minimum=1, maximum=REASON_MAXIMUM)
    if scope["kind"] == "bypass":
        access.request_for(tenant=tenant, bypass_id=scope["bypass_id"])
    if scope["kind"] == "filter":
        _require_something(tenant, scope)
    size, head = ledger.lock(tenant=tenant)
    made = Export.objects.create(
        tenant=tenant,
        requested_by=person,
        reason=why,
        scope=scope,
        format=kind,
        size=size + 1,
        created_at=clock.db_now(),
    )
    facts: dict[str, Fact] = {
        "export": str(made.public_id),
        "scope": scope,
        "reason": why,
        "size": size,
        "head": head.hex(),
    }
    if kind != ExportFormat.ARCHIVE:
        facts["format"] = str(kind)
    ledger.append(
        tenant=tenant, event=events.EVIDENCE_EXPORTED, actor=actor, facts=facts
    )
    return made


def _require_something(tenant: Tenant, scope: dict[str, Any]) -> None:
    found = export_scope.matching(tenant=tenant, scope=scope, size=ANY_SIZE)
    if not found.exists():
        msg = text("no entry meets this filter: there is nothing to export")
        raise InvalidInput(msg, field="scope")


def make_due() -> int:
    """
    Makes one archive that waits, and drops those past their time; returns how many
    it made.

    Two workers take different ones. An archive that a crash left half made is taken
    up again, from the start, once its maker's time is over.
    """
    _drop_old()
    claimed = _claim()
    if claimed is None:
        return 0
    try:
        _make(claimed)
    except (BreakglassError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        logger.warning("export.failed", extra={"export": str(claimed.public_id)})
        _finish(claimed, state=ExportState.FAILED, error=str(why or error)[:300])
        return 0
    return 1


def make(*, made: Export, to: Path) -> None:
    """Writes one archive to a file of the caller's, now."""
    _begin(made)
    with to.open("w+b") as file:
        os.chmod(to, 0o600)  # noqa: PTH101 - before there is anything in it
        digest = _write(made, file)
    _finish(made, state=ExportState.READY, digest=digest)


def path_of(made: Export) -> Path | None:
    """Returns where a finished archive lies, unless its time is over."""
    if made.state != ExportState.READY or not made.file:
        return None
    found = Path(settings.EXPORT_DIR) / made.file
    return found if found.is_file() else None


@transaction.atomic
def _claim() -> Export | None:
    now = clock.db_now()
    due = Q(state=ExportState.WAITING) | Q(
        state=ExportState.RUNNING, started_at__lte=now - TAKEN_FOR
    )
    waiting = (
        Export.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .filter(due)
        .order_by("pk")
        .select_related("tenant", "requested_by")[:20]
    )
    for made in waiting:
        if (
            made.format != ExportFormat.ARCHIVE
            or _is_covered(made)
            or made.created_at + WAIT_FOR_SEAL <= now
        ):
            made.state, made.started_at = ExportState.RUNNING, now
            made.save(update_fields=["state", "started_at"])
            return made
    return None


def _is_covered(made: Export) -> bool:
    """Whether a signed checkpoint reaches the export's own entry."""
    return Checkpoint.objects.filter(
        tenant=made.tenant, size__gte=made.size, statement__bundle__isnull=False
    ).exists()


def _begin(made: Export) -> None:
    made.state, made.started_at = ExportState.RUNNING, clock.db_now()
    Export.objects.filter(pk=made.pk, state=ExportState.WAITING).update(
        state=made.state, started_at=made.started_at
    )


def _make(made: Export) -> None:
    """Writes beside its place and moves it there: a half made one has no name."""
    folder = Path(settings.EXPORT_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{made.public_id}.{SUFFIXES[ExportFormat(made.format)]}"
    descriptor, partial = tempfile.mkstemp(prefix=f"{made.public_id}-", dir=folder)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            digest = _write(made, file)
        Path(partial).replace(folder / name)
    finally:
        Path(partial).unlink(missing_ok=True)
    _finish(made, state=ExportState.READY, file=name, digest=digest)


def _write(made: Export, file: Any) -> bytes:
    if made.format == ExportFormat.ARCHIVE:
        _write_archive(made, file)
    else:
        is_table = made.format == ExportFormat.TABLE
        write = export_plain.write_table if is_table else export_plain.write_lines
        write(
            tenant=made.tenant,
            scope=made.scope,
            size=made.size,
            out=file,
            told=lambda done, total: _progress(made, done, total),
        )
    file.flush()
    os.fsync(file.fileno())
    return export.digest_of(file)


def _write_archive(made: Export, file: Any) -> None:
    own = AuditEntry.objects.get(tenant=made.tenant, seq=made.size)
    export.write(
        order=export.Order(
            export_id=str(made.public_id),
            tenant=made.tenant,
            scope=made.scope,
            reason=made.reason,
            requested_by=own.actor,
            own=made.size,
            made_at=clock.db_now(),
        ),
        out=file,
        progress=lambda done, total: _progress(made, done, total),
    )


def _progress(made: Export, done: int, total: int) -> None:
    Export.objects.filter(pk=made.pk).update(done=done, total=total)


@transaction.atomic
def _finish(
    made: Export,
    *,
    state: ExportState,
    file: str = "",
    digest: bytes | None = None,
    error: str = "",
) -> None:
    """Only whoever still has it may say how it ended; who asked for it is told."""
    now = clock.db_now()
    ended = Export.objects.filter(
        pk=made.pk, state=ExportState.RUNNING, started_at=made.started_at
    ).update(state=state, file=file, sha256=digest, error=error, finished_at=now)
    if ended and made.requested_by is not None:
        outbox.promise(
            tenant=made.tenant,
            topic=outbox.EXPORT_FINISHED,
            subject_id=made.pk,
            now=now,
            person=made.requested_by,
        )


def _drop_old() -> None:
    """Removes the files of archives past their time; what was asked stays on record."""
    before: datetime = clock.db_now() - KEPT_FOR
    old = Export.objects.filter(finished_at__lte=before).exclude(file="")
    for made in old[:50]:
        (Path(settings.EXPORT_DIR) / made.file).unlink(missing_ok=True)
        Export.objects.filter(pk=made.pk).update(file="")
