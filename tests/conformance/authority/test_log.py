"""The authority's log: what it takes, in which order, and that it only grows."""

import base64
import hashlib
import json
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore.models import Bundle

from tests.conformance.authority.stock_client import (
    certificate_of,
    proposal,
    proposed_entry,
    signing_request,
    statement_of,
)


def test_the_log_answers_for_a_bundle_by_index_and_by_uuid(portal, bundle):
    entry = json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"][0]
    answer = portal.get(f"/api/v1/log/entries?logIndex={entry['logIndex']}").json()
    uuid, found = next(iter(answer.items()))
    assert found["body"] == entry["canonicalizedBody"]
    assert found["integratedTime"] == int(entry["integratedTime"])
    again = portal.get(f"/api/v1/log/entries/{uuid}").json()[uuid]
    assert again["body"] == found["body"]
    assert portal.get("/api/v1/log/entries?logIndex=99999999").status_code == 404
    assert portal.get(f"/api/v1/log/entries/{'0' * 64}").status_code == 404


def test_an_identical_entry_is_the_same_entry(portal, bundle):
    proposed = json.dumps(proposed_entry(bundle)).encode()
    first = portal.post("/api/v1/log/entries", proposed)
    size = portal.get("/api/v1/log").json()["treeSize"]
    second = portal.post("/api/v1/log/entries", proposed)
    assert first.status_code == second.status_code == 201
    (uuid, before), (same_uuid, after) = (*first.json().items(), *second.json().items())
    assert uuid == same_uuid
    for name in ("body", "logIndex", "integratedTime", "logID"):
        assert before[name] == after[name]
    assert portal.get("/api/v1/log").json()["treeSize"] == size


def test_a_signature_of_a_foreign_certificate_is_not_logged(portal, bundle):
    key = ec.generate_private_key(ec.SECP256R1())
    proposed = proposed_entry(bundle)
    real = certificate_of(bundle)
    forged = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .public_key(key.public_key())
        .serial_number(real.serial_number)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    pem = forged.public_bytes(serialization.Encoding.PEM)
    content = proposed["spec"]["proposedContent"]
    content["verifiers"] = [base64.b64encode(pem).decode()]
    answer = portal.post("/api/v1/log/entries", json.dumps(proposed).encode())
    assert answer.status_code == 400
    assert "no certificate of this authority" in answer.json()["message"]


def test_lengths_in_the_signed_bytes_are_counted_in_bytes(portal):
    key = ec.generate_private_key(ec.SECP256R1())
    bearer = {"Authorization": f"Bearer {portal.id_token()}"}
    answer = portal.post("/api/v2/signingCert", signing_request(key), **bearer)
    chain = answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    kind, payload = "text/schön", b"payload"
    encoded = kind.encode()
    pae = b"DSSEv1 %d %s 7 payload" % (len(encoded), encoded)
    signature = base64.b64encode(key.sign(pae, ec.ECDSA(hashes.SHA256()))).decode()
    text = json.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"sig": signature}],
        }
    )
    body = json.dumps(proposal(text, chain[0].encode())).encode()
    assert portal.post("/api/v1/log/entries", body).status_code == 201


def test_parallel_signatures_get_indices_without_gaps_and_all_verify(portal):
    threads, each = 4, 10
    start = threading.Barrier(threads)
    before = portal.get("/api/v1/log").json()["treeSize"]
    signed: list[Bundle] = []

    def work(number: int) -> None:
        start.wait()
        names = (f"parallel {number} {i}" for i in range(each))
        signed.extend(portal.sign(statement_of(name)) for name in names)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    indices = sorted(
        int(
            json.loads(b.to_json())["verificationMaterial"]["tlogEntries"][0][
                "logIndex"
            ]
        )
        for b in signed
    )
    assert len(set(indices)) == threads * each
    after = portal.get("/api/v1/log").json()["treeSize"]
    assert set(indices) <= set(range(before, after))
    if after - before == threads * each:  # nobody else used the same log meanwhile
        assert indices == list(range(before, after))
    for item in signed:
        portal.verify(item)


def test_the_log_proves_that_it_only_grew(portal, bundle):
    info = portal.get("/api/v1/log").json()
    path = f"/api/v1/log/proof?firstSize=1&lastSize={info['treeSize']}"
    proof = portal.get(path).json()
    assert proof["rootHash"] == info["rootHash"]
    # From size 1 the whole proof is a chain of right siblings (RFC 9162 2.1.4.2).
    root = bytes.fromhex(
        next(iter(portal.get("/api/v1/log/entries?logIndex=0").json()))
    )
    for item in proof["hashes"]:
        root = hashlib.sha256(b"\x01" + root + bytes.fromhex(item)).digest()
    assert root.hex() == info["rootHash"]
