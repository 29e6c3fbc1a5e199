"""
Walks stored entries in order: bytes, hashes, links, and the columns beside them.

Shares only chain.py with the writer. An honest entry takes the short way, a few
comparisons; whatever fails one of them is looked at again in full, to say what is
wrong.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple, NoReturn

from breakglass.audit.chain import DOMAIN, GENESIS, TYPE, canonical

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
_KEYS: Final = frozenset(_SHAPE)
# RFC 8785 writes integers below 2^53 as Python does; longer ones take the long way.
_DIGITS_AT_MOST: Final = 15


class StoredEntry(NamedTuple):
    """One row as the database holds it: the bytes, and the columns beside them."""

    seq: int
    body: bytes
    prev_hash: bytes
    entry_hash: bytes
    at: str
    event: str
    actor: str
    bypass_id: str


class Position(NamedTuple):
    """Where a walk starts: behind this entry. The default is before the first."""

    seq: int = 0
    entry_hash: bytes = GENESIS
    at: str = ""


class Checked(NamedTuple):
    """
    One entry that stands in its place: its number, its hash, its content.

    `entry_hash` is of the bytes, `stored_hash` the one on record. The content has the
    fields of an entry, or none at all when that was a finding.
    """

    seq: int
    entry_hash: bytes
    content: dict[str, Any]
    stored_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `seq` is the entry it is about, 0 for the whole log."""

    seq: int
    message: str

    def __str__(self) -> str:
        about = f"Entry {self.seq}" if self.seq else "The log:"
        return f"{about} {self.message}."


@dataclass(slots=True)
class Report:
    """
    What was checked, what was found, and what is not proven.

    `since` is the entry behind which an incremental check began, 0 for a full one.
    """

    entries: int = 0
    bundles: int = 0
    anchors: int = 0
    since: int = 0
    size: int = 0
    head: bytes = GENESIS
    findings: list[Finding] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when nothing is wrong; read `unproven` for what that leaves open."""
        return not self.findings

    @property
    def first_bad(self) -> Finding | None:
        """The finding about the earliest entry; else about the whole log."""
        return min(self.findings, key=lambda f: (f.seq == 0, f.seq), default=None)

    def add(self, seq: int, message: str) -> None:
        """Writes down one finding."""
        self.findings.append(Finding(seq=seq, message=message))


def walk(
    entries: Iterable[StoredEntry],
    *,
    tenant_id: str,
    report: Report,
    start: Position = Position(),  # noqa: B008 - immutable
) -> Iterator[Checked]:
    """
    Yields each entry of one tenant in order, adding to the report what is wrong.

    Goes on after a finding, from the bytes as they stand, so that one altered entry
    is named once and not with everything behind it.
    """
    before, prev, last_at = start
    expected = before + 1
    for entry in entries:
        seq, body, prev_hash, stored_hash, at, event, actor, bypass_id = entry
        report.entries += 1
        digest = sha256(DOMAIN + body).digest()
        content = _quickly_parsed(body)
        # Compared with the columns, the strings of the content are strings too.
        if not (
            content is not None
            and digest == stored_hash
            and prev_hash == prev
            and seq == expected == content["seq"]
            and content["prev"] == prev_hash.hex()
            and content["tenant"].get("id") == tenant_id
            and content["at"] == at >= last_at
            and content["event"] == event
            and content["actor"].get("name") == actor
            and content["bypass_id"] == bypass_id
        ):
            content = _closely(
                entry,
                digest,
                tenant_id=tenant_id,
                after=Position(expected - 1, prev, last_at),
                report=report,
            )
            at = str(content.get("at", ""))
        last_at = max(last_at, at)
        prev, expected = stored_hash, seq + 1
        yield Checked(seq, digest, content, stored_hash)


def _refuse(_text: str) -> NoReturn:
    raise ValueError


def _short_integer(text: str) -> int:
    if len(text) > _DIGITS_AT_MOST:
        raise ValueError
    return int(text)


_DECODER: Final = json.JSONDecoder(
    parse_float=_refuse, parse_int=_short_integer, parse_constant=_refuse
)
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)


def _quickly_parsed(body: bytes) -> dict[str, Any] | None:
    """
    Returns an entry's content when the bytes surely are canonical, else None.

    For ASCII text, short integers and no floats, what Python's own encoder writes is
    what RFC 8785 asks for: the order of keys and the escapes agree. It is several
    times as fast, and whatever it does not settle is settled by the full encoder.
    """
    if not body.isascii():
        return None
    try:
        text = body.decode()
        content, _ = _DECODER.raw_decode(text)
        if _ENCODER.encode(content) != text:
            return None
    except (ValueError, RecursionError):
        return None
    return content if _is_entry(content) else None


def _is_entry(content: object) -> bool:
    """`type() is`, since True is an int too, and 1 to whoever compares."""
    return (
        type(content) is dict
        and content.keys() == _KEYS
        and content["type"] == TYPE
        and type(content["seq"]) is int
        and type(content["tenant"]) is dict
        and type(content["actor"]) is dict
        and type(content["facts"]) is dict
    )


def _closely(
    entry: StoredEntry,
    digest: bytes,
    *,
    tenant_id: str,
    after: Position,
    report: Report,
) -> dict[str, Any]:
    """Says everything that is wrong with one entry; returns its content, if any."""
    if entry.seq != after.seq + 1:
        report.add(after.seq + 1, f"is missing: the next stored one is {entry.seq}")
    content = _parsed(entry, report)
    if digest != entry.entry_hash:
        report.add(entry.seq, "was altered: its bytes do not have the hash on record")
    if entry.prev_hash != after.entry_hash:
        report.add(entry.seq, "does not link to the entry before it")
    for problem in _contradictions(entry, content, tenant_id, after.at):
        report.add(entry.seq, problem)
    return content


def _parsed(entry: StoredEntry, report: Report) -> dict[str, Any]:
    try:
        content = json.loads(entry.body)
        is_canonical = canonical(content) == entry.body
    except (ValueError, TypeError, RecursionError):
        report.add(entry.seq, "holds bytes that are not JSON")
        return {}
    if not isinstance(content, dict) or not is_canonical:
        report.add(entry.seq, "holds bytes that are not canonical")
        return {}
    known = _is_entry(content) and all(
        type(content[name]) is kind for name, kind in _SHAPE.items()
    )
    if not known or not isinstance(content["actor"].get("name"), str):
        report.add(entry.seq, "is not an entry of a known version")
        return {}
    return content


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
    columns = (entry.event, entry.actor, entry.bypass_id, entry.at)
    said = (
        content["event"],
        content["actor"]["name"],
        content["bypass_id"],
        content["at"],
    )
    if columns != said:
        yield "has columns that do not say what its bytes say"
