"""kill -9 between every two steps of a rotation: one generation signs, never two."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from breakglass.authority import health, rotation
from breakglass.authority.errors import Unavailable
from breakglass.authority.fulcio import CertificateAuthority
from breakglass.authority.installation import Installation, open_installation
from breakglass.authority.oidc import Identity
from breakglass.authority.rotation import Wish, rotate
from breakglass.authority.store import Store
from tests.conformance.authority import own
from tests.conformance.authority.own import Own
from tests.servers import SUPERUSER_URL

ROOT = Path(__file__).resolve().parents[3]


def can_sign(installation: Installation, database_url: str) -> bool:
    """Whether a certificate comes out; it must be so exactly when health says so."""
    store = Store(database_url, size=1)
    identity = Identity(
        "u-1", "alice@acme.example", secrets.token_hex(16), int(time.time()) + 300
    )
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    pem = csr.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    try:
        well = health.report(installation, store)["status"] == health.OK
        authority = CertificateAuthority(installation=installation, store=store)
        try:
            authority.issue(csr_pem=pem, identity=identity)
        except Unavailable:
            assert not well
            return False
        assert well
        return True
    finally:
        store.close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """An installation with a log, to copy for every kill."""
    with own.database() as url:
        mine = Own(tmp_path_factory.mktemp("killed") / "authority", url)
        rotation.bring_up(mine.installation, url)
        yield mine


def copied(prepared: Own, folder) -> tuple[Installation, str]:
    shutil.copytree(prepared.base, folder)
    name = f"own_killed_{secrets.token_hex(4)}"
    template = conninfo_to_dict(prepared.database_url)["dbname"]
    words = {"name": sql.Identifier(name), "template": sql.Identifier(str(template))}
    superuser_url = os.environ[SUPERUSER_URL]
    with psycopg.connect(superuser_url, autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**words)
        )
    return open_installation(folder), make_conninfo(superuser_url, dbname=name)


@pytest.fixture(scope="module")
def killed_before():
    """Rotates, killed before a step; says whether it got as far as that step."""
    command = [sys.executable, "-m", "tests.conformance.authority.killed"]
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def kill(step: int, installation: Installation, url: str) -> bool:
            process.stdin.write(f"{installation.layout.base}\t{url}\t{step}\n")
            process.stdin.flush()
            status = int(process.stdout.readline())
            assert status in {0, -signal.SIGKILL}
            return status != 0

        yield kill
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_a_rotation_that_is_killed_leaves_one_generation_that_signs(
    prepared, killed_before, tmp_path
):
    step, rotated_at = 0, []
    while True:
        step += 1
        before, url = copied(prepared, tmp_path / str(step))
        if not killed_before(step, before, url):
            break
        after = open_installation(before.layout.base)
        rotated = after.generation.number == 2
        rotated_at += [step] if rotated else []
        assert can_sign(before, url) is not rotated, step
        # What every start does; then the generation on file must be in full service.
        rotation.bring_up(after, url)
        assert can_sign(after, url), step

        outcome = rotate(before.layout.base, database_url=url, wish=Wish())

        assert outcome.finished_only is rotated, step
        last = open_installation(before.layout.base)
        assert last.generation.number == 2, step
        assert can_sign(last, url), step
        assert not can_sign(before, url), step
        keys = before.layout.keys
        assert {p.parent.name for p in keys.rglob("*.pem")} == {"generation-2"}, step
        assert not list(before.layout.base.glob(".*")), "half a file was left behind"
    assert step > 20, "the kills must reach every key file"
    # Once rotated, always rotated: one step decides, and there are some after it.
    assert rotated_at == list(range(rotated_at[0], step))
    assert len(rotated_at) > 5
