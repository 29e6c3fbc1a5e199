"""Two admins, on record, and nobody alone: how a read-only log goes on."""

from datetime import timedelta

import pytest

from breakglass import clock
from breakglass.errors import (
    Conflict,
    InvalidInput,
    NotPermitted,
    ReauthenticationRequired,
)
from breakglass.models import AuditEntry, Checkpoint, LogStanding, Reanchor
from breakglass.queries.logs import entries
from breakglass.services.logs import checks, guard, reanchoring
from breakglass.services.logs.verification import verify_tenant
from tests import factories
from tests.flows.races.threads import at_once
from tests.flows.services import steps
from tests.flows.verify.test_guard import cut_off

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "Restored the backup of 02:00 after the disk failed."


@pytest.fixture
def cut(story, forge):
    """The story's log, cut off after entry 5 and noticed; a second admin is there."""
    cut_off(story, forge, to=5)
    assert guard.check_heads() == 1
    return story


@pytest.fixture
def story(story, people):
    """The senior and an approver are admins as well."""
    factories.join(story.tenant, people.senior, "admins")
    factories.join(story.tenant, people.approver1, "admins")
    return story


def propose(cut, person, **fields):
    given = {"reason": WHY, "authenticated_at": clock.db_now(), **fields}
    return reanchoring.propose(tenant=cut.tenant, person=person, **given)


def confirm(cut, person, proposal, **fields):
    return reanchoring.confirm(
        tenant=cut.tenant,
        person=person,
        proposal_id=proposal.pk,
        authenticated_at=fields.get("at", clock.db_now()),
    )


def is_read_only(cut):
    return LogStanding.objects.get(tenant=cut.tenant).read_only_at is not None


def test_two_admins_end_it_on_record_and_the_log_is_sealed_at_once(cut, people, seal):
    proposal = propose(cut, people.admin)
    assert is_read_only(cut)

    confirm(cut, people.senior, proposal)

    entry = AuditEntry.objects.get(tenant=cut.tenant, event="log.reanchored")
    facts = entries.body_of(entry=entry)["facts"]
    assert entry.actor == people.senior.email
    assert (facts["proposed_by"], facts["reason"]) == (people.admin.email, WHY)
    assert (facts["size"], entry.seq) == (5, 6)
    assert facts["published_size"] > 5
    sealed = Checkpoint.objects.filter(tenant=cut.tenant).latest("pk")
    assert sealed.size == 6
    assert not is_read_only(cut)


def test_afterwards_the_guard_is_content_before_and_after_the_next_line(
    cut, people, seal, gate
):
    confirm(cut, people.senior, propose(cut, people.admin))

    assert guard.check_heads() == 0, "the old line is still the newest"
    lines = len(cut.file.read_text().splitlines())
    seal()
    assert len(cut.file.read_text().splitlines()) == lines + 1, "the file only grows"
    assert guard.check_heads() == 0
    assert steps.verdict(steps.ask(gate, "deploy")) == ("bypass", "grant_in_force")


def test_whoever_verifies_is_told_of_the_break_and_of_nothing_else(cut, people, seal):
    confirm(cut, people.senior, propose(cut, people.admin))
    seal()

    report = verify_tenant(tenant=cut.tenant, checkpoint_file=cut.file)

    (known,) = {one for one in report.unproven if "known break" in one}
    assert "log.reanchored" in known
    about_the_chain = [f for f in report.findings if f.seq]
    assert about_the_chain == []


def test_a_second_break_is_not_excused_by_the_first(cut, people, seal, forge):
    confirm(cut, people.senior, propose(cut, people.admin))
    file = seal()
    kept = file.read_text()
    cut_off(cut, forge, to=6)
    assert guard.check_heads() == 0, "entry 6 is what the newest line sealed"

    cut_off(cut, forge, to=5)

    assert guard.check_heads() == 1
    assert is_read_only(cut)
    assert file.read_text() == kept


