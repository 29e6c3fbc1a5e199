"""
The certificate log: every certificate this authority has made, for anybody to read.

The read paths of RFC 6962 section 4 and the tree heads of section 3.5. Nothing can be
submitted: the authority logs what it signs, in the same transaction. There are no
precertificates, since the log sees the certificate's own bytes before the SCT is put
in, so ``extra_data`` is empty; ``leaf_input`` is the whole entry.
"""

import json
import struct
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import wire
from breakglass.authority.errors import Refused
from breakglass.authority.generations import Generation
from breakglass.authority.installation import Installation
from breakglass.authority.store import Head, Store
from breakglass.authority.wire import JsonObject, base64_text

MOST_ENTRIES: Final = 256

# RFC 6962: version v1; signature type tree_hash. RFC 5246: SHA-256 with ECDSA.
_V1, _TREE_HASH = 0, 1
_SHA256, _ECDSA = 4, 3
_HASH_BYTES: Final = 32


class CertificateLog:
    """Reads the certificate logs; ``generation`` in a query names a retired one."""

    def __init__(self, *, installation: Installation, store: Store) -> None:
        self._generations = installation.generations
        self._store = store

    def tree_head(self, query: Mapping[str, str]) -> JsonObject:
        """Answers get-sth (section 4.3): as old as the newest certificate."""
        generation = self._asked(query)
        with self._store.transaction() as transaction:
            return _signed(transaction.head(generation.ct_tree))

    def consistency(self, query: Mapping[str, str]) -> JsonObject:
        """Answers get-sth-consistency (section 4.4)."""
        generation = self._asked(query)
        first, second = wire.decimal(query, "first"), wire.decimal(query, "second")
        with self._store.transaction() as transaction:
            if not 0 < first <= second <= transaction.head(generation.ct_tree).size:
                raise Refused("need 0 < first <= second <= size of the log")
            _, proof = transaction.prove_growth(generation.ct_tree, first, second)
        return {"consistency": [base64_text(item) for item in proof]}

    def proof_by_hash(self, query: Mapping[str, str]) -> JsonObject:
        """Answers get-proof-by-hash (section 4.5)."""
        generation = self._asked(query)
        entry_hash = wire.unbase64(query.get("hash"), what="hash")
        size = wire.decimal(query, "tree_size")
        if len(entry_hash) != _HASH_BYTES:
            raise Refused("hash is not a SHA-256")
        with self._store.transaction() as transaction:
            head = transaction.head(generation.ct_tree)
            if not 0 < size <= head.size:
                raise Refused("need 0 < tree_size <= size of the log")
            leaf = transaction.find(generation.ct_tree, entry_hash)
            if leaf is None or leaf.index >= size:
                raise Refused(
                    "there is no such entry in a tree of that size", status=404
                )
            asked = Head(head.tree, size, head.checkpoint, head.now_ms)
            proof = transaction.prove(asked, leaf.index)
        path = [base64_text(item) for item in proof.hashes]
        return {"leaf_index": leaf.index, "audit_path": path}

    def entries(self, query: Mapping[str, str]) -> JsonObject:
        """Answers get-entries (section 4.6), at most `MOST_ENTRIES` at a time."""
        generation = self._asked(query)
        start, end = wire.decimal(query, "start"), wire.decimal(query, "end")
        with self._store.transaction() as transaction:
            size = transaction.head(generation.ct_tree).size
            if not start <= end or start >= size:
                raise Refused("need 0 <= start <= end, and start < size of the log")
            last = min(end, size - 1, start + MOST_ENTRIES - 1)
            leaves = transaction.leaves(generation.ct_tree, start, last)
        found = [{"leaf_input": base64_text(x.body), "extra_data": ""} for x in leaves]
        return {"entries": found}

    def roots(self, query: Mapping[str, str]) -> JsonObject:
        """Answers get-roots (section 4.7)."""
        _, root = self._asked(query).chain
        der = root.public_bytes(serialization.Encoding.DER)
        return {"certificates": [base64_text(der)]}

    def _asked(self, query: Mapping[str, str]) -> Generation:
        if "generation" not in query:
            return self._generations[-1]
        number = wire.decimal(query, "generation")
        if not 0 < number <= len(self._generations):
            raise Refused("there is no such generation", status=404)
        return self._generations[number - 1]


def signed_tree_head(
    key: ec.EllipticCurvePrivateKey, *, size: int, root: bytes, timestamp_ms: int
) -> str:
    """Returns get-sth's answer over a tree head, as it is stored (section 3.5)."""
    signed = struct.pack("!BBQQ", _V1, _TREE_HASH, timestamp_ms, size) + root
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    header = struct.pack("!BBH", _SHA256, _ECDSA, len(signature))
    return json.dumps(
        {
            "tree_size": size,
            "timestamp": timestamp_ms,
            "sha256_root_hash": base64_text(root),
            "tree_head_signature": base64_text(header + signature),
        }
    )


def _signed(head: Head) -> JsonObject:
    if not head.checkpoint:
        raise Refused("this log ended before its heads were signed", status=404)
    return wire.json_object(head.checkpoint.encode("utf-8"), what="stored tree head")
