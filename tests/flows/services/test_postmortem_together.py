"""Several people and one write-up: sections, reviews, owners, notes, reminders."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from breakglass.audit import events
from breakglass.errors import Conflict, NotPermitted, PolicyViolation
from breakglass.models import (
    AuditEntry,
    Notification,
    OutboxMessage,
    PostMortem,
    PostMortemDraft,
    PostMortemReview,
    PostMortemRevision,
)
from breakglass.queries.postmortems import history
from breakglass.rules.postmortem import GATE, ITEMS
from breakglass.rules.postmortem_body import Edit, SectionClash, base_of, digest, split
from breakglass.services.postmortems import deadlines, drafts, handing, reviews, writing
from breakglass.services.postmortems.writing import ActionItemInput, Answers
from breakglass.services.telling import expansion
from breakglass.states import ReviewOutcome
from tests import factories
from tests.flows.services import steps
from tests.flows.services.test_postmortems import closed, grant, publish, save

__all__ = ["closed", "grant"]
HOUR = timedelta(hours=1)
ITEM = ActionItemInput("Alarm", "Ana", is_done=False)


@pytest.fixture
def written(people, closed):
    """A complete write-up of the on-call's, not yet published."""
    save(closed, people.oncall)
    return closed


def named(grant):
    return {"tenant": grant.tenant, "bypass_id": grant.request.bypass_id}


def stored():
    return PostMortem.objects.get()


def edit(key, text, *, of=None):
    section = next(part for part in split((of or stored()).body) if part.key == key)
    return Edit(key, section.heading, base_of(section=section, hidden=()), text)


def given(*, of=None, items=(), why="", gate=""):
    row = of or stored()
    return Answers(
        action_items=items,
        no_action_reason=why,
        gate_blamed=gate,
        items_base=digest(history.items_in_words(postmortem=row)),
        gate_base=row.gate_blamed,
    )


def save_sections(grant, person, *edits, **answers):
    return writing.save_sections(
        **named(grant), person=person, edits=edits, given=given(**answers)
    )


def facts(event):
    row = AuditEntry.objects.filter(event=event).latest("seq")
    return json.loads(bytes(row.body))["facts"]


def told(topic):
    """Expands what is due; returns who was told of this topic."""
    expansion.expand_due()
    rows = Notification.objects.filter(message__topic=topic)
    return sorted(rows.values_list("address", flat=True))


def test_different_sections_of_two_people_are_both_kept(people, closed):
    before = stored()
    save_sections(closed, people.oncall, edit("summary", "It broke."))
    save_sections(closed, people.admin, edit("impact", "All.", of=before), of=before)

    body = stored().body
    assert "It broke." in body
    assert "## Impact\n\nAll." in body
    assert stored().revision == 2


def test_the_same_section_of_two_people_clashes_and_stores_nothing(people, closed):
    before = stored()
    save_sections(closed, people.oncall, edit("summary", "Mine."))
    with pytest.raises(SectionClash) as error:
        save_sections(
            closed,
            people.admin,
            edit("summary", "Theirs.", of=before),
            edit("impact", "All.", of=before),
        )

    [clash] = error.value.clashes
    assert (clash.key, clash.mine, clash.theirs) == ("summary", "Theirs.", "Mine.")
    assert "All." not in stored().body
    change = history.last_change(postmortem=stored(), key="summary")
    assert (change.by, change.at) == (people.oncall, stored().saved_at)
    assert history.last_change(postmortem=before, key="nowhere") is not None


def test_action_items_and_the_gate_clash_as_sections_do(people, closed):
    other = ActionItemInput("Scan", "", is_done=False)
    words = {**named(closed), "person": people.admin}
    untouched, changed = given(), given(items=[other], gate="no")
    save_sections(closed, people.oncall, items=[ITEM], gate="yes")
    with pytest.raises(SectionClash) as error:
        writing.save_sections(**words, edits=[], given=changed)
    assert [clash.key for clash in error.value.clashes] == [ITEMS, GATE]

    edits = [edit("summary", "Mine.")]
    writing.save_sections(**words, edits=edits, given=untouched)
    assert stored().gate_blamed == "yes"
    assert stored().action_items.get().text == "Alarm"


def test_saving_what_is_stored_writes_nothing(acme, people, written):
    size = steps.size(acme)
    row = stored()
    items = [writing.ActionItemInput("Scan each commit", "peer", is_done=False)]
    save_sections(written, people.oncall, of=row, items=items, gate="no")

    assert (stored().revision, steps.size(acme)) == (1, size)


def test_each_revision_is_kept_as_the_log_has_its_digest(people, written):
    save_sections(written, people.admin, edit("summary", "Again."))

    assert list(PostMortemRevision.objects.values_list("revision", flat=True)) == [1, 2]
    with pytest.raises(DatabaseError, match="denied"), transaction.atomic():
        PostMortemRevision.objects.all()._raw_delete("default")