def test_nobody_confirms_their_own_proposal(cut, people):
    proposal = propose(cut, people.admin)

    with pytest.raises(NotPermitted, match="ask another admin"):
        confirm(cut, people.admin, proposal)

    assert is_read_only(cut)


@pytest.mark.parametrize("who", ["oncall", "auditor", "security"])
def test_only_who_manages_the_tenant_decides(cut, people, who):
    with pytest.raises(NotPermitted):
        propose(cut, getattr(people, who))
    proposal = propose(cut, people.admin)
    with pytest.raises(NotPermitted):
        confirm(cut, getattr(people, who), proposal)
    with pytest.raises(NotPermitted):
        reanchoring.drop(
            tenant=cut.tenant, person=getattr(people, who), proposal_id=proposal.pk
        )


@pytest.mark.parametrize("age", [None, timedelta(minutes=6)])
def test_both_need_a_fresh_sign_in(cut, people, age):
    at = clock.db_now() - age if age else None
    with pytest.raises(ReauthenticationRequired):
        propose(cut, people.admin, authenticated_at=at)
    proposal = propose(cut, people.admin)
    with pytest.raises(ReauthenticationRequired):
        confirm(cut, people.senior, proposal, at=at)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
def test_a_proposal_says_why(cut, people, reason):
    with pytest.raises(InvalidInput):
        propose(cut, people.admin, reason=reason)


def test_there_is_one_proposal_at_a_time_and_a_dropped_one_makes_room(cut, people):
    first = propose(cut, people.admin)
    with pytest.raises(Conflict):
        propose(cut, people.senior)

    reanchoring.drop(tenant=cut.tenant, person=people.senior, proposal_id=first.pk)
    second = propose(cut, people.senior)

    with pytest.raises(Conflict):
        confirm(cut, people.senior, first)
    confirm(cut, people.admin, second)


def test_a_log_that_moved_since_the_proposal_is_not_re_anchored(cut, people, forge):
    proposal = propose(cut, people.admin)
    forge(
        "UPDATE breakglass_chainhead SET entry_hash = sha256('x') WHERE tenant_id = %s",
        [cut.tenant.pk],
    )

    with pytest.raises(Conflict, match="has changed since"):
        confirm(cut, people.senior, proposal)
    assert is_read_only(cut)


def test_another_published_line_since_the_proposal_is_not_left_behind(cut, people):
    proposal = propose(cut, people.admin)
    cut.file.write_text("")

    with pytest.raises(Conflict, match="another checkpoint"):
        confirm(cut, people.senior, proposal)


def test_a_writable_log_has_nothing_to_re_anchor(story, people):
    with pytest.raises(Conflict, match="nothing to re-anchor"):
        propose(story, people.admin)


def test_two_who_confirm_at_once_write_one_entry(cut, people):
    proposal = propose(cut, people.admin)

    outcomes = at_once(
        lambda: confirm(cut, people.senior, proposal),
        lambda: confirm(cut, people.approver1, proposal),
    )

    assert sum(isinstance(one, Reanchor) for one in outcomes) == 1
    assert sum(isinstance(one, Conflict) for one in outcomes) == 1
    written = AuditEntry.objects.filter(event="log.reanchored")
    assert written.count() == 1


def test_a_finding_ends_with_a_clean_full_check(story, forge):
    checks.check_new()
    forge(
        "UPDATE breakglass_logstanding SET verified_hash = sha256('x') "
        "WHERE tenant_id = %s",
        [story.tenant.pk],
    )
    factories.gate(story.tenant, "another")
    assert checks.check_new() == 1
    standing = LogStanding.objects.get(tenant=story.tenant)
    assert "was verified before" in standing.finding

    checks.remember(tenant=story.tenant, report=verify_tenant(tenant=story.tenant))

    standing.refresh_from_db()
    assert (standing.finding, standing.finding_at) == ("", None)
