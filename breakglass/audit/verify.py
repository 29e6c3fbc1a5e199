"""
Re-derives a tenant's log from stored bytes, and says what that proves.

Shares only chain.py with the writer. What a chain alone cannot prove (that nothing
was cut off its end) needs a checkpoint from outside the database; the report says so.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from breakglass.audit.chain import GENESIS, TYPE, canonical, entry_hash, timestamp

BundleCheck = Callable[["StoredBundle"], None]
_INSTANCE: Final = "instance"
_FALLBACK_SIGNS: Final = frozenset({"approval", "grant"})
_SHAPE: Final[dict[str, type]] = {
    "type": str,
    "tenant": dict,
    "seq": int,
    "prev": str,
    "at": str,
    "event": str,
    "actor": dict,
    "bypass_id": str,
    "facts": dict,
}


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One row as the database holds it: the bytes, and the columns beside them."""

    seq: int
    body: bytes
    prev_hash: bytes
    entry_hash: bytes
    at: datetime
    event: str
    actor: str
    bypass_id: str


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """
    One bundle as the database holds it, and the statement it must sign.

    `signed_by` says under which trust root: the instance's, or one of the outage
    fallback, which is good for approvals and grants of that fallback alone.
    """

    raw: bytes
    statement: bytes
    identity: str
    kind: str
    subject_sha256: str
    signed_by: str = _INSTANCE


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint from outside the database: size and head that once were true."""

    size: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `seq` is the entry it is about, 0 for the whole log."""

    seq: int
    message: str


@dataclass(slots=True)
class Report:
    """What was checked, what was found, and what is not proven."""

    entries: int = 0
    bundles: int = 0
    anchors: int = 0
    findings: list[Finding] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when nothing is wrong; read `unproven` for what that leaves open."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Checked:
    """
    One entry that stands in its place: its number, its hash, its content.

    The content has the fields of an entry, or none at all when that was a finding.
    """

    seq: int
    entry_hash: bytes
    content: dict[str, Any]


def walk(
    entries: Iterable[StoredEntry], *, tenant_id: str, report: Report
) -> Iterator[Checked]:
    """
    Yields each entry of one tenant in order, adding to the report what is wrong.

    Goes on after a finding, from the bytes as they stand, so that one altered entry
    is named once and not with everything behind it.
    """
    prev, expected, last_at = GENESIS, 1, ""
    for entry in entries:
        report.entries += 1
        if entry.seq != expected:
            _add(report, expected, f"is missing: the next stored one is {entry.seq}")
        digest = entry_hash(entry.body)
        content = _parsed(entry, report)
        for problem in _misfits(entry, digest, prev):
            _add(report, entry.seq, problem)
        for problem in _contradictions(entry, content, tenant_id, last_at):
            _add(report, entry.seq, problem)
        last_at = max(last_at, str(content.get("at", "")))
        prev, expected = entry.entry_hash, entry.seq + 1
        yield Checked(seq=entry.seq, entry_hash=digest, content=content)


def check_bundles(
    bundles: Iterable[StoredBundle], *, verify: BundleCheck, report: Report
) -> dict[str, StoredBundle]:
    """
    Checks every stored bundle against its statement and its signer.

    Returns those that hold, by the SHA-256 of their bytes. `verify` raises when the
    signature, the identity, the issuer or the payload is not what it must be.
    """
    held: dict[str, StoredBundle] = {}
    for bundle in bundles:
        report.bundles += 1
        try:
            verify(bundle)
            subject = json.loads(bundle.statement)["subject"][0]["digest"]["sha256"]
        # Whatever a damaged bundle makes the library raise, the finding is the same.
        except Exception as error:  # noqa: BLE001 - a finding, whatever it is
            _add(report, 0, f"a {bundle.kind} bundle of {bundle.identity}: {error}")
            continue
        if bundle.signed_by != _INSTANCE and bundle.kind not in _FALLBACK_SIGNS:
            _add(report, 0, f"a {bundle.kind} bundle is signed by {bundle.signed_by}")
            continue
        if subject != bundle.subject_sha256:
            _add(report, 0, f"a {bundle.kind} bundle signs another subject than stored")
            continue
        held[sha256(bundle.raw).hexdigest()] = bundle
    return held


