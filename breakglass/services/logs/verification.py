"""Verify a tenant's log: feeds audit.verify from the rows, and compares."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from django.db import connection, transaction

from breakglass.audit import chain, passkeys, verify
from breakglass.audit.tree import Frontier
from breakglass.audit.verify import Anchor, Checked, Position, Report, StoredBundle
from breakglass.models import AuditEntry, ChainHead, LogStanding, Tenant
from breakglass.services.logs.verifying import anchors, bundles, earlier, entries, rows
from breakglass.services.logs.verifying.entries import Log, Piece
from breakglass.services.logs.verifying.rows import Logged

Progress = Callable[[str, int, int], None]
"""Is told what is counted, how many are done, and how many there are."""

_LOOKED_AT: Final = (
    "request.",
    "grant.",
    "credential.",
    "identity.",
    "person.",
    "policy.published",
    "log.reanchored",
)
"""Entries whose content is checked beyond its bytes; see `_look_at`."""


_NOT_THE_END: Final = "is not where the chain's head says that the log ends"


@dataclass(slots=True)
class _Work:
    """One verification under way."""

    tenant: Tenant
    report: Report
    start: Position
    progress: Progress
    anchors: list[Anchor]
    outside: list[Anchor]
    frontier: Frontier
    hashes: dict[int, bytes]
    known: passkeys.Known
    roots: dict[int, bytes] = field(default_factory=dict)
    notable: list[Checked] = field(default_factory=list)
    logged: Logged = field(default_factory=Logged)
    excused: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether the whole log is walked."""
        return self.start.seq == 0


def verify_tenant(
    *,
    tenant: Tenant,
    checkpoint_file: Path | None = None,
    since: LogStanding | None = None,
    processes: int = 1,
    progress: Progress = lambda _what, _done, _total: None,
) -> Report:
    """
    Returns the report on one tenant, re-derived from stored bytes.

    With `since`, only what came after the last verified head is walked, and that the
    head is still the one that was verified. With a checkpoint file from outside the
    database, a cut-off end is found as well; without one the report says that it is
    not proven. Raises InvalidInput for a checkpoint file that cannot be read.
    """
    outer = anchors.kept_outside(checkpoint_file, tenant=tenant)
    report = Report(since=since.verified_size if since else 0)
    start = _start(tenant, since, report)
    if not report.ok:
        report.unproven.append("All else: the verified head is not where it was.")
        return report
    with _one_moment():
        head = ChainHead.objects.filter(tenant=tenant).first()
        _require_end(tenant, head, report)
        inner = list(anchors.stored(tenant=tenant, after=start.seq, report=report))
        found = rows.read(tenant=tenant) if start.seq == 0 else None
    work = _Work(
        tenant=tenant,
        report=report,
        start=start,
        progress=progress,
        anchors=inner,
        outside=outer,
        frontier=anchors.frontier(tenant=tenant, start=start, report=report),
        hashes=anchors.hashes_of([*inner, *outer], tenant=tenant, upto=start.seq),
        known=earlier.known(tenant=tenant, upto=start.seq),
    )
    _walk(work, head=head, processes=processes)
    _check_bundles(work, processes=processes)
    if found is not None:
        rows.compare(found, work.logged, report)
    else:
        _check_recent_rows(work)
    waiting = bundles.unsigned(tenant)
    if waiting:
        word = "statement waits" if waiting == 1 else "statements wait"
        report.unproven.append(f"{waiting} {word} for the portal's signature.")
    anchors.say_what_is_open(
        file=checkpoint_file, found=outer, tenant=tenant, report=report
    )
    for some in (inner, outer):
        anchors.check(
            some,
            hashes=work.hashes,
            roots=work.roots,
            excused=work.excused,
            report=report,
        )
    return report


def _start(tenant: Tenant, since: LogStanding | None, report: Report) -> Position:
    """Returns where to begin: behind the verified head, if that still stands."""
    if since is None or since.verified_size == 0:
        return Position()
    verified = AuditEntry.objects.filter(tenant=tenant, seq=since.verified_size).first()
    if verified is None:
        report.add(since.verified_size, "was verified before, and is gone")
        return Position()
    if bytes(verified.entry_hash) != bytes(since.verified_hash):
        report.add(since.verified_size, "is another one than was verified before")
        return Position()
    at = chain.timestamp(verified.at)
    return Position(verified.seq, bytes(verified.entry_hash), at)


