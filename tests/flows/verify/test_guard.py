"""A restored backup, a truncation, a damaged file: what stops, and what only alarms."""

import subprocess
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.db import connections

from breakglass.errors import LogReadOnly
from breakglass.models import AuditEntry, Grant, LogStanding, Notification
from breakglass.services import grants, requests, sweeps
from breakglass.services.logs import guard, sealing
from breakglass.services.telling import delivery
from breakglass.states import GrantState
from portal.runtime import placement
from tests import database, factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)
TOOLS = placement.wheel_install() / "bin"


BYPASS = ("bypass", "grant_in_force")
DEGRADED = ("enforce", "degraded")


def ask(gate, deploy, **how):
    return steps.verdict(steps.ask(gate, deploy, **how))


def standing(story):
    return LogStanding.objects.filter(tenant=story.tenant).first()


def is_read_only(story):
    found = standing(story)
    return found is not None and found.read_only_at is not None


def cut_off(story, forge, *, to):
    forge(
        "DELETE FROM breakglass_auditentry WHERE tenant_id = %s AND seq > %s",
        [story.tenant.pk, to],
    )
    forge(
        "UPDATE breakglass_chainhead SET seq = %s, entry_hash = (SELECT entry_hash "
        "FROM breakglass_auditentry e WHERE e.tenant_id = %s AND e.seq = %s) "
        "WHERE tenant_id = %s",
        [to, story.tenant.pk, to, story.tenant.pk],
    )


@pytest.fixture
def cut(story, forge):
    """The log of the story without its last entries, noticed."""
    cut_off(story, forge, to=5)
    assert guard.check_heads() == 1
    return story


