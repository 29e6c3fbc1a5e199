"""Exports for other tools: exactly what was asked for, safe in a spreadsheet."""

import csv
import io
import json
from hashlib import sha256

import pytest

from breakglass.audit import chain, export_plain
from breakglass.models import AuditEntry, Export
from breakglass.queries.logs import exports as queries
from breakglass.services.approving import signatures
from breakglass.services.logs import exports, sealing
from tests import factories
from tests.flows.services import steps

PAGE = "/t/acme/audit/export"
HTMX = {"HX-Request": "true"}
EVIL = '=HYPERLINK("http://evil.example") is what the justification says, really.'
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folders(settings, tmp_path, monkeypatch):
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")
    settings.EXPORT_DIR = str(tmp_path / "exports")
    monkeypatch.setattr(
        signatures, "fulfil", lambda *, intent, **_: steps.sign_here(intent)
    )


@pytest.fixture
def auditor(client_for, acme, people):
    return client_for(people.auditor)


def text(answer):
    return answer.content.decode()


def taken(client, **fields):
    """Asks, has the worker make it, and downloads it."""
    asked = {"scope": "log", "reason": "The yearly audit.", **fields}
    assert client.post(PAGE, asked).status_code == 302
    made = Export.objects.latest("pk")
    assert exports.make_due() == 1, "no checkpoint is waited for"
    answer = client.get(f"{PAGE}/{made.public_id}")
    return answer, b"".join(answer.streaming_content)


def test_a_filtered_set_as_a_table_opens_without_a_formula_running(
    auditor, acme, people, gate
):
    factories.request(acme, people.oncall, gate, justification=EVIL)
    answer, raw = taken(
        auditor, scope="filter", filters="?event=request.opened", format="csv"
    )

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert '.csv"' in answer.headers["Content-Disposition"]
    assert raw.startswith(b"\xef\xbb\xbf"), "a spreadsheet reads it as UTF-8"
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [row["event"] for row in rows] == ["request.opened"]
    assert EVIL in json.loads(rows[0]["facts"])["justification"]
    for row in rows:
        assert not [cell for cell in row.values() if cell[:1] in {*"=+-@\t\r"}]


def test_every_column_of_the_table_is_made_safe(auditor, monkeypatch):
    columns = export_plain.COLUMNS
    monkeypatch.setattr(export_plain, "_cells", lambda _: ["=1+1"] * len(columns))
    _, raw = taken(auditor, format="csv")

    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert {cell for row in rows for cell in row.values()} == {"'=1+1"}


def test_json_lines_hold_the_exact_text_and_the_signature_of_each_entry(
    auditor, acme, people, gate
):
    grant = steps.grant(acme, people, gate)
    name = grant.request.bypass_id
    _, raw = taken(auditor, scope="bypass", bypass_id=name, format="jsonl")

    lines = [json.loads(line) for line in raw.splitlines()]
    assert {json.loads(line["body"])["bypass_id"] for line in lines} == {name}
    for line in lines:
        assert chain.entry_hash(line["body"].encode()).hex() == line["hash"]
    (signed,) = [one for one in lines if '"request.approved"' in one["body"]]
    facts = json.loads(signed["body"])["facts"]
    assert sha256(signed["bundle"].encode()).hexdigest() == facts["bundle_sha256"]
    assert sha256(signed["statement"].encode()).hexdigest() == facts["statement_sha256"]
    assert [one for one in lines if one["bundle"] is None]


def test_the_whole_log_as_lines_ends_with_its_own_entry(auditor, acme):
    _, raw = taken(auditor, format="jsonl")

    seqs = [json.loads(line)["seq"] for line in raw.splitlines()]
    assert seqs == list(range(1, len(seqs) + 1))
    last = json.loads(json.loads(raw.splitlines()[-1])["body"])
    assert last["event"] == "evidence.exported"
    assert last["facts"]["format"] == "jsonl"


def test_progress_is_written_down_as_it_is_made(auditor, acme, monkeypatch):
    told = []
    progress = exports._progress

    def _told(made, done, total):
        told.append((done, total))
        progress(made, done, total)

    monkeypatch.setattr(exports, "_progress", _told)
    taken(auditor, format="csv")

    size = AuditEntry.objects.filter(tenant=acme).count()
    assert told == [(0, size), (size, size)]
    made = Export.objects.latest("pk")
    assert (made.done, made.total) == (size, size)


def test_the_page_says_how_much_it_will_be(auditor, acme):
    size = AuditEntry.objects.filter(tenant=acme).count()
    assert f"{size} entries, about" in text(auditor.get(PAGE))
    part = auditor.get(
        f"{PAGE}/estimate",
        {"scope": "filter", "filters": "?event=tenant.created", "format": "csv"},
        headers=HTMX,
    )
    assert "1 entry, about" in text(part)
    assert "Make the export" in text(part)
    assert auditor.get(f"{PAGE}/estimate").headers["Location"] == PAGE


def test_the_estimate_is_near_the_truth(auditor, acme, people, gate):
    for _ in range(3):
        factories.request(acme, people.oncall, gate)
    for kind in ("csv", "jsonl", "archive"):
        exports.ask(
            tenant=acme,
            person=people.auditor,
            scope=exports.WHOLE_LOG,
            reason="Audit.",
            kind=exports.ExportFormat(kind),
        )
        guess = exports_estimate(acme, kind)
        sealing.seal_due()
        signatures.sign_due()
        assert exports.make_due() == 1
        real = exports.path_of(Export.objects.latest("pk")).stat().st_size
        assert 0.4 < guess / real < 2.5, kind


def exports_estimate(tenant, kind):
    found = queries.estimate(
        tenant=tenant, scope=exports.WHOLE_LOG, kind=exports.ExportFormat(kind)
    )
    return found.size


def test_where_nothing_is_to_export_the_button_says_so_and_the_server_agrees(
    auditor, acme
):
    nothing = {"scope": "filter", "filters": "?actor=nobody", "reason": "Audit."}
    part = auditor.get(f"{PAGE}/estimate", nothing, headers=HTMX)
    assert "Nothing to export" in text(part)

    answer = auditor.post(PAGE, nothing)

    assert answer.status_code == 422
    assert "there is nothing to export" in text(answer)
    assert not Export.objects.exists()


def test_only_whoever_may_export_gets_an_estimate(client, client_for, people, charlie):
    factories.tenant("acme", "Acme", people)
    assert client.get(f"{PAGE}/estimate").status_code == 302
    assert client_for(charlie).get(f"{PAGE}/estimate").status_code == 404
    assert client_for(people.peer).get(f"{PAGE}/estimate").status_code == 403
