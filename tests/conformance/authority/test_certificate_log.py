"""Every certificate can be seen by anybody, used or not, and the log only grows."""

import base64
import hashlib
import json
import struct
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.conformance.authority.stock_client import certificate_of, signing_request


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_hash(entry: dict) -> bytes:
    return hashlib.sha256(b"\x00" + base64.b64decode(entry["leaf_input"])).digest()


def root_by_path(index: int, size: int, current: bytes, path: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2, written down once more and not shared."""
    last = size - 1
    for item in path:
        if index & 1 or index == last:
            current = node(item, current)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            current = node(current, item)
        index, last = index >> 1, last >> 1
    assert last == 0
    return current


def tree_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node(tree_root(leaves[:split]), tree_root(leaves[split:]))


def certificate(portal) -> x509.Certificate:
    bearer = {"Authorization": f"Bearer {portal.id_token('unused@acme.example')}"}
    answer = portal.post("/api/v2/signingCert", signing_request(), **bearer).json()
    chain = answer["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    return x509.load_pem_x509_certificate(chain[0].encode())


def every_entry(portal, size: int) -> list[dict]:
    found: list[dict] = []
    while len(found) < size:
        path = f"/ct/v1/get-entries?start={len(found)}&end={size - 1}"
        found += portal.get(path).json()["entries"]
    return found


def tbs_of(entry: dict) -> bytes:
    """The TBSCertificate in a MerkleTreeLeaf (RFC 6962 section 3.4)."""
    leaf = base64.b64decode(entry["leaf_input"])
    version, kind, _, entry_type = struct.unpack("!BBQH", leaf[:12])
    assert (version, kind, entry_type) == (0, 0, 1)
    length = int.from_bytes(leaf[44:47], "big")
    assert leaf[47 + length :] == b"\x00\x00"
    return leaf[47 : 47 + length]


def test_a_certificate_that_never_signed_anything_is_in_the_log(portal):
    unused = certificate(portal)
    size = portal.get("/ct/v1/get-sth").json()["tree_size"]
    logged = [tbs_of(entry) for entry in every_entry(portal, size)]
    assert unused.tbs_precertificate_bytes in logged


def test_the_head_is_signed_over_the_entries_that_are_listed(portal, bundle):
    head = portal.get("/ct/v1/get-sth").json()
    root = base64.b64decode(head["sha256_root_hash"])
    trusted = json.loads(portal.trust_config.read_text())["trustedRoot"]
    (log,) = trusted["ctlogs"]
    key = load_der_public_key(base64.b64decode(log["publicKey"]["rawBytes"]))
    signature = base64.b64decode(head["tree_head_signature"])
    assert signature[:2] == b"\x04\x03"
    assert int.from_bytes(signature[2:4], "big") == len(signature) - 4
    signed = struct.pack("!BBQQ", 0, 1, head["timestamp"], head["tree_size"]) + root
    key.verify(signature[4:], signed, ec.ECDSA(hashes.SHA256()))
    entries = every_entry(portal, head["tree_size"])
    assert tree_root([leaf_hash(entry) for entry in entries]) == root
    # No certificate promised to be in this head is younger than the head.
    stamps = certificate_of(bundle).extensions.get_extension_for_class(
        x509.PrecertificateSignedCertificateTimestamps
    )
    (stamp,) = stamps.value
    assert stamp.timestamp.timestamp() * 1000 <= head["timestamp"] + 1


def test_a_logged_certificate_is_proven_by_its_hash(portal):
    certificate(portal)
    head = portal.get("/ct/v1/get-sth").json()
    size = head["tree_size"]
    entries = every_entry(portal, size)
    for index in {0, size // 2, size - 1}:
        digest = leaf_hash(entries[index])
        asked = quote(base64.b64encode(digest).decode(), safe="")
        path = f"/ct/v1/get-proof-by-hash?hash={asked}&tree_size={size}"
        proof = portal.get(path).json()
        assert proof["leaf_index"] == index
        audit_path = [base64.b64decode(item) for item in proof["audit_path"]]
        root = root_by_path(index, size, digest, audit_path)
        assert root == base64.b64decode(head["sha256_root_hash"])


def test_an_entry_is_not_proven_in_a_tree_from_before_it(portal):
    certificate(portal)
    size = portal.get("/ct/v1/get-sth").json()["tree_size"]
    last = every_entry(portal, size)[-1]
    asked = quote(base64.b64encode(leaf_hash(last)).decode(), safe="")
    certificate(portal)
    path = f"/ct/v1/get-proof-by-hash?hash={asked}&tree_size={size - 1}"
    assert portal.get(path).status_code == 404


def test_the_certificate_log_proves_that_it_only_grew(portal):
    certificate(portal)
    first = portal.get("/ct/v1/get-sth").json()
    certificate(portal)
    second = portal.get("/ct/v1/get-sth").json()
    old, new = first["tree_size"], second["tree_size"]
    assert old < new
    path = f"/ct/v1/get-sth-consistency?first={old}&second={new}"
    proof = [base64.b64decode(x) for x in portal.get(path).json()["consistency"]]
    # RFC 9162 section 2.1.4.2.
    old_root = base64.b64decode(first["sha256_root_hash"])
    if not old & (old - 1):
        proof.insert(0, old_root)
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    seen = grown = proof[0]
    for item in proof[1:]:
        if index & 1 or index == last:
            seen, grown = node(item, seen), node(item, grown)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            grown = node(grown, item)
        index, last = index >> 1, last >> 1
    assert seen == old_root
    assert grown == base64.b64decode(second["sha256_root_hash"])


def test_more_than_an_answer_holds_is_cut_off_and_not_refused(portal):
    certificate(portal)
    size = portal.get("/ct/v1/get-sth").json()["tree_size"]
    path = f"/ct/v1/get-entries?start={size - 1}&end=99999999"
    (entry,) = portal.get(path).json()["entries"]
    assert entry["extra_data"] == ""


def test_the_roots_are_those_that_certificates_chain_to(portal):
    (root,) = portal.get("/ct/v1/get-roots").json()["certificates"]
    chain = portal.get("/api/v2/trustBundle").json()["chains"][0]["certificates"]
    expected = x509.load_pem_x509_certificate(chain[1].encode())
    assert x509.load_der_x509_certificate(base64.b64decode(root)) == expected


@pytest.mark.parametrize("method", ["add-chain", "add-pre-chain"])
def test_nothing_can_be_submitted(portal, method):
    assert portal.post(f"/ct/v1/{method}", b"{}").status_code == 404
