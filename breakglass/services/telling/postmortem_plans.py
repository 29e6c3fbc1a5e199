"""Who is told what about a post-mortem, and when that is no longer true."""

from breakglass.models import PostMortem, PostMortemHandover, PostMortemReview, User
from breakglass.notify import postmortem_messages
from breakglass.queries import messages as rows
from breakglass.rules import postmortem as rules
from breakglass.services.telling.planned import Due, Plan
from breakglass.states import PostMortemState


def due_soon(due: Due) -> Plan | None:
    """Tells the owner a day before; not once it is published or late."""
    grant = rows.grant_of_postmortem(tenant=due.tenant, pk=due.subject_id)
    postmortem = grant.postmortem
    if postmortem.state == PostMortemState.PUBLISHED or due.now >= postmortem.due_at:
        return None
    text = postmortem_messages.due_soon(rows.grant_facts(grant=grant))
    people = writers(due, postmortem)
    return Plan(text=text, people=people, bypass=grant.request)


def reminder(due: Due) -> Plan | None:
    """Tells the owner and the tenant's managers, each day, until it is published."""
    grant = rows.grant_of_postmortem(tenant=due.tenant, pk=due.subject_id)
    postmortem = grant.postmortem
    days = rules.reminders_due(due_at=postmortem.due_at, now=due.now)
    if postmortem.state == PostMortemState.PUBLISHED or not days:
        return None
    facts = rows.grant_facts(grant=grant)
    people = writers(due, postmortem, managers=True)
    text = postmortem_messages.still_overdue(facts, days=days)
    return Plan(text=text, people=people, bypass=grant.request)


def handed_over(due: Due) -> Plan | None:
    """Tells both owners; not when it has been handed on by then."""
    handover = PostMortemHandover.objects.select_related(
        "previous", "assignee", "by", "postmortem"
    ).get(postmortem__tenant=due.tenant, pk=due.subject_id)
    if handover.postmortem.assignee_id != handover.assignee_id:
        return None
    grant = rows.grant_of_postmortem(tenant=due.tenant, pk=handover.postmortem_id)
    text = postmortem_messages.handed_over(
        rows.grant_facts(grant=grant),
        by=str(handover.by),
        previous=str(handover.previous),
        note=handover.note,
    )
    both = [handover.assignee, handover.previous]
    people = rows.members_among(tenant=due.tenant, people=both)
    return Plan(text=text, people=people, bypass=grant.request)


def review_asked(due: Due) -> Plan | None:
    """Tells the reviewers; not once the review has ended."""
    review = _review(due)
    if review.ended_at is not None:
        return None
    grant = rows.grant_of_postmortem(tenant=due.tenant, pk=review.postmortem_id)
    text = postmortem_messages.review_asked(
        rows.grant_facts(grant=grant), by=str(review.asked_by)
    )
    people = rows.members_among(tenant=due.tenant, people=review.reviewers.all())
    return Plan(text=text, people=people, bypass=grant.request)


def review_ended(due: Due) -> Plan | None:
    """Tells everybody in it but whoever ended it."""
    review = _review(due)
    grant = rows.grant_of_postmortem(tenant=due.tenant, pk=review.postmortem_id)
    text = postmortem_messages.review_ended(
        rows.grant_facts(grant=grant),
        by=str(review.ended_by or ""),
        outcome=review.outcome,
        comment=review.comment,
    )
    owner = grant.postmortem.assignee
    everybody = [owner, review.asked_by, *review.reviewers.all()]
    told = rows.members_among(tenant=due.tenant, people=everybody)
    people = [person for person in told if person.pk != review.ended_by_id]
    return Plan(text=text, people=people, bypass=grant.request)


def _review(due: Due) -> PostMortemReview:
    found = PostMortemReview.objects.select_related("asked_by", "ended_by")
    return found.get(postmortem__tenant=due.tenant, pk=due.subject_id)


def writers(due: Due, postmortem: PostMortem, *, managers: bool = False) -> list[User]:
    """
    Returns who is told to write: the owner, and the managers where they are asked for.

    Once the owner has left the tenant it is the managers': they may hand it over.
    """
    staying = rows.members_among(tenant=due.tenant, people=[postmortem.assignee])
    if staying and not managers:
        return staying
    return list(dict.fromkeys([*staying, *rows.managers_of(tenant=due.tenant)]))
