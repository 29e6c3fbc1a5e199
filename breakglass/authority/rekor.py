"""
The transparency log: Rekor's v1 API for entries of kind ``dsse`` 0.0.1.

Formats: Rekor's openapi.yaml and pkg/types/dsse/v0.0.1; checkpoints are signed notes
(C2SP tlog-checkpoint, in Rekor v1's dialect). Only signatures made with certificates
of this authority are taken, so nobody else can fill the log or write words into it.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass import merkle
from breakglass.authority import fulcio, wire
from breakglass.authority.config import Constants
from breakglass.authority.errors import Refused
from breakglass.authority.keys import KeyRing, key_id
from breakglass.authority.store import REKOR, Leaf, Proof, Store
from breakglass.authority.wire import JsonObject, base64_text

_ECDSA_SHA256: Final = ec.ECDSA(hashes.SHA256())
_DSSE_KIND: Final = ("dsse", "0.0.1")


class TransparencyLog:
    """One append-only log of DSSE envelopes."""

    def __init__(self, *, ring: KeyRing, store: Store, constants: Constants) -> None:
        self._ring = ring
        self._store = store
        self._notary = Notary(ring, constants)

    def add(self, proposed: JsonObject) -> JsonObject:
        """
        Logs a proposed entry and returns it with SET and inclusion proof.

        Adding the same entry again returns the one that is there: Rekor's own answer,
        409, is one that sigstore-python does not handle. Raises `Refused` (400).
        """
        if (proposed.get("kind"), proposed.get("apiVersion")) != _DSSE_KIND:
            raise Refused("only entries of kind dsse 0.0.1 are logged")
        content = wire.child(wire.child(proposed, "spec"), "proposedContent")
        certificate = self._own_certificate(wire.only_item(content, "verifiers"))
        body = _canonical_body(wire.text(content, "envelope"), certificate)
        with self._store.transaction() as transaction:
            head = transaction.lock(REKOR)
            leaf = transaction.find(REKOR, merkle.leaf_hash(body))
            if leaf is not None:
                return self._entry(leaf, transaction.prove(head, leaf.index))
            _require_in_force(certificate, head.now_ms)
            proof = transaction.append(head, body, self._notary.checkpoint)
            # Signed before the commit: an entry without its promise never exists.
            return self._entry(Leaf(head.size, body, head.now_ms), proof)

    def by_index(self, query: Mapping[str, str]) -> JsonObject:
        """Returns the entry that ``logIndex`` names, proven in the current tree."""
        index = wire.decimal(query, "logIndex")
        with self._store.transaction() as transaction:
            head = transaction.head(REKOR)  # before the leaf, so it covers or misses it
            leaf = transaction.leaf(REKOR, index) if index < head.size else None
            if leaf is None:
                raise Refused("there is no such entry", status=404)
            return self._entry(leaf, transaction.prove(head, leaf.index))

    def by_uuid(self, uuid: str) -> JsonObject:
        """Returns the entry whose leaf hash is *uuid* (64 hexadecimal digits)."""
        with self._store.transaction() as transaction:
            leaf = transaction.find(REKOR, bytes.fromhex(uuid))
            if leaf is None:
                raise Refused("there is no such entry", status=404)
            head = transaction.head(REKOR)
            return self._entry(leaf, transaction.prove(head, leaf.index))

    def info(self) -> JsonObject:
        """Returns the current tree's size, root and checkpoint."""
        with self._store.transaction() as transaction:
            head = transaction.head(REKOR)
            proof = transaction.prove(head, head.size - 1)
        return {
            "rootHash": proof.root.hex(),
            "treeSize": proof.size,
            "treeID": self._notary.tree_id,
            "signedTreeHead": proof.checkpoint,
            "inactiveShards": [],
        }

    def consistency(self, query: Mapping[str, str]) -> JsonObject:
        """Proves that the tree of ``lastSize`` extends that of ``firstSize``."""
        old = wire.decimal({"firstSize": "1", **query}, "firstSize")
        new = wire.decimal(query, "lastSize")
        with self._store.transaction() as transaction:
            if not 0 < old <= new <= transaction.head(REKOR).size:
                raise Refused("need 0 < firstSize <= lastSize <= size of the log")
            root, proof = transaction.prove_growth(REKOR, old, new)
        return {"rootHash": root.hex(), "hashes": [item.hex() for item in proof]}

    def healthy_size(self) -> int:
        """Returns the number of entries; raises `Unavailable` without a database."""
        with self._store.transaction() as transaction:
            return transaction.head(REKOR).size

    def _own_certificate(self, verifier: object) -> x509.Certificate:
        try:
            certificate = x509.load_pem_x509_certificate(
                wire.unbase64(verifier, what="the verifier")
            )
            certificate.verify_directly_issued_by(self._ring.intermediate)
        except wire.BAD_X509 as exc:
            raise Refused("the verifier is no certificate of this authority") from exc
        return certificate

    def _entry(self, leaf: Leaf, proof: Proof) -> JsonObject:
        """Returns Rekor's LogEntry: the promise (SET) is over the entry's JCS form."""
        promised: JsonObject = {
            "body": base64_text(leaf.body),
            "integratedTime": leaf.logged_ms // 1000,
            "logID": self._notary.log_id.hex(),
            "logIndex": leaf.index,
        }
        verification: JsonObject = {
            "inclusionProof": {
                "checkpoint": proof.checkpoint,
                "hashes": [item.hex() for item in proof.hashes],
                "logIndex": leaf.index,
                "rootHash": proof.root.hex(),
                "treeSize": proof.size,
            },
            "signedEntryTimestamp": base64_text(self._notary.promise(promised)),
        }
        uuid = merkle.leaf_hash(leaf.body).hex()
        return {uuid: {**promised, "verification": verification}}