def test_what_is_typed_is_kept_for_its_writer_and_never_recorded(acme, people, closed):
    size = steps.size(acme)
    words = {**named(closed), "person": people.oncall}
    drafts.keep(**words, typed="body=a")
    drafts.keep(**words, typed="body=b")

    assert steps.size(acme) == size
    row = stored()
    assert history.typed_by(postmortem=row, person=people.oncall).typed == "body=b"
    assert history.typed_by(postmortem=row, person=people.admin) is None
    with pytest.raises(NotPermitted):
        drafts.keep(**{**words, "person": people.peer}, typed="x")
    with pytest.raises(PolicyViolation):
        drafts.keep(**words, typed="x" * 400_001)
    save_sections(closed, people.oncall, edit("summary", "b"))
    assert not PostMortemDraft.objects.exists()


def test_no_draft_is_left_of_a_text_that_is_stored_whole_or_published(people, closed):
    for person in (people.oncall, people.admin):
        drafts.keep(**named(closed), person=person, typed="body=a")
    save(closed, people.oncall)
    assert PostMortemDraft.objects.get().person == people.admin
    publish(closed, people.oncall)
    assert not PostMortemDraft.objects.exists()


def test_publishing_records_whether_the_gate_was_at_fault(people, closed):
    save(closed, people.oncall, gate="")
    with pytest.raises(PolicyViolation, match="gate was at fault"):
        publish(closed, people.oncall)
    with pytest.raises(PolicyViolation) as error:
        save(closed, people.oncall, gate="maybe", revision=1)
    assert error.value.field == "gate_blamed"
    save(closed, people.oncall, gate="partly", revision=1)
    publish(closed, people.oncall)

    judged = facts(events.POSTMORTEM_GATE_JUDGED)
    assert judged == {"gate": "prod-deploy", "gate_blamed": "partly"}


def ask(grant, person, *reviewers):
    ids = [one.public_id for one in reviewers]
    return reviews.ask(**named(grant), person=person, reviewers=ids)


def end(grant, person, outcome, *, comment="", revision=1):
    return reviews.end(
        **named(grant),
        person=person,
        outcome=outcome,
        comment=comment,
        revision=revision,
    )


def test_nobody_reviews_what_they_own_or_wrote(people, written, charlie):
    save(written, people.admin, revision=1)
    for wrong in ([], [people.oncall], [people.admin], [people.peer, charlie]):
        with pytest.raises(PolicyViolation) as error:
            ask(written, people.oncall, *wrong)
        assert error.value.field == "reviewers"
    with pytest.raises(NotPermitted):
        ask(written, people.peer, people.senior)
    assert not PostMortemReview.objects.exists()


def test_only_what_is_complete_goes_to_review(people, closed):
    with pytest.raises(PolicyViolation, match=r"Write a summary\."):
        ask(closed, people.oncall, people.peer)


def test_a_reviewer_asks_for_changes_and_then_publishes(people, written):
    ask(written, people.oncall, people.peer, people.senior)
    assert told("postmortem.review_asked") == [people.peer.email, people.senior.email]
    with pytest.raises(Conflict, match="in review"):
        publish(written, people.oncall)
    with pytest.raises(Conflict, match="in review already"):
        ask(written, people.oncall, people.peer)
    with pytest.raises(PolicyViolation) as error:
        end(written, people.peer, ReviewOutcome.CHANGES_ASKED, comment=" ")
    assert error.value.field == "comment"
    end(written, people.peer, ReviewOutcome.CHANGES_ASKED, comment="Since when?")
    assert told("postmortem.review_ended") == [people.oncall.email, people.senior.email]
    assert facts(events.POSTMORTEM_REVIEW_ENDED)["comment"] == "Since when?"

    ask(written, people.oncall, people.peer)
    end(written, people.peer, ReviewOutcome.DONE)
    assert (stored().state, stored().published_by) == ("published", people.peer)


def test_who_reviews_it_stays(people, written):
    ask(written, people.oncall, people.peer)
    chosen = PostMortemReview.reviewers.through.objects.all()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        chosen.update(user=people.senior)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        chosen.delete()


def test_reviewers_and_owners_who_left_the_tenant_are_told_nothing(
    acme, people, written, stop_clock
):
    ask(written, people.oncall, people.peer, people.senior)
    factories.leave(acme, people.peer, "peers")
    assert told("postmortem.review_asked") == [people.senior.email]
    for group in ("on-call", "peers"):
        factories.leave(acme, people.oncall, group)
    stop_clock(stored().due_at - 23 * HOUR)
    stored()  # reading a table makes PostgreSQL notice the new clock
    deadlines.remind_due()
    assert told("postmortem.due_soon") == [people.admin.email]


def test_only_reviewers_answer_and_only_writers_take_it_back(people, written):
    with pytest.raises(Conflict, match="not in review"):
        end(written, people.peer, ReviewOutcome.DONE)
    ask(written, people.oncall, people.peer)
    for other in (people.oncall, people.senior, people.admin):
        with pytest.raises(NotPermitted):
            end(written, other, ReviewOutcome.DONE)
    with pytest.raises(NotPermitted):
        end(written, people.peer, ReviewOutcome.TAKEN_BACK)
    end(written, people.oncall, ReviewOutcome.TAKEN_BACK)
    assert publish(written, people.oncall).state == "published"


