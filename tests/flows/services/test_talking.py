"""Reminding those who are waited for, and commenting: both on record."""

import pytest

from breakglass.errors import Conflict, InvalidInput, NotFound, NotPermitted
from breakglass.models import OutboxMessage
from breakglass.services import comments, reminders, requests
from tests import factories
from tests.flows.delivery.record import facts_of

pytestmark = pytest.mark.django_db


def remind(bypass, person, group="peers"):
    return reminders.remind(
        tenant=bypass.tenant,
        bypass_id=bypass.bypass_id,
        requester=person,
        group=group,
    )


def say(bypass, person, text="Half of the users recovered."):
    return comments.comment(
        tenant=bypass.tenant, bypass_id=bypass.bypass_id, person=person, text=text
    )


def promised():
    return OutboxMessage.objects.filter(topic="request.reminded").count()


def test_within_ten_minutes_a_second_reminder_is_the_first(
    pending_request, people, advance
):
    first = remind(pending_request, people.oncall)
    advance(9 * 60)
    assert remind(pending_request, people.oncall) == first
    assert promised() == 1
    advance(61)
    assert remind(pending_request, people.oncall) != first
    assert promised() == 2


def test_only_the_person_who_asked_reminds(pending_request, people):
    with pytest.raises(NotPermitted):
        remind(pending_request, people.peer)
    assert promised() == 0


def test_a_group_that_owes_nobody_is_not_reminded(pending_request, people):
    with pytest.raises(Conflict):
        remind(pending_request, people.oncall, group="named-seniors")
    assert facts_of("request.reminded") == []


@pytest.mark.parametrize("how", ["withdrawn", "lapsed"])
def test_what_has_ended_is_not_reminded_of(pending_request, people, advance, how):
    if how == "lapsed":
        advance(24 * 3600)
    else:
        requests.withdraw(
            tenant=pending_request.tenant,
            bypass_id=pending_request.bypass_id,
            requester=people.oncall,
        )
    with pytest.raises(Conflict):
        remind(pending_request, people.oncall)


def test_a_comment_is_in_the_log_also_after_the_end(pending_request, people):
    assert say(pending_request, people.auditor, "  Who is on it?\r\n ")
    requests.withdraw(
        tenant=pending_request.tenant,
        bypass_id=pending_request.bypass_id,
        requester=people.oncall,
    )
    assert say(pending_request, people.peer, "Solved by the rollback.")
    assert facts_of("request.commented") == [
        {"comment": "Who is on it?"},
        {"comment": "Solved by the rollback."},
    ]


def test_a_double_tap_makes_one_comment_but_the_same_words_later_two(
    pending_request, people, advance
):
    assert say(pending_request, people.peer)
    assert not say(pending_request, people.peer)
    assert say(pending_request, people.auditor), "somebody else may say the same"
    advance(61)
    assert say(pending_request, people.peer)
    assert len(facts_of("request.commented")) == 3


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001, "a\u202eb"])
def test_a_comment_without_words_or_with_too_many_is_refused(
    pending_request, people, text
):
    with pytest.raises(InvalidInput) as refused:
        say(pending_request, people.peer, text)
    assert refused.value.field == "comment"


def test_a_stranger_comments_on_nothing(pending_request, charlie):
    with pytest.raises(NotPermitted):
        say(pending_request, charlie)
    with pytest.raises(NotFound):
        comments.comment(
            tenant=factories.tenant_of(charlie),
            bypass_id=pending_request.bypass_id,
            person=charlie,
            text="Mine now.",
        )
    assert facts_of("request.commented") == []
