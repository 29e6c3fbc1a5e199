"""What an entry's page says about proof, checked again at every look (design.md 5)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from django.utils.translation import gettext as _

from breakglass.audit import chain, events
from breakglass.errors import SigningFailed
from breakglass.models import AuditEntry, Bundle, Checkpoint
from breakglass.signing import Expected, fallback, instance
from breakglass.states import SignedBy
from portal.http.audit import bundle as audit_bundle
from portal.templatetags.portal import utc

OK: Final = "ok"
FAILED: Final = "failed"
WAITING: Final = "waiting"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the verification box: what was looked at, and what came of it."""

    state: str
    title: str
    sentence: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """The fresh sign-in that a decision stands on."""

    at: datetime
    method: str


def is_intact(entry: AuditEntry) -> bool:
    """Whether the bytes have the stored hash, and the columns say what they say."""
    if chain.entry_hash(bytes(entry.body)) != bytes(entry.entry_hash):
        return False
    body = _parsed(entry)
    return (
        body.get("seq") == entry.seq
        and body.get("prev") == bytes(entry.prev_hash).hex()
        and body.get("event") == entry.event
        and body.get("bypass_id", "") == entry.bypass_id
        and body.get("at") == chain.timestamp(entry.at)
        and body.get("actor", {}).get("name") == entry.actor
        and body.get("tenant", {}).get("id") == str(entry.tenant.public_id)
    )


def checks(
    *,
    entry: AuditEntry,
    previous: AuditEntry | None,
    bundle: Bundle | None,
    checkpoint: Checkpoint | None,
) -> list[Check]:
    """Returns every line, worst news and good alike, each really checked now."""
    lines = [_bytes(entry), _link(entry, previous)]
    if names_bundle(entry):
        lines += _signature(entry, bundle)
    lines.append(_checkpoint(entry, checkpoint))
    return lines


def signature(*, entry: AuditEntry, bundle: Bundle | None) -> Check:
    """Returns the worst line about the signature that the entry names, checked now."""
    lines = _signature(entry, bundle)
    return next((line for line in lines if line.state != OK), lines[0])


def names_bundle(entry: AuditEntry) -> str:
    """Returns the SHA-256 of the bundle that the entry names, or nothing."""
    facts = _parsed(entry).get("facts")
    return str(facts.get("bundle_sha256") or "") if isinstance(facts, dict) else ""


def sign_in(entry: AuditEntry) -> SignIn | None:
    """Returns how and when the person signed in for this, if the entry says it."""
    facts = _parsed(entry).get("facts")
    found = facts.get("authentication") if isinstance(facts, dict) else None
    if not isinstance(found, dict):
        return None
    try:
        at = datetime.fromisoformat(found["at"])
    except (KeyError, TypeError, ValueError):
        return None
    return SignIn(at=at, method=str(found.get("method") or ""))


def policy_version(entry: AuditEntry) -> int | None:
    """Returns the policy version that the entry names, if it names one."""
    facts = _parsed(entry).get("facts")
    found = facts.get("policy_version") if isinstance(facts, dict) else None
    return found if isinstance(found, int) else None


def pretty(entry: AuditEntry) -> str:
    """Returns the stored bytes with line breaks; the hash is of the raw ones."""
    return json.dumps(_parsed(entry), indent=2, ensure_ascii=False)


def _bytes(entry: AuditEntry) -> Check:
    title = _("The bytes match the hash")
    if is_intact(entry):
        short = bytes(entry.entry_hash).hex()[:12]
        said = _("The stored bytes hash to %(hash)s…, as the log says.")
        return Check(OK, title, said % {"hash": short})
    sentence = _(
        "The stored bytes, their hash and the columns shown here disagree. Somebody "
        "changed the database behind the log."
    )
    return Check(FAILED, title, sentence)


def _link(entry: AuditEntry, previous: AuditEntry | None) -> Check:
    title = _("It links to the entry before")
    broken = _("The hash that it carries is not that of the entry before it.")
    prev = str(_parsed(entry).get("prev"))
    if entry.seq == 1:
        good = prev == chain.GENESIS.hex()
        first = _("This is the first entry: it links to nothing, as it must.")
        return Check(OK if good else FAILED, title, first if good else broken)
    if previous is None:
        said = _("Entry %(seq)s is missing from the log.")
        return Check(FAILED, title, said % {"seq": entry.seq - 1})
    if chain.entry_hash(bytes(previous.body)).hex() != prev:
        return Check(FAILED, title, broken)
    said = _("It carries the hash of entry %(seq)s.")
    return Check(OK, title, said % {"seq": previous.seq})


