"""Evidence archives as a service: on record, claimed once, resumed, dropped in time."""

import json
import zipfile

import pytest

from breakglass.actors import OPERATOR
from breakglass.audit.narrowing import Filters
from breakglass.errors import InvalidInput, NotFound, NotPermitted
from breakglass.models import AuditEntry, Export
from breakglass.services.approving import signatures
from breakglass.services.logs import exports, sealing
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folders(settings, tmp_path, monkeypatch):
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")
    settings.EXPORT_DIR = str(tmp_path / "exports")
    monkeypatch.setattr(
        signatures, "fulfil", lambda *, intent, **_: steps.sign_here(intent)
    )


@pytest.fixture
def ask(acme, people):
    def _ask(scope=exports.WHOLE_LOG, *, person=None, reason="The yearly audit."):
        return exports.ask(
            tenant=acme, person=person or people.auditor, scope=scope, reason=reason
        )

    return _ask


def seal():
    sealing.seal_due()
    signatures.sign_due()


def state_of(made):
    made.refresh_from_db()
    return made.state


def files_of(made):
    made.refresh_from_db()
    with zipfile.ZipFile(exports.path_of(made)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_asking_is_an_entry_with_who_why_and_what(acme, ask):
    before = steps.size(acme)
    made = ask(exports.WHOLE_LOG)

    entry = AuditEntry.objects.get(tenant=acme, event="evidence.exported")
    facts = json.loads(bytes(entry.body))["facts"]
    assert facts == {
        "export": str(made.public_id),
        "scope": {"kind": "log"},
        "reason": "The yearly audit.",
        "size": before,
        "head": bytes(entry.prev_hash).hex(),
    }
    assert (entry.actor, entry.seq, made.size) == (
        "auditor@acme.example",
        before + 1,
        before + 1,
    )


@pytest.mark.parametrize("who", ["peer", "admin", "oncall", "senior"])
def test_only_whoever_may_export_may_ask(ask, people, who):
    with pytest.raises(NotPermitted):
        ask(person=getattr(people, who))

    assert not Export.objects.exists()


def test_another_tenants_people_may_not_ask(ask, charlie):
    with pytest.raises(NotPermitted):
        ask(person=charlie)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\x00b"])
def test_a_reason_is_needed(acme, ask, reason):
    before = steps.size(acme)
    with pytest.raises(InvalidInput):
        ask(reason=reason)

    assert steps.size(acme) == before


def test_a_bypass_of_another_tenant_is_not_found(ask, charlie):
    globex = factories.tenant_of(charlie)
    other = factories.request(globex, charlie, factories.gate(globex, "theirs"))
    with pytest.raises(NotFound):
        ask(exports.one_bypass(other.bypass_id))


def test_it_waits_for_a_signed_checkpoint_and_is_then_made(acme, ask):
    made = ask()
    assert exports.make_due() == 0
    sealing.seal_due()
    assert exports.make_due() == 0
    signatures.sign_due()
    assert exports.make_due() == 1

    assert state_of(made) == "ready"
    assert (made.done, made.total) == (made.size, made.size)
    assert exports.make_due() == 0
    manifest = json.loads(files_of(made)["manifest.json"])
    assert manifest["export"] == str(made.public_id)


def test_it_does_not_wait_for_ever(ask, advance):
    made = ask()
    advance(121)

    assert exports.make_due() == 1
    assert state_of(made) == "ready"


def test_two_asked_for_are_made_one_after_the_other(ask):
    first, second = ask(), ask()
    seal()

    assert (exports.make_due(), state_of(first), state_of(second)) == (
        1,
        "ready",
        "waiting",
    )
    assert (exports.make_due(), state_of(second)) == (1, "ready")


def test_one_that_a_crash_left_half_made_is_taken_up_again(ask, advance, monkeypatch):
    made = ask()
    seal()

    def die(**words):
        raise SystemExit  # as a killed worker: nothing of ours handles it

    with monkeypatch.context() as patch:
        patch.setattr(exports.export, "write", die)
        with pytest.raises(SystemExit):
            exports.make_due()
    assert state_of(made) == "running"
    assert exports.make_due() == 0, "its maker may still be at it"
    advance(36 * 60)

    assert exports.make_due() == 1
    assert state_of(made) == "ready"
    assert len(list(exports.path_of(made).parent.iterdir())) == 1


def test_whoever_lost_an_archive_does_not_say_how_it_ended(ask, advance):
    made = ask()
    seal()
    slow = exports._claim()
    advance(36 * 60)
    exports.make_due()
    exports._finish(slow, state="failed", error="too late")

    assert (state_of(made), made.error) == ("ready", "")


def test_a_failure_is_said_on_the_row(ask, settings, tmp_path):
    made = ask()
    seal()
    (tmp_path / "exports").write_text("a file where the folder should be")

    assert exports.make_due() == 0
    assert state_of(made) == "failed"
    assert made.error


def test_without_a_trust_config_it_fails_and_says_so(ask, settings):
    made = ask()
    seal()
    settings.TRUST_CONFIG = "/nonexistent/trust_config.json"

    assert exports.make_due() == 0
    assert "trust config" in Export.objects.get(pk=made.pk).error


def test_the_file_goes_after_a_week_and_the_row_stays(ask, advance):
    made = ask()
    seal()
    exports.make_due()
    made.refresh_from_db()
    path = exports.path_of(made)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    advance(7 * 24 * 3600 - 60)
    exports.make_due()
    assert path.exists()
    advance(120)
    exports.make_due()

    made.refresh_from_db()
    assert (path.exists(), exports.path_of(made), made.state) == (False, None, "ready")


def test_a_part_holds_its_request_and_nobody_elses(acme, people, gate, ask):
    grant = steps.grant(acme, people, gate)
    other = factories.request(acme, people.oncall, gate, service="payments")
    made = ask(exports.one_bypass(grant.request.bypass_id))
    seal()
    exports.make_due()

    files = files_of(made)
    assert f"requests/{grant.request.bypass_id}.json" in files
    assert other.bypass_id.encode() not in files["entries.jsonl"]
    bodies = [json.loads(line)["body"] for line in files["entries.jsonl"].splitlines()]
    events = [json.loads(body)["event"] for body in bodies]
    assert events[0] == "tenant.created"
    assert "policy.published" in events
    assert "senior@acme.example" not in "".join(bodies)


def test_a_filter_that_chooses_nothing_means_the_whole_log():
    assert exports.filtered(Filters()) == {"kind": "log"}
    chosen = exports.filtered(Filters(events=("request.opened",)))
    assert (chosen["kind"], chosen["event"]) == ("filter", "request.opened")


def test_a_filter_brings_whole_requests(acme, people, gate, ask):
    grant = steps.grant(acme, people, gate)
    made = ask(exports.filtered(Filters(events=("request.approved",))))
    seal()
    exports.make_due()

    text = files_of(made)["entries.jsonl"].decode()
    for event in ("request.opened", "grant.issued", "evidence.exported"):
        assert event in text
    assert f"requests/{grant.request.bypass_id}.json" in files_of(made)


def test_an_operators_export_is_on_record_as_theirs(acme):
    exports.order(
        tenant=acme, scope=exports.WHOLE_LOG, reason="Moving.", actor=OPERATOR
    )

    entry = AuditEntry.objects.get(tenant=acme, event="evidence.exported")
    assert entry.actor == "operator at the shell"
