"""Generations of keys: what was signed before, by whom, and what becomes of it."""

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore.errors import VerificationError
from sigstore.models import Bundle

from breakglass.errors import SigningFailed
from breakglass.signing.keyless import KeylessVerifier
from tests.conformance.authority import own
from tests.conformance.authority.own import Own
from tests.conformance.authority.stock_client import (
    ALICE,
    Portal,
    digest_of,
    proposed_entry,
    signing_request,
    statement_of,
)


@dataclass
class Story:
    """What one installation went through, over three generations of keys."""

    own: Own
    first: Bundle
    second: Bundle
    third: Bundle
    after_rotation: dict[str, requests.Response]
    stale_entry: requests.Response
    said: list[str]
    routine_trust: Path
    heads: list[dict]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Sign, rotate while it runs, sign, rotate since compromised, sign."""
    folder = tmp_path_factory.mktemp("rotation")
    with own.database() as url:
        mine = Own(folder / "authority", url)
        with mine.served() as portal:
            first = portal.sign(statement_of("first"))
            heads = [portal.get("/ct/v1/get-sth").json()]
            left = portal.sign(statement_of("never sent again"))
            token = portal.id_token()
            said = [mine.command("rotate", "--reason", "yearly")]
            after = {
                "health": portal.get("/healthz"),
                "token": portal.exchange(),
                "certificate": certificate_asked(portal, token),
                "entry": portal.post(
                    "/api/v1/log/entries", json.dumps(proposed_entry(left)).encode()
                ),
                "read": portal.get("/api/v1/log"),
            }
        with mine.served() as portal:
            stale = portal.post(
                "/api/v1/log/entries", json.dumps(proposed_entry(first)).encode()
            )
            second = portal.sign(statement_of("second"))
            heads.append(portal.get("/ct/v1/get-sth").json())
            routine = folder / "routine.json"
            routine.write_bytes(portal.trust_config.read_bytes())
        said.append(mine.command("rotate", "--compromised", "--reason", "stolen"))
        with mine.served() as portal:
            third = portal.sign(statement_of("third"))
            yield Story(mine, first, second, third, after, stale, said, routine, heads)


def certificate_asked(portal: Portal, token: str) -> requests.Response:
    bearer = {"Authorization": f"Bearer {token}"}
    return portal.post("/api/v2/signingCert", signing_request(), **bearer)


def trusting(story, path: Path) -> Portal:
    """The portal's side with another trust config."""
    key = story.own.installation.layout.portal_key
    return Portal(story.own.url, path, key)


def entry_of(bundle: Bundle) -> dict:
    return json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"][0]


def test_bundles_from_before_and_after_a_rotation_verify(story):
    portal = trusting(story, story.routine_trust)
    portal.verify(story.first)
    portal.verify(story.second)


def test_what_a_compromised_generation_signed_does_not_verify(story):
    portal = story.own.portal()
    with pytest.raises(VerificationError):
        portal.verify(story.second)
    portal.verify(story.first)  # the one before it is not under suspicion
    portal.verify(story.third)


def test_the_portals_verifier_agrees(story):
    layout = story.own.installation.layout
    routine = KeylessVerifier(story.routine_trust.read_text(), own.CONSTANTS.issuer)
    final = KeylessVerifier(layout.trust_config.read_text(), own.CONSTANTS.issuer)

    def taken(verifier, bundle) -> bool:
        try:
            verifier.payload_of(bundle=bundle.to_json().encode(), email=ALICE)
        except SigningFailed:
            return False
        return True

    assert taken(routine, story.first)
    assert taken(routine, story.second)
    assert taken(final, story.first)
    assert not taken(final, story.second)
    assert taken(final, story.third)


@pytest.mark.parametrize("name", ["first", "second"])
def test_the_stock_command_line_takes_both_sides_of_a_rotation(story, name, tmp_path):
    path = tmp_path / "bundle.json"
    path.write_text(getattr(story, name).to_json())
    command = [
        *(sys.executable, "-m", "sigstore"),
        *("--trust-config", str(story.routine_trust), "verify", "identity"),
        *("--bundle", str(path), "--cert-identity", ALICE),
        *("--cert-oidc-issuer", own.CONSTANTS.issuer, f"sha256:{digest_of(name)}"),
    ]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        command,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "OK: " in done.stderr


def test_a_server_that_missed_the_rotation_signs_nothing_more(story):
    after = story.after_rotation
    assert after["health"].status_code == 503
    assert after["health"].json()["generation"] == 1
    assert "rotated" in after["health"].json()["keys"]
    for name in ("token", "certificate", "entry"):
        assert after[name].status_code == 503, name
        assert "restart the authority" in after[name].json()["message"]
    assert after["read"].status_code == 200


def test_a_certificate_from_before_the_rotation_is_asked_to_be_made_anew(story):
    assert story.stale_entry.status_code == 503
    assert "sign again" in story.stale_entry.json()["message"]


def test_a_certificate_of_distrusted_keys_is_nobodys(story):
    entry = json.dumps(proposed_entry(story.second)).encode()
    answer = story.own.portal().post("/api/v1/log/entries", entry)
    assert answer.status_code == 400
    assert "no certificate of this authority" in answer.json()["message"]