class Backup:
    """A dump by the stock tools, and its restore over what came after."""

    def __init__(self, file):
        self._file = file
        self._run("pg_dump", "--format=custom", "--schema=public", f"--file={file}")

    def restore(self):
        connections.close_all()
        self._run("pg_restore", "--clean", "--if-exists", "--exit-on-error", self._file)

    def _run(self, tool, *options):
        owner = configured.DATABASES["owner"]
        where = ["-h", owner["HOST"], "-U", owner["USER"], "-d", owner["NAME"]]
        done = subprocess.run(  # noqa: S603 - the wheel's own tools
            [TOOLS / tool, *where, *options],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_a_log_that_extends_what_was_published_is_left_alone(story, seal):
    assert guard.check_heads() == 0
    factories.join(story.tenant, factories.person("n@acme.example", "N"), "peers")

    assert guard.check_heads() == 0
    assert not is_read_only(story)


def test_a_restored_backup_brings_no_revoked_grant_back(story, people, seal, tmp_path):
    """I-15, I-40: with pg_dump and pg_restore, as an operator would."""
    granted = story.grants[0]
    backup = Backup(tmp_path / "backup")
    grants.revoke(
        tenant=story.tenant,
        bypass_id=granted.request.bypass_id,
        person=people.oncall,
        reason="It was a false alarm.",
    )
    seal()
    backup.restore()
    assert Grant.objects.get(pk=granted.pk).state == GrantState.ACTIVE
    assert ask(granted.gate, "before") == BYPASS  # why there is a guard

    assert guard.check_heads() == 1

    assert ask(granted.gate, "after") == DEGRADED
    assert ask(granted.gate, "before") == DEGRADED, "not even an admitted deploy"
    assert "a backup was restored" in standing(story).read_only_reason


@pytest.mark.parametrize("to", [1, 5])
def test_a_cut_off_end_makes_the_log_read_only(story, forge, to):
    cut_off(story, forge, to=to)

    assert guard.check_heads() == 1
    assert is_read_only(story)
    assert f"ends at entry {to}" in standing(story).read_only_reason
    assert guard.check_heads() == 0, "it is news once"


def test_another_history_of_the_same_length_makes_the_log_read_only(story, forge):
    sealed = AuditEntry.objects.get(tenant=story.tenant, event="log.sealed").seq - 1
    forge(
        "UPDATE breakglass_auditentry SET entry_hash = sha256('x') "
        "WHERE tenant_id = %s AND seq = %s",
        [story.tenant.pk, sealed],
    )

    assert guard.check_heads() == 1
    assert f"holds another entry {sealed}" in standing(story).read_only_reason


def test_a_read_only_log_takes_no_entries_and_says_who_can_end_it(cut, people, gate):
    with pytest.raises(LogReadOnly, match="Two admins of the tenant"):
        factories.request(cut.tenant, people.oncall, gate, service="new")

    assert not cut.tenant.requests.filter(service="new").exists()


def test_other_tenants_are_not_held_up(cut, charlie):
    globex = factories.tenant_of(charlie)

    factories.gate(globex, "prod-deploy")

    assert not LogStanding.objects.filter(
        tenant=globex, read_only_at__isnull=False
    ).exists()


def test_the_sweeps_leave_a_read_only_tenant_alone_and_serve_the_rest(cut, charlie):
    globex = factories.tenant_of(charlie)
    other = factories.gate(globex, "prod-deploy")
    theirs = factories.request(globex, charlie, other)
    database.advance(3 * 24 * 3600)

    assert [result.error for result in sweeps.run_all()] == [""] * len(sweeps.SWEEPS)

    theirs.refresh_from_db()
    assert theirs.state == "lapsed"
    assert set(Grant.objects.values_list("state", flat=True)) == {GrantState.ACTIVE}
    assert sealing.seal_due() == 0
    assert requests.lapse_due() == 0


def test_auditors_and_admins_are_told_once(cut, people):
    delivery.drain()
    guard.check_heads()
    delivery.drain()

    told = Notification.objects.filter(message__topic="log.read_only")
    assert sorted(told.values_list("address", flat=True)) == sorted(
        {people.auditor.email, people.senior.email, people.admin.email}
    )
    assert "read-only, gates enforce" in told.first().subject


@pytest.mark.parametrize("content", [None, b"", b"\n\n"])
def test_a_file_that_is_gone_alarms_and_opens_the_door_all_the_same(
    story, gate, content
):
    story.file.unlink()
    if content is not None:
        story.file.write_bytes(content)

    assert guard.check_heads() == 1

    assert "is gone or empty" in standing(story).finding
    assert not is_read_only(story)
    assert ask(gate, "deploy") == BYPASS


@pytest.mark.parametrize(
    "tail",
    [
        b"garbage\n",
        b'{"tenant":"half',
        b"{}\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b"x" * 3_000_000,
    ],
    ids=["text", "torn", "object", "list", "bytes", "long"],
)
def test_garbage_behind_the_last_line_alarms_and_stops_nothing(story, gate, tail):
    with story.file.open("ab") as lines:
        lines.write(tail)

    assert guard.check_heads() == 1

    assert standing(story).finding
    assert not is_read_only(story)
    assert ask(gate, "deploy") == BYPASS


def test_a_line_that_nobody_signed_stops_nothing(story, gate):
    """Who can write to the file must not be able to close the door."""
    line = story.file.read_text().replace('"size":', '"size":9')
    forged = line.replace('"payload":"', '"payload":"e30')
    story.file.write_text(story.file.read_text() + forged)

    guard.check_heads()

    assert not is_read_only(story)
    assert "a line that is none" in standing(story).finding


def test_a_file_that_lags_behind_the_database_alarms(story, people, seal):
    before = story.file.read_text()
    factories.join(story.tenant, people.peer, "auditors")
    database.advance(61)
    seal()
    story.file.write_text(before)

    assert guard.check_heads() == 1
    assert "was written to it" in standing(story).finding
    assert not is_read_only(story)


def test_the_newest_line_is_found_without_reading_the_file(story, monkeypatch):
    old = story.file.read_bytes()
    story.file.write_bytes((b'{"tenant":"other"}' + b" " * 1000 + b"\n") * 9000 + old)
    read = []
    opened = Path.open

    def _open(self, *args, **named):
        file = opened(self, *args, **named)
        if self == story.file:
            read.append(file)
        return file

    monkeypatch.setattr(Path, "open", _open)
    assert guard.check_heads() == 0
    assert len(read) == 1
    assert story.file.stat().st_size > 9_000_000


def test_without_a_trusted_root_nothing_is_judged(story, forge, settings, tmp_path):
    cut_off(story, forge, to=5)
    settings.TRUST_CONFIG = str(tmp_path / "absent.json")

    assert guard.check_heads() == 0
    assert not is_read_only(story)


def test_a_dry_run_is_degraded_too(cut, gate):
    assert ask(gate, "deploy", dry_run=True) == DEGRADED
