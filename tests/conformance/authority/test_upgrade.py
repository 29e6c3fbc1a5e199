"""An installation from before there were generations, upgraded in place."""

import json
import time

import psycopg
import pytest

from breakglass import merkle
from breakglass.authority import rotation
from breakglass.authority.errors import InstallationTrouble
from breakglass.authority.installation import open_installation
from breakglass.authority.notary import Notary, genesis
from breakglass.authority.rotation import Wish, rotate
from breakglass.authority.wire import base64_text
from tests.conformance.authority import own
from tests.conformance.authority.own import Own
from tests.conformance.authority.stock_client import statement_of

# The tables as version 0.1.0 made them, with the rows that it left behind.
OLD_TABLES = """
CREATE SCHEMA authority;
CREATE TABLE authority.installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    log_name text NOT NULL,
    log_id bytea NOT NULL
);
CREATE TABLE authority.head (
    tree text PRIMARY KEY,
    size bigint NOT NULL CHECK (size >= 0),
    last_ms bigint NOT NULL,
    checkpoint text NOT NULL
);
CREATE TABLE authority.leaf (
    tree text NOT NULL REFERENCES authority.head,
    idx bigint NOT NULL CHECK (idx >= 0),
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
    body bytea NOT NULL,
    logged_ms bigint NOT NULL,
    PRIMARY KEY (tree, idx),
    CONSTRAINT leaf_logged_once UNIQUE (tree, leaf_hash)
);
CREATE TABLE authority.node (
    tree text NOT NULL,
    level smallint NOT NULL,
    idx bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tree, level, idx)
);
CREATE TABLE authority.consumed_jti (
    kind text NOT NULL,
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, jti)
);
"""


def make_old(mine: Own) -> None:
    """Turns a fresh installation into one that version 0.1.0 made and used."""
    path = mine.base / "installation.json"
    document = json.loads(path.read_text())
    document["keys"] = document.pop("generations")[0]["keys"]
    path.write_text(json.dumps(document | {"version": 1}, indent=2) + "\n")
    installation, now = mine.installation, int(time.time() * 1000)
    notary = Notary(installation.ring, installation.constants)
    first = genesis(installation.constants, 1)
    leaves = {"rekor": [first, b"{}"], "ct": [b"a certificate"]}
    with psycopg.connect(mine.database_url) as connection:
        connection.execute(OLD_TABLES)
        connection.execute(
            "INSERT INTO authority.installation (log_name, log_id) VALUES (%s, %s)",
            (installation.constants.log_name, notary.log_id),
        )
        for tree, bodies in leaves.items():
            nodes: dict[merkle.NodeKey, bytes] = {}
            root = merkle.EMPTY_ROOT
            for size, body in enumerate(bodies):
                peaks = [nodes[key] for key in merkle.peaks(0, size)]
                growth = merkle.grow(size, peaks, merkle.leaf_hash(body))
                nodes |= growth.nodes
                root = growth.root
            checkpoint = notary.checkpoint(len(bodies), root) if tree == "rekor" else ""
            connection.execute(
                "INSERT INTO authority.head VALUES (%s, %s, %s, %s)",
                (tree, len(bodies), now, checkpoint),
            )
            for index, body in enumerate(bodies):
                connection.execute(
                    "INSERT INTO authority.leaf VALUES (%s, %s, %s, %s, %s)",
                    (tree, index, merkle.leaf_hash(body), body, now),
                )
            for (level, index), digest in nodes.items():
                connection.execute(
                    "INSERT INTO authority.node VALUES (%s, %s, %s, %s)",
                    (tree, level, index, digest),
                )


@pytest.fixture
def old(tmp_path):
    with own.database() as url:
        mine = Own(tmp_path / "authority", url)
        make_old(mine)
        yield mine


def test_an_old_installation_is_served_and_its_files_stay_as_they_are(old):
    before = (old.base / "installation.json").read_bytes()
    with old.served() as portal:
        signed = portal.sign(statement_of("upgraded"))
        portal.verify(signed)
        head = portal.get("/ct/v1/get-sth").json()
        found = portal.get("/ct/v1/get-entries?start=0&end=0").json()
        assert portal.get("/api/v1/log").json()["treeSize"] == 3
    assert head["tree_size"] == 2
    assert found["entries"][0]["leaf_input"] == base64_text(b"a certificate")
    assert (old.base / "installation.json").read_bytes() == before


def test_an_old_installation_rotates_without_having_been_served(old):
    rotate(old.base, database_url=old.database_url, wish=Wish(reason="first"))
    with old.served() as portal:
        portal.verify(portal.sign(statement_of("second generation")))
        info = portal.get("/api/v1/log").json()
        # The old certificate log, whose heads were never signed, got its last one.
        last = portal.get("/ct/v1/get-sth?generation=1").json()
        assert portal.get("/api/v1/log/entries?logIndex=1").status_code == 200
    assert [shard["treeSize"] for shard in info["inactiveShards"]] == [2]
    assert last["tree_size"] == 1
    document = json.loads((old.base / "installation.json").read_text())
    assert document["version"] == 2
    assert [item["number"] for item in document["generations"]] == [1, 2]


def test_preparing_an_upgraded_database_again_changes_nothing(old):
    rotation.bring_up(old.installation, old.database_url)
    tables = ("installation", "generation", "head", "leaf", "node")

    def rows() -> list[object]:
        with psycopg.connect(old.database_url) as connection:
            return [
                connection.execute(f"TABLE authority.{name}").fetchall()
                for name in tables
            ]

    before = rows()
    rotation.bring_up(old.installation, old.database_url)
    assert rows() == before


def test_a_server_of_the_old_version_cannot_grow_a_closed_log(old):
    """It knows nothing of closed logs; the database does."""
    rotate(old.base, database_url=old.database_url, wish=Wish())
    with (
        psycopg.connect(old.database_url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="keys were rotated"),
    ):
        connection.execute(
            "UPDATE authority.head SET size = size + 1 WHERE tree = 'rekor'"
        )


def test_a_database_of_a_later_generation_is_not_served_with_older_keys(old):
    before = open_installation(old.base)
    rotate(old.base, database_url=old.database_url, wish=Wish())
    with pytest.raises(InstallationTrouble, match="restored from before a rotation"):
        rotation.bring_up(before, old.database_url)