def _signature(entry: AuditEntry, bundle: Bundle | None) -> list[Check]:
    """Verifies the bundle against the name that the entry gives, not the row's."""
    title = _("The signature holds")
    if bundle is None:
        sentence = _("The entry names a signature that is not on record.")
        return [Check(FAILED, title, sentence)]
    if sha256(bytes(bundle.bundle)).hexdigest() != names_bundle(entry):
        sentence = _("The signature on record is another one than the entry names.")
        return [Check(FAILED, title, sentence)]
    found = _verified(title, bundle, expected=_signers(entry, bundle))
    if found.state != OK or bundle.signed_by == SignedBy.SEALED_KEY:
        return [found]
    return [Check(OK, title, found.sentence), *_carried(bundle)]


def _carried(bundle: Bundle) -> list[Check]:
    """What was verified with the signature, in plain words: one call checks it all."""
    read = audit_bundle.signature_of(bundle)
    who = {"identity": read.identity, "issuer": read.issuer}
    lines = [
        Check(
            OK,
            _("The certificate names the signer"),
            _(
                "It was issued to %(identity)s, whom %(issuer)s vouched for, and was "
                "valid at %(at)s."
            )
            % {**who, "at": utc(read.integrated_at)},
        )
    ]
    if read.inclusion is not None:
        said = _(
            "It stands there at index %(index)s since %(at)s; the inclusion proof was "
            "checked against a tree of %(size)s."
        ) % {
            "index": read.inclusion.index,
            "size": read.inclusion.size,
            "at": utc(read.integrated_at),
        }
        lines.append(Check(OK, _("It is in the transparency log"), said))
    return lines


def _verified(title: str, bundle: Bundle, *, expected: Sequence[Expected]) -> Check:
    try:
        proof = fallback.verifier_for(bundle.signed_by).verify(
            bundle=bytes(bundle.bundle),
            statement=bytes(bundle.intent.statement),
            expected=expected,
        )
    except SigningFailed as error:
        state = UNKNOWN if error.retryable else FAILED
        return Check(state, title, f"{str(error)[:300].capitalize()}.")
    if proof.signed_by == SignedBy.SEALED_KEY:
        sentence = _(
            "Signed for %(identity)s by the sealed local key, since the signing "
            "service was down, at %(at)s by the portal's own clock. It stands in no "
            "transparency log: passkeys and countersignature prove it."
        )
    else:
        sentence = _("Signed by %(identity)s, over exactly what the entry names.")
    said = {"identity": proof.identity, "at": utc(proof.integrated_at)}
    return Check(OK, title, sentence % said)


def _signers(entry: AuditEntry, bundle: Bundle) -> Sequence[Expected]:
    """Approvals carry the approver's own name, or name them inside; else the portal."""
    if entry.event != events.REQUEST_APPROVED:
        return instance.workloads()
    return instance.signers_of_approval(
        email=str(_parsed(entry)["actor"]["name"]),
        statement=bytes(bundle.intent.statement),
    )


def _checkpoint(entry: AuditEntry, checkpoint: Checkpoint | None) -> Check:
    """Verifies the checkpoint's own signature, and that its row is what it says."""
    title = _("A signed checkpoint covers it")
    if checkpoint is None or checkpoint.size < entry.seq:
        sentence = _("Not yet: the log is sealed within a minute while it grows.")
        return Check(WAITING, title, sentence)
    size = {"size": checkpoint.size}
    if not is_signed(checkpoint):
        said = _("The checkpoint at entry %(size)s waits for its signature.")
        return Check(WAITING, title, said % size)
    signed = json.loads(bytes(checkpoint.statement.statement))["predicate"]
    stored = (checkpoint.size, bytes(checkpoint.head_hash).hex())
    if (signed["size"], signed["head"]) != stored:
        said = _("The checkpoint at entry %(size)s was changed after it was signed.")
        return Check(FAILED, title, said % size)
    bundle = checkpoint.statement.bundle
    proof = _verified(title, bundle, expected=instance.workloads())
    if proof.state != OK:
        return proof
    sentence = _(
        "The checkpoint at entry %(size)s is signed by %(identity)s and stands on this "
        "entry. “manage.py verify” walks every link in between."
    )
    return Check(OK, title, sentence % {**size, "identity": bundle.identity})


def is_signed(checkpoint: Checkpoint) -> bool:
    """Whether its statement has its bundle (the reverse of a one-to-one may lack)."""
    return hasattr(checkpoint.statement, "bundle")


def _parsed(entry: AuditEntry) -> dict[str, Any]:
    """Bytes that do not parse are shown as such, and fail the hash anyway."""
    try:
        body = json.loads(bytes(entry.body))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
