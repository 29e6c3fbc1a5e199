"""The write-up that a grant owes: opened, written, published, overdue."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from breakglass.actors import OPERATOR
from breakglass.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    PolicyViolation,
)
from breakglass.models import OutboxMessage, PostMortem
from breakglass.services import grants
from breakglass.services.people import accounts as person_services
from breakglass.services.postmortems import deadlines, opening, writing
from breakglass.services.postmortems.writing import ActionItemInput
from breakglass.services.tenancy import tenants
from tests import factories
from tests.flows.services import steps

DAY = 24 * 60 * steps.MINUTE
WRITTEN = """\
## Summary

Checkout ran out of memory.

## Why a bypass was needed

The gate waits for a nightly scan.

## What changes

The scan runs per commit.
"""
ITEM = ActionItemInput("Scan each commit", "peer", is_done=False)


@pytest.fixture
def grant(acme, people, gate):
    """A grant in force, whose post-mortem is scheduled."""
    return steps.grant(acme, people, gate)


@pytest.fixture
def closed(acme, people, grant):
    """A grant that its requester closed."""
    return grants.revoke(
        tenant=acme,
        bypass_id=grant.request.bypass_id,
        person=people.oncall,
        reason="Done.",
    )


def save(grant, person, body=WRITTEN, *, items=(ITEM,), why="", revision=0, gate="no"):
    return writing.save_draft(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=person,
        body=body,
        action_items=items,
        no_action_reason=why,
        revision=revision,
        gate_blamed=gate,
    )


def publish(grant, person):
    return writing.publish(
        tenant=grant.tenant, bypass_id=grant.request.bypass_id, person=person
    )


def test_the_sweep_opens_what_is_due_once(acme, people, grant, stop_clock):
    stop_clock(grant.expires_at - timedelta(microseconds=1))
    assert opening.open_due() == 0

    stop_clock(grant.expires_at)
    assert [opening.open_due(), opening.open_due()] == [1, 0]
    opened = PostMortem.objects.get()
    assert (opened.state, opened.opened_at) == ("open", grant.expires_at)
    assert steps.events(acme).count("postmortem.opened") == 1
    assert OutboxMessage.objects.filter(topic="postmortem.opened").count() == 1


def test_it_opens_filled_in_with_what_happened(people, gate, grant, closed):
    body = PostMortem.objects.get().body

    assert f"# {grant.request.bypass_id}: checkout on prod-deploy" in body
    assert grant.request.justification in body
    assert f"Peer ({people.peer.email})" in body
    assert "No deploy went through" in body
    assert "${" not in body


def test_it_can_be_written_at_the_end_though_no_sweep_has_run(
    people, grant, stop_clock
):
    with pytest.raises(Conflict, match="opens when the bypass closes"):
        save(grant, people.oncall)

    stop_clock(grant.expires_at)
    assert save(grant, people.oncall).revision == 1
    assert PostMortem.objects.get().state == "open"


def test_the_assignee_and_the_admins_write_and_nobody_else_does(
    acme, people, closed, charlie
):
    save(closed, people.oncall)
    save(closed, people.admin, revision=1)

    for other in (people.peer, people.approver1, people.security, charlie):
        with pytest.raises(NotPermitted):
            save(closed, other, revision=2)
        with pytest.raises(NotPermitted):
            publish(closed, other)
    with pytest.raises(NotFound):
        writing.publish(
            tenant=factories.tenant_of(charlie),
            bypass_id=closed.request.bypass_id,
            person=charlie,
        )


def test_a_deactivated_assignee_writes_nothing(people, closed):
    gone = person_services.deactivate(user=people.oncall, actor=OPERATOR)

    with pytest.raises(NotPermitted):
        save(closed, gone)


def test_of_two_editors_the_second_one_is_told(people, closed):
    save(closed, people.oncall, "Mine.")

    with pytest.raises(Conflict, match="Oncall saved this"):
        save(closed, people.admin, "Theirs.", revision=0)

    kept = PostMortem.objects.get()
    assert (kept.body, kept.revision, kept.saved_by) == ("Mine.", 1, people.oncall)


def test_saving_replaces_the_action_items(people, closed):
    save(closed, people.oncall, items=[ITEM, ActionItemInput("Old", "", True)])
    empty = ActionItemInput("  ", "peer", is_done=False)
    save(closed, people.oncall, items=[empty, ITEM], revision=1)

    items = PostMortem.objects.get().action_items.all()
    assert [(i.position, i.text, i.owner) for i in items] == [
        (1, "Scan each commit", "peer")
    ]


def test_what_is_too_long_or_hidden_is_refused(people, closed):
    cases = {
        "body": {"body": "x" * 100_001},
        "body ": {"body": "fine\x00"},
        "no_action_reason": {"why": "x" * 1001},
        "action_items": {"items": [ActionItemInput("x" * 301, "", False)]},
        "action_items ": {"items": [ActionItemInput("x", "y" * 101, False)]},
        "action_items  ": {"items": [ITEM] * 51},
    }
    for field, wrong in cases.items():
        with pytest.raises(PolicyViolation) as error:
            save(closed, people.oncall, **wrong)
        assert error.value.field == field.strip()

    assert PostMortem.objects.get().revision == 0


def test_publishing_names_what_is_missing(people, closed):
    with pytest.raises(PolicyViolation) as error:
        publish(closed, people.oncall)
    for part in ("summary", "Why a bypass was needed", "What changes", "action item"):
        assert part in str(error.value)

    save(closed, people.oncall, items=[])
    with pytest.raises(PolicyViolation, match=r"^Add at least one action item"):
        publish(closed, people.oncall)

    save(closed, people.oncall, items=[], why="Nothing to change.", revision=1)
    assert publish(closed, people.oncall).state == "published"


def test_the_headings_are_those_of_the_template_at_the_grant(acme, people, gate, grant):
    tenants.set_template(
        tenant=acme, actor=OPERATOR, body="## New\n", required_headings="New"
    )
    later = steps.grant(acme, people, gate, service="payments")

    assert grant.postmortem.required_headings.startswith("Summary")
    assert later.postmortem.required_headings == "New"


def test_what_is_published_stays(acme, people, closed):
    save(closed, people.oncall)
    published = publish(closed, people.oncall)
    before = steps.size(acme)

    assert published.published_by == people.oncall
    with pytest.raises(Conflict, match="published"):
        save(closed, people.oncall, revision=1)
    with pytest.raises(Conflict, match="published"):
        publish(closed, people.admin)
    assert steps.size(acme) == before


def test_a_postmortem_is_never_deleted(closed):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        PostMortem.objects.all()._raw_delete("default")


def test_being_overdue_is_recorded_and_told_once(acme, people, grant, stop_clock):
    due = grant.postmortem.due_at
    stop_clock(due - timedelta(microseconds=1))
    deadlines.remind_due()
    assert steps.events(acme).count("postmortem.overdue") == 0

    stop_clock(due)
    assert [deadlines.remind_due(), deadlines.remind_due()] == [
        1,
        0,
    ]
    assert steps.events(acme).count("postmortem.overdue") == 1
    assert OutboxMessage.objects.filter(topic="postmortem.overdue").count() == 1


def test_what_is_published_is_never_overdue(people, closed, advance):
    save(closed, people.oncall)
    publish(closed, people.oncall)
    advance(30 * DAY)

    assert deadlines.remind_due() == 0


def test_a_heading_of_the_template_may_not_hide_a_control_character(acme):
    with pytest.raises(InvalidInput):
        tenants.set_template(
            tenant=acme, actor=OPERATOR, body="## A", required_headings="A\x07"
        )
