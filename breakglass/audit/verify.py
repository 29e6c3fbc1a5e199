"""
Re-derives what a log proves: its bundles, its approvals, its checkpoints.

walk.py walks the entries. What a chain alone cannot prove (that nothing was cut off its
end) needs a checkpoint from outside the database; the report says so.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from breakglass.audit.walk import (
    Checked,
    Finding,
    Position,
    Report,
    StoredEntry,
    walk,
)

__all__ = [
    "Anchor",
    "Checked",
    "Finding",
    "Position",
    "Report",
    "StoredBundle",
    "StoredEntry",
    "check_anchors",
    "check_bundles",
    "check_evidence",
    "in_turn",
    "walk",
]

BundleCheck = Callable[[bytes, bytes, str, str], None]
Signed = tuple[bytes, bytes, str, str]
"""A bundle's bytes, what it must sign, who must have signed, and under which root."""
_INSTANCE: Final = "instance"
_FALLBACK_SIGNS: Final = frozenset({"approval", "grant"})

BundleChecks = Callable[[Sequence[Signed]], Iterable[str]]
"""Says for each bundle what is wrong with it; empty for one that verifies."""

_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """
    One bundle as the database holds it, and the statement it must sign.

    `person` is whose decision it is: the certificate's identity, or whom the signed
    statement names where the portal signs everything under its workload identity.
    `signed_by` says under which trust root: the instance's, or one of the outage
    fallback, which is good for approvals and grants of that fallback alone.
    """

    raw: bytes
    statement: bytes
    identity: str
    kind: str
    subject_sha256: str
    person: str = ""
    signed_by: str = _INSTANCE

    @property
    def approver(self) -> str:
        """The person who counts."""
        return self.person or self.identity


@dataclass(frozen=True, slots=True)
class Anchor:
    """
    A checkpoint: size, head and tree that once were true.

    `root` is empty on those of before there were trees. `previous` is the checkpoint
    before it, when its own signed statement names one.
    """

    size: int
    head: bytes
    root: bytes = b""
    previous: tuple[int, bytes] | None = None

    @property
    def name(self) -> tuple[int, bytes]:
        """What other checkpoints and entries call it by."""
        return self.size, self.head


def in_turn(verify: BundleCheck) -> BundleChecks:
    """
    Returns the check of many bundles that asks for one after the other.

    Whatever a damaged bundle makes the library raise, the finding is the same.
    """

    def check(signed: Sequence[Signed]) -> Iterable[str]:
        for one in signed:
            try:
                verify(*one)
            except Exception as error:  # noqa: BLE001 - a finding, whatever it is
                yield str(error) or type(error).__name__
            else:
                yield ""

    return check


def check_bundles(
    bundles: Iterable[StoredBundle], *, verify: BundleChecks, report: Report
) -> dict[str, StoredBundle]:
    """
    Checks every stored bundle against its statement and its signer.

    Returns those that hold, by the SHA-256 of their bytes and without these. `verify`
    complains when the signature, the identity, the issuer or the payload is not what
    it must be.
    """
    held: dict[str, StoredBundle] = {}
    for some in _in_batches(bundles, _AT_ONCE):
        signed = [(one.raw, one.statement, one.identity, one.signed_by) for one in some]
        for bundle, wrong in zip(some, verify(signed), strict=True):
            report.bundles += 1
            if wrong:
                about = f"a {bundle.kind} bundle of {bundle.identity}"
                report.add(0, f"{about}: {wrong}")
                continue
            if bundle.signed_by != _INSTANCE and bundle.kind not in _FALLBACK_SIGNS:
                what = f"a {bundle.kind} bundle is signed by {bundle.signed_by}"
                report.add(0, what)
                continue
            if not _signs_its_subject(bundle):
                what = f"a {bundle.kind} bundle signs another subject than stored"
                report.add(0, what)
                continue
            digest = sha256(bundle.raw).hexdigest()
            held[digest] = replace(bundle, raw=b"")
    return held


def check_evidence(
    checked: Checked, *, held: Mapping[str, StoredBundle], report: Report
) -> None:
    """Requires that every approval and grant of the log stands on held bundles."""
    event, facts = checked.content.get("event"), checked.content.get("facts", {})
    if event == "request.approved":
        bundle = held.get(str(facts.get("bundle_sha256")))
        if bundle is None:
            report.add(checked.seq, "names an approval bundle that does not verify")
        elif bundle.approver != checked.content["actor"]["name"]:
            report.add(checked.seq, "was signed by somebody else than its actor")
        elif bundle.subject_sha256 != facts.get("digest"):
            report.add(checked.seq, "was signed over another request")
        elif bundle.signed_by != facts.get("signed_by", _INSTANCE):
            report.add(checked.seq, "says another origin than its signature has")
    elif event == "grant.issued":
        if not _has_quorum(facts, held):
            report.add(checked.seq, "is a grant without its quorum of signatures")
        elif not _says_its_assurance(facts, held):
            report.add(checked.seq, "hides that its approvals are of the fallback")
    elif event == "grant.countersigned":
        bundle = held.get(str(facts.get("bundle_sha256")))
        if bundle is None or bundle.kind != "counter":
            report.add(checked.seq, "names a countersignature that does not verify")