def check_evidence(
    checked: Checked, *, held: dict[str, StoredBundle], report: Report
) -> None:
    """Requires that every approval and grant of the log stands on held bundles."""
    event, facts = checked.content.get("event"), checked.content.get("facts", {})
    if event == "request.approved":
        bundle = held.get(str(facts.get("bundle_sha256")))
        if bundle is None:
            _add(report, checked.seq, "names an approval bundle that does not verify")
        elif bundle.identity != checked.content["actor"]["name"]:
            _add(report, checked.seq, "was signed by somebody else than its actor")
        elif bundle.subject_sha256 != facts.get("digest"):
            _add(report, checked.seq, "was signed over another request")
        elif bundle.signed_by != facts.get("signed_by", _INSTANCE):
            _add(report, checked.seq, "says another origin than its signature has")
    elif event == "grant.issued":
        if not _has_quorum(facts, held):
            _add(report, checked.seq, "is a grant without its quorum of signatures")
        elif not _says_its_assurance(facts, held):
            _add(report, checked.seq, "hides that its approvals are of the fallback")
    elif event == "grant.countersigned":
        bundle = held.get(str(facts.get("bundle_sha256")))
        if bundle is None or bundle.kind != "counter":
            _add(report, checked.seq, "names a countersignature that does not verify")


def _has_quorum(facts: dict[str, Any], held: dict[str, StoredBundle]) -> bool:
    """Counts the different people who signed an approval of exactly this request."""
    quorum, named = facts.get("quorum"), facts.get("approval_bundles")
    if not isinstance(quorum, int) or quorum < 1 or not isinstance(named, list):
        return False
    given = [held[str(name)] for name in named if str(name) in held]
    people = {
        bundle.identity
        for bundle in given
        if bundle.kind == "approval" and bundle.subject_sha256 == facts.get("digest")
    }
    return len(people) >= quorum


def _says_its_assurance(facts: dict[str, Any], held: dict[str, StoredBundle]) -> bool:
    """A grant that stands on one signature of the fallback is one of the fallback."""
    origins = {
        held[name].signed_by for name in facts["approval_bundles"] if name in held
    }
    return origins <= {_INSTANCE} or facts.get("assurance") == "offline_quorum"


def check_anchors(
    anchors: Iterable[Anchor], *, hashes: dict[int, bytes], report: Report
) -> None:
    """Requires that the log still extends every checkpoint that is known."""
    for anchor in anchors:
        report.anchors += 1
        held = hashes.get(anchor.size)
        if held is None:
            _add(report, anchor.size, "was sealed by a checkpoint, and is gone")
        elif held != anchor.head:
            _add(report, anchor.size, "is not the one that its checkpoint sealed")


def _parsed(entry: StoredEntry, report: Report) -> dict[str, Any]:
    try:
        content = json.loads(entry.body)
        is_canonical = canonical(content) == entry.body
    except (ValueError, TypeError, RecursionError):
        _add(report, entry.seq, "holds bytes that are not JSON")
        return {}
    if not isinstance(content, dict) or not is_canonical:
        _add(report, entry.seq, "holds bytes that are not canonical")
        return {}
    if not _is_entry(content):
        _add(report, entry.seq, "is not an entry of a known version")
        return {}
    return content


def _is_entry(content: dict[str, Any]) -> bool:
    """`type() is`, since True is an int too, and 1 to whoever compares."""
    return (
        set(content) == set(_SHAPE)
        and all(type(content[name]) is kind for name, kind in _SHAPE.items())
        and content["type"] == TYPE
        and isinstance(content["actor"].get("name"), str)
    )


def _misfits(entry: StoredEntry, digest: bytes, prev: bytes) -> Iterator[str]:
    """Compares the stored hashes with the bytes and the neighbour before."""
    if digest != entry.entry_hash:
        yield "was altered: its bytes do not have the hash on record"
    if entry.prev_hash != prev:
        yield "does not link to the entry before it"


def _contradictions(
    entry: StoredEntry, content: dict[str, Any], tenant_id: str, last_at: str
) -> Iterator[str]:
    """Compares what the bytes say with the row's columns and place."""
    if not content:
        return
    if content["prev"] != entry.prev_hash.hex():
        yield "says inside that it follows another entry"
    if content["seq"] != entry.seq or content["tenant"].get("id") != tenant_id:
        yield "belongs to another place or tenant"
    if content["at"] < last_at:
        yield "is older than the entry before it"
    columns = (entry.event, entry.actor, entry.bypass_id)
    said = (content["event"], content["actor"]["name"], content["bypass_id"])
    if columns != said or timestamp(entry.at) != content["at"]:
        yield "has columns that do not say what its bytes say"


def _add(report: Report, seq: int, message: str) -> None:
    report.findings.append(Finding(seq=seq, message=message))
