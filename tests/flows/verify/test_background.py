"""The log is verified by itself: what is new at once, everything once a day."""

import pytest

from breakglass.models import LogStanding, Notification
from breakglass.services.logs import checks
from breakglass.services.logs.verification import verify_tenant
from breakglass.services.telling import delivery
from tests import database, factories
from tests.flows.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
DAY = 24 * 3600


def standing(story):
    return LogStanding.objects.get(tenant=story.tenant)


def alter(story, forge, seq):
    forge(
        "UPDATE breakglass_auditentry SET event = 'grant.revoked' "
        "WHERE tenant_id = %s AND seq = %s",
        [story.tenant.pk, seq],
    )


def test_new_entries_are_verified_and_the_head_remembered(story):
    assert checks.check_new() == 0
    first = standing(story)
    factories.gate(story.tenant, "another")
    assert checks.check_new() == 0

    now = standing(story)
    assert now.verified_size == first.verified_size + 1
    assert bytes(now.verified_hash) != bytes(first.verified_hash)
    assert now.full_verified_at == first.full_verified_at, "the second was not full"


def test_a_quiet_log_costs_no_verification(story, monkeypatch):
    checks.check_new()
    monkeypatch.setattr(checks, "verify_tenant", None)  # calling it would raise

    assert checks.check_new() == 0


def test_a_new_entry_that_was_altered_turns_the_log_red_and_tells_once(
    story, forge, people
):
    checks.check_new()
    factories.gate(story.tenant, "another")
    seq = standing(story).verified_size + 1
    alter(story, forge, seq)

    assert checks.check_new() == 1
    assert checks.check_new() == 0
    delivery.drain()

    assert standing(story).finding_seq == seq
    assert standing(story).finding.startswith(f"Entry {seq} has columns")
    told = Notification.objects.filter(message__topic="log.finding")
    assert sorted(told.values_list("address", flat=True)) == sorted(
        [people.auditor.email, people.senior.email]
    )
    assert "does not verify" in told.first().subject


def test_an_old_entry_that_was_altered_is_found_by_the_daily_check(story, forge):
    checks.check_whole()
    alter(story, forge, 3)
    factories.gate(story.tenant, "another")

    assert checks.check_new() == 0, "it looks at what is new"
    assert checks.check_whole() == 0, "it is not a day later"
    database.advance(DAY)
    assert checks.check_whole() == 1
    assert standing(story).finding_seq == 3


def test_a_mended_log_is_green_again_after_an_hour(story, forge):
    alter(story, forge, 3)
    assert checks.check_whole() == 1
    forge(
        "UPDATE breakglass_auditentry SET event = (convert_from(body, 'UTF8')::json "
        "->> 'event') WHERE seq = 3"
    )

    checks.check_whole()
    assert standing(story).finding_at is not None, "not looked at again so soon"
    database.advance(3700)
    assert checks.check_whole() == 0
    assert standing(story).finding_at is None


def test_the_daily_check_uses_what_was_published(story, forge):
    """Cut off and re-linked, the log itself is whole; only the file knows better."""
    forge("DELETE FROM breakglass_auditentry WHERE tenant_id = %s AND seq > 20",
          [story.tenant.pk])  # fmt: skip
    forge("DELETE FROM breakglass_checkpoint WHERE tenant_id = %s", [story.tenant.pk])
    forge(
        "UPDATE breakglass_chainhead SET seq = 20, entry_hash = (SELECT entry_hash "
        "FROM breakglass_auditentry e WHERE e.tenant_id = %s AND e.seq = 20) "
        "WHERE tenant_id = %s",
        [story.tenant.pk, story.tenant.pk],
    )

    assert checks.check_whole() == 1
    report = verify_tenant(tenant=story.tenant, checkpoint_file=story.file)
    assert "was sealed by a checkpoint, and is gone" in {
        finding.message for finding in report.findings
    }


def test_two_daily_checks_at_once_verify_each_log_once(story, monkeypatch):
    done = []

    def counted(**given):
        done.append(given["tenant"].pk)
        return verify_tenant(**given)

    monkeypatch.setattr(checks, "verify_tenant", counted)

    assert at_once(checks.check_whole, checks.check_whole) == [0, 0]

    assert sorted(done) == sorted(set(done))


def test_writers_at_work_never_alarm(story, people, gate):
    """A check reads one moment: it never meets half of somebody's approval."""

    def work():
        for number in range(4):
            asked = factories.request(
                story.tenant, people.oncall, gate, service=f"service-{number}"
            )
            factories.approve(asked, people.peer)

    def check():
        return [verify_tenant(tenant=story.tenant).findings for _ in range(6)]

    _, found = at_once(work, check)

    assert found == [[]] * 6


def test_without_a_trusted_root_nothing_is_judged(story, settings, tmp_path):
    settings.TRUST_CONFIG = str(tmp_path / "absent.json")

    assert checks.check_new() == 0
    assert checks.check_whole() == 0
    assert not LogStanding.objects.filter(finding_at__isnull=False).exists()