def test_a_reviewer_publishes_only_what_they_read(people, written):
    ask(written, people.oncall, people.peer)
    save(written, people.oncall, revision=1)
    with pytest.raises(Conflict, match="saved again"):
        end(written, people.peer, ReviewOutcome.DONE, revision=1)
    assert (
        end(written, people.peer, ReviewOutcome.DONE, revision=2).state == "published"
    )


def test_a_reviewer_who_wrote_some_of_it_since_cannot_find_it_done(people, written):
    ask(written, people.oncall, people.admin)
    save(written, people.admin, revision=1)
    with pytest.raises(NotPermitted, match="wrote some of it"):
        end(written, people.admin, ReviewOutcome.DONE, revision=2)
    end(written, people.admin, ReviewOutcome.CHANGES_ASKED, comment="Read mine.")
    assert stored().state == "open"


def hand_over(grant, person, to, note=""):
    return handing.hand_over(**named(grant), person=person, to=to.public_id, note=note)


def test_it_is_handed_over_on_record_and_both_are_told(people, written, charlie):
    with pytest.raises(PolicyViolation):
        hand_over(written, people.oncall, charlie)
    with pytest.raises(NotPermitted):
        hand_over(written, people.peer, people.senior)
    with pytest.raises(Conflict):
        hand_over(written, people.oncall, people.oncall)
    hand_over(written, people.oncall, people.senior, "I am on leave.")

    assert stored().assignee == people.senior
    assert facts(events.POSTMORTEM_HANDED_OVER) == {
        "assignee": people.senior.email,
        "previous": people.oncall.email,
        "note": "I am on leave.",
    }
    assert told("postmortem.handed_over") == [people.oncall.email, people.senior.email]
    with pytest.raises(NotPermitted):
        save(written, people.oncall, revision=1)
    save(written, people.senior, revision=1)


def test_a_reviewer_cannot_become_the_owner(people, written):
    ask(written, people.oncall, people.peer)
    with pytest.raises(PolicyViolation, match="reviewer"):
        hand_over(written, people.oncall, people.peer)


def tick(grant, person, *, is_done=True, position=1):
    return handing.tick(
        **named(grant), person=person, position=position, is_done=is_done
    )


def test_what_is_done_later_is_ticked_on_record(acme, people, written):
    with pytest.raises(Conflict, match="not published"):
        tick(written, people.oncall)
    publish(written, people.oncall)
    with pytest.raises(NotPermitted):
        tick(written, people.peer)
    item = tick(written, people.oncall)
    assert (item.is_done, item.done_by) == (True, people.oncall)
    wanted = {"action_item": "Scan each commit", "done": True}
    assert facts(events.POSTMORTEM_ACTION_CHANGED) == wanted
    size = steps.size(acme)
    tick(written, people.oncall)
    assert steps.size(acme) == size
    assert tick(written, people.admin, is_done=False).done_at is None


def test_the_action_items_of_a_published_one_stay(people, written):
    publish(written, people.oncall)
    item = stored().action_items.get()
    item.text = "Something else"
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        item.save(update_fields=["text"])
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        item.delete()


def test_members_add_notes_after_the_publication(people, written, charlie):
    note = handing.add_note
    words = {**named(written), "text": "It rang once since."}
    with pytest.raises(Conflict):
        note(**words, person=people.peer)
    publish(written, people.oncall)
    with pytest.raises(NotPermitted):
        note(**words, person=charlie)
    with pytest.raises(PolicyViolation):
        note(**{**words, "text": " "}, person=people.peer)
    assert note(**words, person=people.peer).author == people.peer
    assert facts(events.POSTMORTEM_NOTED) == {"note": "It rang once since."}


def test_reminders_come_a_day_before_at_the_deadline_and_daily(
    people, written, stop_clock
):
    due = stored().due_at
    topics = []
    for moment in (-25, -24, -23, 0, 1, 23, 24, 25, 49, 120):
        stop_clock(due + moment * HOUR)
        stored()  # reading a table makes PostgreSQL notice the new clock
        deadlines.remind_due()
        found = OutboxMessage.objects.filter(
            topic__in=["postmortem.due_soon", "postmortem.overdue"]
        )
        again = OutboxMessage.objects.filter(topic="postmortem.reminder")
        topics.append((found.count(), again.count()))

    assert topics == [
        *((0, 0), (1, 0), (1, 0), (2, 0), (2, 0)),
        *((2, 0), (2, 1), (2, 1), (2, 2), (2, 3)),
    ]
    assert people.admin.email in told("postmortem.reminder")
    publish(written, people.oncall)
    stop_clock(due + 400 * HOUR)
    assert deadlines.remind_due() == 0
