"""Who asked for an export hears of its end; nobody else does."""

import pytest
from django.core import mail

from breakglass.models import Export, OutboxMessage
from breakglass.services.logs import exports, standings
from breakglass.services.telling import delivery
from breakglass.states import ExportFormat
from tests import factories
from tests.flows.delivery.record import state_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EXPORT_DIR = str(tmp_path / "exports")
    return tmp_path / "exports"


@pytest.fixture
def asked(acme, people):
    return exports.ask(
        tenant=acme,
        person=people.auditor,
        scope=exports.WHOLE_LOG,
        reason="The yearly audit.",
        kind=ExportFormat.LINES,
    )


def told_of_exports():
    delivery.drain()
    return [sent for sent in mail.outbox if "your export" in sent.subject]


def test_who_asked_is_told_once_that_it_is_ready_and_until_when(asked, people, advance):
    assert told_of_exports() == [], "not before it is made"
    assert exports.make_due() == 1
    advance(10)

    (sent,) = told_of_exports()
    assert told_of_exports() == [sent]

    asked.refresh_from_db()
    until = asked.finished_at + exports.KEPT_FOR
    assert sent.to == [people.auditor.email]
    assert sent.subject == "[acme] your export is ready"
    assert f"Ready until: {until:%Y-%m-%d %H:%M} UTC" in sent.body
    assert "Of: the log" in sent.body
    assert "> The yearly audit." in sent.body
    assert sent.body.rstrip().rpartition("\n")[2].endswith("/t/acme/audit/export")


def test_one_of_a_bypass_names_it(acme, people, pending_request):
    exports.ask(
        tenant=acme,
        person=people.auditor,
        scope=exports.one_bypass(pending_request.bypass_id),
        reason="A question.",
        kind=ExportFormat.TABLE,
    )
    exports.make_due()

    (sent,) = told_of_exports()
    assert f"Of: {pending_request.bypass_id}" in sent.body


def test_who_asked_is_told_that_it_failed_and_why(asked, folder, people):
    folder.write_text("a file where the folder should be")

    exports.make_due()

    (sent,) = told_of_exports()
    assert sent.to == [people.auditor.email]
    assert sent.subject == "[acme] your export failed"
    assert "> File exists" in sent.body
    assert "Ask for it again" in sent.body


def test_a_read_only_log_holds_the_message_up_no_more_than_the_export(acme, asked):
    standings.make_read_only(tenant=acme, reason="A backup was restored.")

    exports.make_due()

    assert len(told_of_exports()) == 1


def test_who_may_not_take_evidence_any_more_is_not_told(acme, asked, people):
    exports.make_due()
    factories.leave(acme, people.auditor, "auditors")

    assert told_of_exports() == []
    assert state_of("export.finished") == "skipped"


def test_one_whose_file_is_gone_is_not_told_of(asked):
    exports.make_due()
    Export.objects.update(file="")

    assert told_of_exports() == []
    assert state_of("export.finished") == "skipped"


def test_whoever_lost_an_export_to_another_worker_tells_nobody(asked, monkeypatch):
    """Its maker was thought dead; the one that took it up again says how it ended."""

    def taken_over(made, _file):
        Export.objects.update(started_at=made.started_at - exports.TAKEN_FOR)
        return b"\x01" * 32

    monkeypatch.setattr(exports, "_write", taken_over)
    exports.make_due()

    assert not OutboxMessage.objects.filter(topic="export.finished").exists()
