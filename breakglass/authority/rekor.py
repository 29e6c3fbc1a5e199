"""
The transparency log: Rekor's v1 API for entries of kind ``dsse``, ``hashedrekord``.

Formats: Rekor's openapi.yaml and pkg/types/dsse/v0.0.1; checkpoints are signed notes
(C2SP tlog-checkpoint, in Rekor v1's dialect). Only signatures made with certificates
of this authority are taken, so nobody else can fill the log or write words into it.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass import merkle
from breakglass.authority import fulcio, hashedrekord, wire
from breakglass.authority.errors import Refused, Unavailable
from breakglass.authority.generations import Generation
from breakglass.authority.installation import Installation
from breakglass.authority.notary import Notary
from breakglass.authority.store import Leaf, Proof, Store, Transaction
from breakglass.authority.wire import JsonObject, base64_text

_ECDSA_SHA256: Final = ec.ECDSA(hashes.SHA256())
_DSSE_KIND: Final = ("dsse", "0.0.1")
_KINDS: Final = (_DSSE_KIND, hashedrekord.KIND)


class TransparencyLog:
    """
    One log of signatures over envelopes and digests, a shard a generation of keys.

    The live generation's shard grows. Entries of the others stay readable and proven
    under their shard's last checkpoint; their promises are in the bundles, since the
    key that could repeat them is gone. Indices run on over all shards, as in Rekor.
    """

    def __init__(self, *, installation: Installation, store: Store) -> None:
        self._installation = installation
        self._live = installation.generation
        self._store = store
        self._notary = Notary(installation.ring, installation.constants)
        self._first_indices: Mapping[int, int] = {}

    def add(self, proposed: JsonObject) -> JsonObject:
        """
        Logs a proposed entry and returns it with SET and inclusion proof.

        Adding the same entry again returns the one that is there: Rekor's own answer,
        409, is one that sigstore-python does not handle. Raises `Refused` (400), and
        `Unavailable` for a certificate from before a rotation: sign again.
        """
        certificate, body = self._proposal(proposed)
        live = self._live
        with self._store.transaction() as transaction:
            head = transaction.lock(live.log_tree)
            self._installation.require_current()
            first = self._first_index(transaction, live)
            leaf = transaction.find(live.log_tree, merkle.leaf_hash(body))
            if leaf is not None:
                proof = transaction.prove(head, leaf.index)
                return self._entry(live, first, leaf, proof)
            _require_in_force(certificate, head.now_ms)
            proof = transaction.append(head, body, self._notary.checkpoint)
            # Signed before the commit: an entry without its promise never exists.
            return self._entry(live, first, Leaf(head.size, body, head.now_ms), proof)

    def by_index(self, query: Mapping[str, str]) -> JsonObject:
        """Returns the entry that ``logIndex`` names, proven in its shard's tree."""
        index = wire.decimal(query, "logIndex")
        with self._store.transaction() as transaction:
            generation, first = self._shard_of(transaction, index)
            # The head before the leaf, so that it covers the leaf or misses it.
            head, within = transaction.head(generation.log_tree), index - first
            leaf = transaction.leaf(head.tree, within) if within < head.size else None
            if leaf is None:
                raise Refused("there is no such entry", status=404)
            proof = transaction.prove(head, leaf.index)
            return self._entry(generation, first, leaf, proof)

    def by_uuid(self, uuid: str) -> JsonObject:
        """Returns the entry whose leaf hash is *uuid* (64 hexadecimal digits)."""
        with self._store.transaction() as transaction:
            for generation in reversed(self._installation.generations):
                leaf = transaction.find(generation.log_tree, bytes.fromhex(uuid))
                if leaf is None:
                    continue
                proof = transaction.prove(
                    transaction.head(generation.log_tree), leaf.index
                )
                first = self._first_index(transaction, generation)
                return self._entry(generation, first, leaf, proof)
        raise Refused("there is no such entry", status=404)

    def info(self) -> JsonObject:
        """Returns size, root and checkpoint of the live shard, and of the others."""
        *retired, live = self._installation.generations
        with self._store.transaction() as transaction:
            shards = [_shard_info(transaction, item) for item in retired]
            grown = _shard_info(transaction, live)
        # A directory that was rotated over an empty database has shards of nothing.
        return {**grown, "inactiveShards": [x for x in shards if x["treeSize"]]}

    def consistency(self, query: Mapping[str, str]) -> JsonObject:
        """Proves that a shard's tree of ``lastSize`` extends that of ``firstSize``."""
        old = wire.decimal({"firstSize": "1", **query}, "firstSize")
        new = wire.decimal(query, "lastSize")
        tree = self._asked(query).log_tree
        with self._store.transaction() as transaction:
            if not 0 < old <= new <= transaction.head(tree).size:
                raise Refused("need 0 < firstSize <= lastSize <= size of the log")
            root, proof = transaction.prove_growth(tree, old, new)
        return {"rootHash": root.hex(), "hashes": [item.hex() for item in proof]}

    def _asked(self, query: Mapping[str, str]) -> Generation:
        """Returns the generation whose shard ``treeID`` names; the live one without."""
        tree_id = str(wire.decimal({"treeID": self._live.tree_id, **query}, "treeID"))
        for generation in self._installation.generations:
            if generation.tree_id == tree_id:
                return generation
        raise Refused("there is no such shard", status=404)

    def _shard_of(self, transaction: Transaction, index: int) -> tuple[Generation, int]:
        """Returns the shard that an index lies in: the last that begins before it."""
        for generation in reversed(self._installation.generations):
            first = self._first_index(transaction, generation)
            if first <= index:
                return generation, first
        raise Refused("there is no such entry", status=404)

    def _first_index(self, transaction: Transaction, generation: Generation) -> int:
        """Read once: what a generation began with never changes."""
        if generation.number not in self._first_indices:
            self._first_indices = transaction.first_indices()
        try:
            return self._first_indices[generation.number]
        except KeyError:
            raise Unavailable(
                "the log is not prepared: restart the authority"
            ) from None

    def _proposal(self, proposed: JsonObject) -> tuple[x509.Certificate, bytes]:
        """Returns the signer's certificate and the checked body, of either kind."""
        kind = (proposed.get("kind"), proposed.get("apiVersion"))
        spec = wire.child(proposed, "spec") if kind in _KINDS else {}
        if kind == hashedrekord.KIND:
            certificate = self._own_certificate(hashedrekord.verifier(spec))
            pem = fulcio.pem(certificate)
            return certificate, wire.canonical(
                hashedrekord.entry(spec, certificate, pem=pem)
            )
        if kind != _DSSE_KIND:
            raise Refused("only entries of kind dsse or hashedrekord 0.0.1 are logged")
        content = wire.child(spec, "proposedContent")
        certificate = self._own_certificate(wire.only_item(content, "verifiers"))
        return certificate, _canonical_body(wire.text(content, "envelope"), certificate)

    def _own_certificate(self, verifier: object) -> x509.Certificate:
        try:
            certificate = x509.load_pem_x509_certificate(
                wire.unbase64(verifier, what="the verifier")
            )
            *retired, live = self._installation.generations
            for generation in (live, *retired):
                if not _issued_by(certificate, generation):
                    continue
                if generation.retired and not generation.distrusted:
                    raise Unavailable(
                        "the certificate is from before a key rotation: sign again"
                    )
                if generation is live:
                    return certificate
        except wire.BAD_X509 as exc:
            raise Refused("the verifier is no certificate of this authority") from exc
        raise Refused("the verifier is no certificate of this authority")

    def _entry(
        self, shard: Generation, first: int, leaf: Leaf, proof: Proof
    ) -> JsonObject:
        """Returns Rekor's LogEntry: the promise (SET) is over the entry's JCS form."""
        promised: JsonObject = {
            "body": base64_text(leaf.body),
            "integratedTime": leaf.logged_ms // 1000,
            "logID": shard.log_id.hex(),
            "logIndex": first + leaf.index,
        }
        verification: JsonObject = {
            "inclusionProof": {
                "checkpoint": proof.checkpoint,
                "hashes": [item.hex() for item in proof.hashes],
                "logIndex": leaf.index,
                "rootHash": proof.root.hex(),
                "treeSize": proof.size,
            },
        }
        if shard is self._live and self._installation.is_current():
            promise = base64_text(self._notary.promise(promised))
            verification["signedEntryTimestamp"] = promise
        uuid = merkle.leaf_hash(leaf.body).hex()
        return {uuid: {**promised, "verification": verification}}


def _issued_by(certificate: x509.Certificate, generation: Generation) -> bool:
    issuing, _ = generation.chain
    if certificate.issuer != issuing.subject:
        return False
    certificate.verify_directly_issued_by(issuing)  # raises what BAD_X509 names
    return True


def _shard_info(transaction: Transaction, generation: Generation) -> JsonObject:
    head = transaction.head(generation.log_tree)
    return {
        "rootHash": transaction.root(head).hex(),
        "treeSize": head.size,
        "treeID": generation.tree_id,
        "signedTreeHead": head.checkpoint,
    }


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
    return wire.canonical({"apiVersion": version, "kind": kind, "spec": spec})


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