def check_anchors(
    anchors: Iterable[Anchor],
    *,
    hashes: Mapping[int, bytes],
    report: Report,
    roots: Mapping[int, bytes] | None = None,
    excused: Iterable[tuple[int, bytes]] = (),
) -> None:
    """
    Requires that the log still extends every checkpoint that is known.

    `excused` are those that two admins left behind on record, by size and head: a
    break that is known, and said, but no finding. What such a checkpoint names as its
    own predecessor is left behind with it.
    """
    known = list(anchors)
    left = _with_ancestors(excused, known)
    broken: set[tuple[int, bytes]] = set()
    for anchor in known:
        report.anchors += 1
        held = hashes.get(anchor.size)
        if held == anchor.head:
            _check_root(anchor, roots or {}, report)
        elif anchor.name in left:
            broken.add(anchor.name)
        elif held is None:
            report.add(anchor.size, "was sealed by a checkpoint, and is gone")
        else:
            report.add(anchor.size, "is not the one that its checkpoint sealed")
    if broken:
        report.unproven.append(_known_break(broken, known, hashes))


def _check_root(anchor: Anchor, roots: Mapping[int, bytes], report: Report) -> None:
    made = roots.get(anchor.size)
    if anchor.root and made is not None and made != anchor.root:
        report.add(anchor.size, "has a checkpoint with the root of another tree")


def _with_ancestors(
    excused: Iterable[tuple[int, bytes]], anchors: Sequence[Anchor]
) -> set[tuple[int, bytes]]:
    """Follows the signed links backward, from the checkpoints that were named."""
    before = {anchor.name: anchor.previous for anchor in anchors}
    left: set[tuple[int, bytes]] = set()
    for name in excused:
        current: tuple[int, bytes] | None = name
        while current is not None and current not in left:
            left.add(current)
            current = before.get(current)
    return left


def _known_break(
    broken: set[tuple[int, bytes]],
    anchors: Iterable[Anchor],
    hashes: Mapping[int, bytes],
) -> str:
    fits = [a.size for a in anchors if hashes.get(a.size) == a.head]
    least = min(size for size, _ in broken)
    until = max((size for size in fits if size < least), default=0)
    word = "checkpoint" if len(broken) == 1 else "checkpoints"
    return (
        f"A known break: {len(broken)} published {word} (up to {max(broken)[0]} "
        f"entries) are no longer part of this log. Two admins re-anchored it on record "
        f"(log.reanchored); what stood behind entry {until} before that is not proven."
    )


def _signs_its_subject(bundle: StoredBundle) -> bool:
    """The statement verified, yet a signed one may be of any shape."""
    try:
        subject = json.loads(bundle.statement)["subject"][0]["digest"]["sha256"]
    except (ValueError, TypeError, LookupError):
        return False
    return bool(subject == bundle.subject_sha256)


def _has_quorum(facts: dict[str, Any], held: Mapping[str, StoredBundle]) -> bool:
    """Counts the different people who signed an approval of exactly this request."""
    quorum, named = facts.get("quorum"), facts.get("approval_bundles")
    if not isinstance(quorum, int) or quorum < 1 or not isinstance(named, list):
        return False
    given = [held[str(name)] for name in named if str(name) in held]
    people = {
        bundle.approver
        for bundle in given
        if bundle.kind == "approval" and bundle.subject_sha256 == facts.get("digest")
    }
    return len(people) >= quorum


def _says_its_assurance(
    facts: dict[str, Any], held: Mapping[str, StoredBundle]
) -> bool:
    """A grant that stands on one signature of the fallback is one of the fallback."""
    origins = {
        held[name].signed_by for name in facts["approval_bundles"] if name in held
    }
    return origins <= {_INSTANCE} or facts.get("assurance") == "offline_quorum"


def _in_batches(
    bundles: Iterable[StoredBundle], most: int
) -> Iterable[list[StoredBundle]]:
    batch: list[StoredBundle] = []
    for bundle in bundles:
        batch.append(bundle)
        if len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch
