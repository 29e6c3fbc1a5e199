"""Checkpoints carry the log's tree, and leave the database in three ways."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from standardwebhooks import Webhook

from breakglass.audit import tree
from breakglass.models import AuditEntry, Checkpoint
from breakglass.services.approving import signatures
from breakglass.services.logs import publishing, sealing
from tests import database, factories
from tests.unit.test_merkle import included, leaf_hash, mth

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def seal(settings, tmp_path):
    """Seals, signs and publishes, as the sweeps would."""
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")

    def _seal():
        sealing.seal_due()
        signatures.sign_due()
        sealing.seal_due()
        return Path(settings.CHECKPOINT_DIR) / "acme.jsonl"

    return _seal


@pytest.fixture
def receiver():
    """A webhook that remembers what it was sent and answers what it is told."""
    took, answers = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            took.append((self.path, dict(self.headers), body))
            self.send_response(answers.pop(0) if answers else 204)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    server.took, server.answers = took, answers
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hooked(settings, receiver):
    settings.CHECKPOINT_WEBHOOK_URL = f"http://127.0.0.1:{receiver.server_port}/in"
    settings.CHECKPOINT_WEBHOOK_SECRET = SECRET
    return receiver


def hashes(tenant, size):
    rows = AuditEntry.objects.filter(tenant=tenant, seq__lte=size).order_by("seq")
    return [bytes(row.entry_hash) for row in rows]


def grow(tenant):
    factories.gate(tenant, f"gate-{AuditEntry.objects.count()}")
    database.advance(61)


def test_a_checkpoint_signs_the_root_of_the_tree_over_all_entries(acme, gate, seal):
    file = seal()

    made = Checkpoint.objects.get(tenant=acme)
    root = mth(hashes(acme, made.size))
    signed = json.loads(bytes(made.statement.statement))["predicate"]
    entry = AuditEntry.objects.get(tenant=acme, event="log.sealed")
    line = json.loads(file.read_text())
    assert bytes(made.tree_root) == root
    assert signed["root"] == line["root"] == root.hex()
    assert json.loads(bytes(entry.body))["facts"]["root"] == root.hex()


def test_the_next_tree_grows_from_the_last_and_reads_new_entries_only(
    acme, gate, seal, monkeypatch
):
    seal()
    first = Checkpoint.objects.get(tenant=acme)
    grow(acme)
    asked = []
    read = sealing.entries.entry_hashes
    monkeypatch.setattr(
        sealing.entries, "entry_hashes", lambda **k: asked.append(k) or read(**k)
    )
    seal()

    last = Checkpoint.objects.filter(tenant=acme).latest("pk")
    assert [k["after"] for k in asked if k["tenant"] == acme] == [first.size]
    assert bytes(last.tree_root) == mth(hashes(acme, last.size))


def test_a_checkpoint_of_before_there_were_trees_is_followed_by_a_whole_one(
    acme, gate, seal
):
    seal()
    with database.as_owner() as owner:
        owner.execute("ALTER TABLE breakglass_checkpoint DISABLE TRIGGER USER")
        owner.execute(
            "UPDATE breakglass_checkpoint SET tree_root = NULL, tree_peaks = NULL"
        )
        owner.execute("ALTER TABLE breakglass_checkpoint ENABLE TRIGGER USER")
    grow(acme)
    seal()

    last = Checkpoint.objects.filter(tenant=acme).latest("pk")
    assert bytes(last.tree_root) == mth(hashes(acme, last.size))


def test_one_entry_is_proven_by_the_checkpoint_without_the_others(acme, gate, seal):
    seal()
    made = Checkpoint.objects.get(tenant=acme)
    entry = AuditEntry.objects.get(tenant=acme, seq=2)

    proof = tree.Tree(hashes(acme, made.size)).inclusion(seq=2)

    leaf = leaf_hash(bytes(entry.entry_hash))
    assert included(leaf, 1, made.size, proof) == bytes(made.tree_root)


def test_a_line_that_a_crash_cut_off_spoils_no_other(acme, gate, seal):
    file = seal()
    with file.open("a") as lines:
        lines.write('{"tenant":"half of a li')
    grow(acme)
    seal()

    first, torn, last = file.read_text().splitlines()
    assert json.loads(first)["size"] < json.loads(last)["size"]
    assert torn == '{"tenant":"half of a li'


def test_the_webhook_gets_every_checkpoint_once_signed_and_oldest_first(
    acme, gate, seal, hooked
):
    seal()
    grow(acme)
    file = seal()

    assert publishing.send_due() == len(hooked.took) == Checkpoint.objects.count()
    assert publishing.send_due() == 0
    ours = [json.loads(b) for _, _, b in hooked.took if json.loads(b)["slug"] == "acme"]
    assert ours == [json.loads(line) for line in file.read_text().splitlines()]
    for _, headers, body in hooked.took:
        Webhook(SECRET).verify(body, headers)


def test_a_webhook_that_fails_is_tried_again_and_the_order_is_kept(
    acme, gate, seal, hooked
):
    seal()
    grow(acme)
    seal()
    hooked.answers += [500]

    assert publishing.send_due() == 0
    failed = Checkpoint.objects.earliest("pk")
    assert (len(hooked.took), failed.send_error) == (1, "the webhook answered 500")
    assert publishing.send_due() == Checkpoint.objects.count()
    failed.refresh_from_db()
    assert failed.send_error == ""
    assert hooked.took[0][2] == hooked.took[1][2]


def test_the_webhook_follows_no_redirect(acme, gate, seal, hooked):
    seal()
    hooked.answers += [302]

    assert publishing.send_due() == 0
    assert [path for path, _, _ in hooked.took] == ["/in"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CHECKPOINT_WEBHOOK_URL", "ftp://127.0.0.1/", "not an http or https address"),
        ("CHECKPOINT_WEBHOOK_URL", "http://127.0.0.1:9/", "did not answer"),
        ("CHECKPOINT_WEBHOOK_SECRET", "", "is empty"),
        ("CHECKPOINT_WEBHOOK_SECRET", "%%%", "is not base64"),
    ],
)
def test_a_webhook_set_up_wrongly_says_so_and_loses_nothing(
    acme, gate, seal, hooked, settings, name, value, said
):
    setattr(settings, name, value)
    seal()

    assert publishing.send_due() == 0
    assert said in Checkpoint.objects.earliest("pk").send_error
    assert hooked.took == []


def test_without_a_webhook_nothing_is_sent(acme, gate, seal):
    seal()

    assert publishing.send_due() == 0
    assert not Checkpoint.objects.exclude(send_error="").exists()