def test_the_trusted_root_names_every_generation_and_when_it_ended(story):
    root = json.loads(story.routine_trust.read_text())["trustedRoot"]
    for windows in (
        [item["validFor"] for item in root["certificateAuthorities"]],
        [item["publicKey"]["validFor"] for item in root["tlogs"]],
        [item["publicKey"]["validFor"] for item in root["ctlogs"]],
    ):
        old, new = windows
        assert set(old) == {"start", "end"}
        assert set(new) == {"start"}
        assert old["start"] < new["start"] <= old["end"]


def test_entries_of_a_retired_shard_are_proven_under_its_last_checkpoint(story):
    portal, entry = story.own.portal(), entry_of(story.first)
    uuid, found = (
        portal.get(f"/api/v1/log/entries?logIndex={entry['logIndex']}").json().popitem()
    )
    assert portal.get(f"/api/v1/log/entries/{uuid}").json() == {uuid: found}
    assert found["body"] == entry["canonicalizedBody"]
    assert found["logID"] == base64.b64decode(entry["logId"]["keyId"]).hex()
    proof = found["verification"]["inclusionProof"]
    shards = portal.get("/api/v1/log").json()["inactiveShards"]
    assert proof["checkpoint"] == shards[0]["signedTreeHead"]
    # The key that could promise it again is gone; the proof needs none.
    assert "signedEntryTimestamp" not in found["verification"]
    material = json.loads(story.first.to_json())
    place = material["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    place |= {
        "checkpoint": {"envelope": proof["checkpoint"]},
        "hashes": [
            base64.b64encode(bytes.fromhex(x)).decode() for x in proof["hashes"]
        ],
        "rootHash": base64.b64encode(bytes.fromhex(proof["rootHash"])).decode(),
        "treeSize": str(proof["treeSize"]),
    }
    portal.verify(Bundle.from_json(json.dumps(material)))


def test_indices_run_on_over_all_shards(story):
    portal = story.own.portal()
    info = portal.get("/api/v1/log").json()
    sizes = [shard["treeSize"] for shard in info["inactiveShards"]]
    assert sizes == [3, 2]  # a genesis each; two signatures, then one
    assert int(entry_of(story.first)["logIndex"]) == 1
    assert int(entry_of(story.second)["logIndex"]) == 3 + 1
    third = entry_of(story.third)
    assert int(third["logIndex"]) == 3 + 2 + 1
    assert int(third["inclusionProof"]["logIndex"]) == 1
    for index in range(7):
        answer = portal.get(f"/api/v1/log/entries?logIndex={index}")
        ((uuid, found),) = answer.json().items()
        assert found["logIndex"] == index
        # Each shard begins with an entry of its own, so a uuid names one entry too.
        named = portal.get(f"/api/v1/log/entries/{uuid}").json()
        assert named[uuid]["logIndex"] == index
    assert portal.get("/api/v1/log/entries?logIndex=7").status_code == 404


def test_a_retired_shard_still_proves_that_it_only_grew(story):
    portal = story.own.portal()
    shard = portal.get("/api/v1/log").json()["inactiveShards"][0]
    query = f"firstSize=1&lastSize={shard['treeSize']}&treeID={shard['treeID']}"
    proof = portal.get(f"/api/v1/log/proof?{query}").json()
    assert proof["rootHash"] == shard["rootHash"]
    assert portal.get("/api/v1/log/proof?lastSize=1&treeID=1").status_code == 404


def test_the_last_head_of_a_retired_certificate_log_stays_signed(story):
    portal = story.own.portal()
    now = portal.get("/ct/v1/get-sth?generation=1").json()
    assert now["tree_size"] >= story.heads[0]["tree_size"]
    for number, generation in enumerate(story.own.installation.generations, start=1):
        head = portal.get(f"/ct/v1/get-sth?generation={number}").json()
        signed = (
            b"\x00\x01"
            + head["timestamp"].to_bytes(8, "big")
            + head["tree_size"].to_bytes(8, "big")
            + base64.b64decode(head["sha256_root_hash"])
        )
        signature = base64.b64decode(head["tree_head_signature"])
        assert signature[:2] == b"\x04\x03"
        generation.ctlog.verify(signature[4:], signed, ec.ECDSA(hashes.SHA256()))


def test_the_record_tells_an_auditor_which_generation_when_and_why(story):
    record = json.loads((story.own.base / "installation.json").read_text())
    one, two, three = record["generations"]
    assert one["retired"]["reason"] == "yearly"
    assert one["distrusted"] is None
    assert two["distrusted"]["reason"] == "stolen"
    assert two["distrusted"]["at"] >= two["started_at"]
    assert three["retired"] is three["distrusted"] is None
    spki = base64.b64decode(two["rekor"])  # what it signed can still be recognised
    assert hashlib.sha256(spki).hexdigest() == two["keys"]["rekor"]


def test_only_the_live_generation_has_private_keys(story):
    keys = story.own.base / "keys"
    assert {str(path.parent.relative_to(keys)) for path in keys.rglob("*.pem")} == {
        "generation-3"
    }


def test_a_root_key_that_lay_beside_stolen_keys_is_replaced_too(story):
    one, two, three = story.own.installation.generations
    assert one.chain[1] == two.chain[1]
    assert three.chain[1] != two.chain[1]
    assert "root is new" not in story.said[0]
    assert "root is new" in story.said[1]
