"""Taking evidence home: who may, what the page says, and the download itself."""

import io
import json
import zipfile

import pytest

from breakglass.models import Export
from breakglass.services.approving import signatures
from breakglass.services.logs import exports, sealing
from tests import factories
from tests.flows.services import steps

PAGE = "/t/acme/audit/export"
LOG = "/t/acme/audit"
HTMX = {"HX-Request": "true"}
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


def asked(client, **fields):
    return client.post(PAGE, {"scope": "log", "reason": "The yearly audit.", **fields})


def made():
    sealing.seal_due()
    signatures.sign_due()
    assert exports.make_due() == 1
    return Export.objects.latest("pk")


def test_an_archive_is_asked_for_made_and_taken_home(auditor):
    answer = asked(auditor)
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    page = text(auditor.get(PAGE))
    assert "The export is being made" in page
    assert "Waiting" in page
    assert "bg:tick" in page
    export = made()
    page = text(auditor.get(PAGE))
    assert f"{PAGE}/{export.public_id}" in page
    assert "bg:tick" not in page

    answer = auditor.get(f"{PAGE}/{export.public_id}")

    assert answer.headers["Content-Type"] == "application/zip"
    assert 'filename="evidence-acme-2' in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["requested_by"] == "auditor@acme.example"
    assert manifest["reason"] == "The yearly audit."


def test_progress_is_shown_and_polled_only_while_something_moves(auditor):
    asked(auditor)
    Export.objects.update(state="running", done=30, total=120)
    page = text(auditor.get(PAGE))
    assert '<progress class="used" max="120" value="30"' in page
    assert "30 of 120 entries" in page
    version = page.split("/audit/export?v=")[1].split('"')[0]

    assert auditor.get(PAGE, {"v": version}, headers=HTMX).status_code == 204
    Export.objects.update(done=60)
    part = auditor.get(PAGE, {"v": version}, headers=HTMX)
    assert text(part).lstrip().startswith('<section id="live"')
    assert "60 of 120" in text(part)


def test_back_gets_the_whole_page(auditor):
    answer = auditor.get(PAGE, headers={**HTMX, "HX-History-Restore-Request": "true"})

    assert "<h1>Take evidence</h1>" in text(answer)


def test_nobody_takes_evidence_without_signing_in(client, acme):
    for path in (PAGE, f"{PAGE}/{'0' * 8}-0000-0000-0000-{'0' * 12}"):
        answer = client.get(path)
        assert answer.headers["Location"].startswith("/accounts/login/")
    assert client.post(PAGE, {}).status_code == 302
    assert not Export.objects.exists()


def test_another_tenants_admin_learns_nothing(client_for, acme, charlie, auditor):
    asked(auditor)
    export = made()
    outsider = client_for(charlie)
    for path in (PAGE, f"{PAGE}/{export.public_id}"):
        assert outsider.get(path).status_code == 404
    assert asked(outsider).status_code == 404
    theirs = f"/t/globex/audit/export/{export.public_id}"
    assert outsider.get(theirs).status_code in {403, 404}


@pytest.mark.parametrize("who", ["peer", "admin", "senior"])
def test_reading_the_log_is_no_right_to_take_it(client_for, people, auditor, who):
    asked(auditor)
    export = made()
    member = client_for(getattr(people, who))
    for path in (PAGE, f"{PAGE}/{export.public_id}"):
        assert member.get(path).status_code == 403
    assert asked(member).status_code == 403
    assert Export.objects.count() == 1


def test_an_export_of_another_tenant_is_not_found_under_this_one(
    auditor, acme, charlie
):
    theirs = exports.order(
        tenant=factories.tenant_of(charlie),
        scope=exports.WHOLE_LOG,
        reason="Theirs.",
        actor=factories.OPERATOR,
    )

    assert auditor.get(f"{PAGE}/{theirs.public_id}").status_code == 404
    assert "Theirs." not in text(auditor.get(PAGE))


def test_what_is_not_ready_is_not_found(auditor):
    asked(auditor)

    export = Export.objects.get()
    assert auditor.get(f"{PAGE}/{export.public_id}").status_code == 404
    assert auditor.post(f"{PAGE}/{export.public_id}").status_code == 405


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reason": ""}, "Say why you take it"),
        ({"reason": "x" * 501}, "500"),
        ({"scope": ""}, "Choose what to take"),
        ({"scope": "filter"}, "Select a valid choice"),
        ({"scope": "bypass"}, "Enter the bypass, like BG-7Q4MZK"),
        ({"scope": "bypass", "bypass_id": "BG-000000"}, "There is no request"),
    ],
)
def test_what_is_missing_is_named(auditor, fields, said):
    answer = asked(auditor, **fields)

    assert answer.status_code == 422
    assert said in text(answer)
    assert "<title>Error:" in text(answer)
    assert not Export.objects.exists()


def test_a_link_from_a_request_asks_for_that_bypass(auditor, pending_request):
    name = pending_request.bypass_id
    page = text(auditor.get(PAGE, {"bypass_id": name}))
    assert f'value="{name}"' in page

    asked(auditor, scope="bypass", bypass_id=name.lower())

    assert Export.objects.get().scope == {"kind": "bypass", "bypass_id": name}


def test_a_link_from_the_filtered_log_asks_for_what_it_shows(auditor, pending_request):
    listed = text(auditor.get(LOG, {"event": "request.opened"}))
    assert f"{PAGE}?event=request.opened" in listed
    page = text(auditor.get(PAGE, {"event": "request.opened"}))
    assert "What the filter shows" in page

    asked(auditor, scope="filter", filters="?event=request.opened")

    scope = Export.objects.get().scope
    assert (scope["kind"], scope["event"]) == ("filter", "request.opened")


def test_the_ways_there_are_shown_to_those_who_may(client_for, people, pending_request):
    auditor, senior = client_for(people.auditor), client_for(people.senior)
    request = f"/t/acme/requests/{pending_request.bypass_id}"
    for path in (LOG, f"{LOG}/1", request):
        assert PAGE in text(auditor.get(path)), path
        assert PAGE not in text(senior.get(path)), path


def test_a_page_of_many_exports_costs_no_query_a_row(
    auditor, acme, people, django_assert_max_num_queries
):
    for _ in range(20):
        exports.ask(
            tenant=acme, person=people.auditor, scope=exports.WHOLE_LOG, reason="Again."
        )
    with django_assert_max_num_queries(20):
        auditor.get(PAGE)


def test_the_trust_note_is_for_readers_of_the_log(auditor, client_for, people, acme):
    answer = auditor.get(f"{LOG}/trust-note")

    assert json.loads(answer.content)["type"] == "breakglass/trust/v1"
    assert "private" not in answer.content.decode().lower()
    assert client_for(people.peer).get(f"{LOG}/trust-note").status_code == 403