@contextmanager
def _one_moment() -> Iterator[None]:
    """
    Reads everything in it as of one moment, so that no writer is caught half-way.

    Inside somebody else's transaction that one's isolation holds.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _require_end(tenant: Tenant, head: ChainHead | None, report: Report) -> None:
    """Nothing may lie behind the head: it would be in the log, and never checked."""
    size = head.seq if head else 0
    if AuditEntry.objects.filter(tenant=tenant, seq__gt=size).exists():
        report.add(size, _NOT_THE_END)


def _walk(work: _Work, *, head: ChainHead | None, processes: int) -> None:
    size = head.seq if head else 0
    sizes = {a.size for a in [*work.anchors, *work.outside]}
    log = Log(
        tenant_pk=work.tenant.pk,
        tenant_id=str(work.tenant.public_id),
        size=size,
        wanted=frozenset(sizes),
        events=_LOOKED_AT,
        piece=entries.PIECE,
    )
    last, total = work.start, max(size - work.start.seq, 0)
    for piece in entries.pieces(
        log,
        start=work.start,
        database=_database(),
        parameters=_parameters(),
        processes=processes,
    ):
        _take(work, piece, sizes=sizes)
        last = piece.last
        work.progress("entries", work.report.entries, total)
    tip = bytes(head.entry_hash) if head else chain.GENESIS
    if (last.seq, last.entry_hash) != (size, tip):
        work.report.add(size, _NOT_THE_END)
    work.report.size, work.report.head = last.seq, last.entry_hash


def _take(work: _Work, piece: Piece, *, sizes: set[int]) -> None:
    """Adds one piece to the whole: its findings, its leaves, what is worth a look."""
    work.report.entries += piece.report.entries
    work.report.findings += piece.report.findings
    work.hashes |= piece.hashes
    first, leaves = work.frontier.size, piece.stored_hashes
    if first + len(leaves) == piece.last.seq:  # else something is missing: no tree
        begun = 0
        for size in sorted(s for s in sizes if first < s <= piece.last.seq):
            work.frontier.add(leaves[begun : size - first])
            work.roots[size], begun = work.frontier.root(), size - first
        work.frontier.add(leaves[begun:])
    for checked in piece.notable:
        _look_at(work, checked)


def _look_at(work: _Work, checked: Checked) -> None:
    """Notes one entry of `_LOOKED_AT`; its signatures are checked after the walk."""
    content = checked.content
    work.logged.note(content)
    if work.start.seq and content["event"] == "request.approved":
        earlier.recall_request(
            work.known, tenant=work.tenant, bypass_id=content["bypass_id"]
        )
    for message in passkeys.problems(checked, known=work.known):
        work.report.add(checked.seq, message)
    if content["event"] in {"request.approved", "grant.issued"}:
        work.notable.append(checked)
    elif content["event"] == "log.reanchored":
        work.excused += anchors.excused_by(content["facts"])


def _check_bundles(work: _Work, *, processes: int) -> None:
    """Verifies the bundles, then what the log says that stands on them."""
    if work.is_full:
        wanted = bundles.all_of(work.tenant)
    else:
        digests = {digest for c in work.notable for digest in _digests(c)}
        wanted = bundles.named_or_sealing(
            work.tenant, digests=digests, since=work.start.seq
        )
    total = wanted.count()

    def counted() -> Iterator[StoredBundle]:
        for number, bundle in enumerate(bundles.stored(wanted)):
            work.progress("bundles", number, total)
            yield bundle

    with bundles.checks(processes=processes, expected=total) as check:
        held = verify.check_bundles(counted(), verify=check, report=work.report)
    work.progress("bundles", total, total)
    for checked in work.notable:
        verify.check_evidence(checked, held=held, report=work.report)
        passkeys.check_statement(checked, held=held, report=work.report)


def _check_recent_rows(work: _Work) -> None:
    """Holds the rows of new entries, and of whatever may be in force, to the log."""
    names = {c.content["bypass_id"] for c in work.notable} | set(work.logged.opened)
    names |= work.logged.closed
    with _one_moment():
        names |= rows.open_names(tenant=work.tenant)
        found = rows.read(tenant=work.tenant, names=names)
        logged = rows.logged_of(tenant=work.tenant, names=names)
    rows.compare(found, logged, work.report)


def _digests(checked: Checked) -> list[str]:
    """Returns the bundles that an entry names, as far as they look like digests."""
    facts = checked.content["facts"]
    several = facts.get("approval_bundles")
    named = [
        facts.get("bundle_sha256"),
        *(several if isinstance(several, list) else []),
    ]
    return [one for one in named if isinstance(one, str) and _is_digest(one)]


def _is_digest(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == len(chain.GENESIS)
    except ValueError:
        return False


def _database() -> psycopg.Connection[Any]:
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    return raw


def _parameters() -> dict[str, Any]:
    """How a child connects: as this process does, with psycopg's own cursors."""
    given = connection.get_connection_params()
    ours = ("cursor_factory", "context", "prepare_threshold", "server_side_binding")
    return {name: value for name, value in given.items() if name not in ours}
