"""
Generations of keys: each has an issuing CA, a log and a certificate log of its own.

One key never signs two logs and one log is never signed by two keys, so a new
generation starts new logs. What verifiers need of a generation is kept for ever in
``installation.json``; its private keys are deleted when the next one has begun.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority.keys import CURVES, KeyRing, key_id, spki
from breakglass.authority.wire import JsonObject, base64_text

MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Remark:
    """That something was done to a generation: when, and why."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Generation:
    """The public side of one generation of keys, and what became of it."""

    number: int
    fingerprints: Mapping[str, str]
    chain: tuple[x509.Certificate, x509.Certificate]
    rekor: ec.EllipticCurvePublicKey
    ctlog: ec.EllipticCurvePublicKey
    started_at: datetime
    retired: Remark | None = None
    distrusted: Remark | None = None

    @property
    def log_id(self) -> bytes:
        """The log's identifier in entries and trusted roots."""
        return key_id(self.rekor)

    @property
    def ct_log_id(self) -> bytes:
        """The certificate log's identifier in SCTs and trusted roots."""
        return key_id(self.ctlog)

    @property
    def tree_id(self) -> str:
        """The number by which Rekor's API tells shards apart."""
        return str(int.from_bytes(self.log_id[:6], "big"))

    @property
    def log_tree(self) -> str:
        """The name of the log's tree in the database."""
        return _tree("rekor", self.number)

    @property
    def log_trees_before(self) -> list[str]:
        """The names of the logs that ended before this one began."""
        return [_tree("rekor", number) for number in range(1, self.number)]

    @property
    def ct_tree(self) -> str:
        """The name of the certificate log's tree in the database."""
        return _tree("ct", self.number)


def of_ring(
    ring: KeyRing,
    fingerprints: Mapping[str, str],
    *,
    number: int,
    started_at: datetime | None = None,
) -> Generation:
    """
    Returns the generation of a loaded key ring.

    Without *started_at* it starts with its root: the first generation always did.
    """
    return Generation(
        number=number,
        fingerprints=fingerprints,
        chain=ring.chain,
        rekor=ring.rekor.public_key(),
        ctlog=ring.ctlog.public_key(),
        started_at=started_at or ring.root.not_valid_before_utc,
    )


def to_json(generation: Generation) -> JsonObject:
    """Returns the record for ``installation.json``."""
    return {
        "number": generation.number,
        "started_at": f"{generation.started_at:{MOMENT}}",
        "retired": _remark_to_json(generation.retired),
        "distrusted": _remark_to_json(generation.distrusted),
        "keys": dict(generation.fingerprints),
        "chain": [
            base64_text(item.public_bytes(serialization.Encoding.DER))
            for item in generation.chain
        ],
        "rekor": base64_text(spki(generation.rekor)),
        "ctlog": base64_text(spki(generation.ctlog)),
    }


def from_json(record: JsonObject) -> Generation:
    """
    Reads a record back; raises `ValueError`, `KeyError` or `TypeError` when damaged.

    The public keys must fit the fingerprints beside them, so that a record whose
    parts come from different generations is noticed.
    """
    fingerprints = {role: _string(_dict(record["keys"])[role]) for role in CURVES}
    issuing, root = (
        x509.load_der_x509_certificate(_bytes(item)) for item in _list(record["chain"])
    )
    found = {
        "fulcio-root": _public_key(root.public_key()),
        "fulcio": _public_key(issuing.public_key()),
        "rekor": _loaded(record["rekor"]),
        "ctlog": _loaded(record["ctlog"]),
    }
    for role, key in found.items():
        if key_id(key).hex() != fingerprints[role]:
            raise ValueError(f"the {role} key does not fit its fingerprint")
    number = record["number"]
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError("number is not a number")
    return Generation(
        number=number,
        fingerprints=fingerprints,
        chain=(issuing, root),
        rekor=found["rekor"],
        ctlog=found["ctlog"],
        started_at=_moment(record["started_at"]),
        retired=_remark_from_json(record["retired"]),
        distrusted=_remark_from_json(record["distrusted"]),
    )


def require_in_order(generations: tuple[Generation, ...]) -> None:
    """Raises `ValueError` unless they are numbered 1 to n and only the last is live."""
    if [item.number for item in generations] != list(range(1, len(generations) + 1)):
        raise ValueError("the generations are not numbered from 1 on")
    *retired, live = generations
    if live.retired or live.distrusted or not all(item.retired for item in retired):
        raise ValueError("exactly the last generation must be in use")


def _tree(kind: str, number: int) -> str:
    # The first generation's trees have the names that they had before there were more.
    return kind if number == 1 else f"{kind}-{number}"


def _remark_to_json(remark: Remark | None) -> JsonObject | None:
    if remark is None:
        return None
    return {"at": f"{remark.at:{MOMENT}}", "reason": remark.reason}


def _remark_from_json(value: object) -> Remark | None:
    if value is None:
        return None
    record = _dict(value)
    return Remark(_moment(record["at"]), _string(record["reason"]))


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_string(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value} names no time zone")
    return moment


def _loaded(value: object) -> ec.EllipticCurvePublicKey:
    return _public_key(serialization.load_der_public_key(_bytes(value)))


def _public_key(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("a key is not an EC key")
    return key


def _bytes(value: object) -> bytes:
    return base64.b64decode(_string(value), validate=True)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    return value


def _dict(value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError("an object is missing")
    return value
