"""Health says whether a signature would work now, and which part is at fault."""

import base64
import dataclasses
import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import rotation
from breakglass.authority.errors import Unavailable
from breakglass.authority.rotation import Wish, rotate
from breakglass.authority.server import Application
from breakglass.authority.store import Store
from tests.conformance.authority import own
from tests.conformance.authority.own import Own
from tests.conformance.authority.stock_client import proposal, signing_request


@pytest.fixture
def mine(tmp_path):
    with own.database() as url:
        mine = Own(tmp_path / "authority", url)
        rotation.bring_up(mine.installation, url)
        yield mine


@pytest.fixture
def asked(mine):
    """Asks the application for its health: status, and what it says."""
    store = Store(mine.database_url, size=1)
    application = Application(
        installation=mine.installation, store=store, public_url=mine.url
    )

    def ask():
        heard = []
        environ = {"PATH_INFO": "/healthz", "REQUEST_METHOD": "GET"}
        (body,) = application(environ, lambda status, _: heard.append(status))
        return int(heard[0][:3]), json.loads(body)

    yield ask
    store.close()


def test_a_healthy_authority_says_what_it_serves(portal):
    answer = portal.get("/healthz")
    portal.id_token()
    assert answer.status_code == 200
    said = answer.json()
    assert said["status"] == said["database"] == said["keys"] == "ok"
    assert said["certificate_authority"] == "ok"
    assert said["generation"] == 1
    entries = portal.get("/api/v1/log").json()["treeSize"]
    certificates = portal.get("/ct/v1/get-sth").json()["tree_size"]
    after = portal.get("/healthz").json()  # other tests sign at it meanwhile
    assert said["entries"] <= entries <= after["entries"]
    assert said["certificates"] <= certificates <= after["certificates"]


def test_without_its_database_it_is_not_well(mine, asked):
    with psycopg.connect(mine.database_url) as connection:
        connection.execute("DROP SCHEMA authority CASCADE")
    status, said = asked()
    assert status == 503
    assert said["status"] == "failed"
    assert "not prepared" in said["database"]


def test_a_database_that_takes_no_writes_is_not_well(mine, asked):
    with psycopg.connect(mine.database_url, autocommit=True) as connection:
        name = psycopg.sql.Identifier(connection.info.dbname)
        words = "ALTER DATABASE {} SET default_transaction_read_only = on"
        connection.execute(psycopg.sql.SQL(words).format(name))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    status, said = asked()
    assert (status, said["database"]) == (503, "the log's database takes no writes")
    store = Store(mine.database_url, size=1)
    try:
        with (
            pytest.raises(Unavailable, match="takes no writes"),
            store.transaction() as transaction,
        ):
            transaction.consume(kind="id_token", jti="x" * 16, expires_at=0)
    finally:
        store.close()


def test_a_database_with_another_log_is_not_well(mine, asked):
    with psycopg.connect(mine.database_url) as connection:
        connection.execute(
            "ALTER TABLE authority.generation DISABLE TRIGGER ALL;"
            "UPDATE authority.generation SET log_id = sha256('another')"
        )
    status, said = asked()
    assert status == 503
    assert "another log" in said["database"]


def test_after_a_rotation_the_old_keys_are_not_well(mine, asked):
    rotate(mine.base, database_url=mine.database_url, wish=Wish())
    status, said = asked()
    assert status == 503
    assert said["generation"] == 1
    assert "rotated" in said["keys"]
    assert "closed" in said["database"]


def test_without_its_installation_file_it_does_not_sign(mine, asked):
    (mine.base / "installation.json").rename(mine.base / "elsewhere")
    status, said = asked()
    assert status == 503
    assert "installation.json is gone" in said["keys"]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (timedelta(days=3651), "run authority rotate"),
        (timedelta(days=-1), "clock"),
    ],
)
def test_outside_the_years_of_its_certificates_it_is_not_well(mine, asked, at, said):
    with time_machine.travel(datetime.now(UTC) + at):
        status, heard = asked()
    assert status == 503
    assert said in heard["certificate_authority"]


def test_a_file_that_was_only_touched_is_still_current(mine):
    installation = dataclasses.replace(mine.installation, stamp=(0, 0))
    assert installation.is_current()


def unlogged_entry(portal) -> bytes:
    """An entry whose certificate is good and which nobody has sent yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    bearer = {"Authorization": f"Bearer {portal.id_token()}"}
    answer = portal.post("/api/v2/signingCert", signing_request(key), **bearer)
    chain = answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    signature = key.sign(b"DSSEv1 1 t 1 p", ec.ECDSA(hashes.SHA256()))
    envelope = {
        "payload": base64.b64encode(b"p").decode(),
        "payloadType": "t",
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(proposal(json.dumps(envelope), chain[0].encode())).encode()


def test_keys_that_the_file_does_not_name_sign_nothing_whatever_the_database_says(mine):
    """The moment between a rotation's rename and its commit, held open."""
    file = mine.base / "installation.json"
    with mine.served() as portal:
        entry, token = unlogged_entry(portal), portal.id_token()
        bearer = {"Authorization": f"Bearer {token}"}

        def statuses() -> list[int]:
            certificate = portal.post(
                "/api/v2/signingCert", signing_request(), **bearer
            )
            logged = portal.post("/api/v1/log/entries", entry)
            return [x.status_code for x in (portal.exchange(), certificate, logged)]

        file.rename(mine.base / "elsewhere")
        assert statuses() == [503, 503, 503]
        genesis = portal.get("/api/v1/log/entries?logIndex=0").json().popitem()[1]
        assert "signedEntryTimestamp" not in genesis["verification"]
        (mine.base / "elsewhere").rename(file)
        assert statuses() == [200, 201, 201]