class Notary:
    """Signs what the log says: checkpoints and inclusion promises."""

    def __init__(self, ring: KeyRing, constants: Constants) -> None:
        self._key = ring.rekor
        self._name = constants.log_name
        self.log_id = key_id(ring.rekor.public_key())
        self.tree_id = str(int.from_bytes(self.log_id[:6], "big"))

    def checkpoint(self, size: int, root: bytes) -> str:
        """Returns the signed note over a tree head, in Rekor v1's dialect."""
        body = f"{self._name} - {self.tree_id}\n{size}\n{base64_text(root)}\n"
        signature = self._key.sign(body.encode("ascii"), _ECDSA_SHA256)
        hinted = base64_text(self.log_id[:4] + signature)
        return f"{body}\n\N{EM DASH} {self._name} {hinted}\n"

    def promise(self, entry: JsonObject) -> bytes:
        """Returns the signed entry timestamp: ECDSA over RFC 8785 bytes."""
        return self._key.sign(_canonical(entry), _ECDSA_SHA256)


def genesis(constants: Constants) -> bytes:
    """Returns the body of the log's first entry, which nobody signs."""
    return _canonical(
        {
            "apiVersion": "0.0.1",
            "kind": "genesis",
            "spec": {"logName": constants.log_name, "site": constants.site},
        }
    )


def _canonical_body(envelope_text: str, certificate: x509.Certificate) -> bytes:
    """Checks a DSSE envelope's signature and returns the entry body to log."""
    envelope = wire.json_object(envelope_text.encode("utf-8"), what="envelope")
    payload = wire.unbase64(envelope.get("payload"), what="payload")
    item = wire.only_item(envelope, "signatures")
    encoded = item.get("sig") if isinstance(item, dict) else None
    signature = wire.unbase64(encoded, what="sig")
    payload_type = wire.utf8(wire.text(envelope, "payloadType"), what="payloadType")
    _verify(certificate, signature, _pae(payload_type, payload))
    verifier = base64_text(fulcio.pem(certificate).encode("ascii"))
    spec: JsonObject = {
        "envelopeHash": _sha256(envelope_text.encode("utf-8")),
        "payloadHash": _sha256(payload),
        "signatures": [{"signature": base64_text(signature), "verifier": verifier}],
    }
    kind, version = _DSSE_KIND
    return _canonical({"apiVersion": version, "kind": kind, "spec": spec})


def _verify(certificate: x509.Certificate, signature: bytes, data: bytes) -> None:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Refused("the verifier does not hold an ECDSA key")
    try:
        key.verify(signature, data, _ECDSA_SHA256)
    except InvalidSignature as exc:
        raise Refused("the signature does not fit payload and certificate") from exc


def _require_in_force(certificate: x509.Certificate, now_ms: int) -> None:
    """A late entry could never be verified, so it is refused while that can be said."""
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Refused("the certificate is not in force any more")


def _pae(payload_type: bytes, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding; lengths are of bytes, not of letters."""
    return b"DSSEv1 %d %s %d %s" % (
        len(payload_type),
        payload_type,
        len(payload),
        payload,
    )


def _sha256(data: bytes) -> JsonObject:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _canonical(value: JsonObject) -> bytes:
    """RFC 8785 bytes."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # its JSON type is invariant
