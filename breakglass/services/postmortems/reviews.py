"""The review of a post-mortem: sent to others, found done or not, or taken back."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from breakglass import clock, outbox
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, NotPermitted, PolicyViolation
from breakglass.models import PostMortem, PostMortemReview, Tenant, User
from breakglass.queries.postmortems import history
from breakglass.rules.identifiers import check_text
from breakglass.services.postmortems import opening, writing
from breakglass.states import PostMortemState, ReviewOutcome
from breakglass.texts import text

COMMENT_MAXIMUM = 2000


@transaction.atomic
def ask(
    *, tenant: Tenant, bypass_id: str, person: User, reviewers: Sequence[UUID]
) -> PostMortemReview:
    """
    Sends a complete write-up to be read by others, who are told.

    `reviewers` are public ids of members who neither own it nor wrote any of it.
    Raises PolicyViolation while something is missing or where somebody may not
    review, and Conflict while a review goes on.
    """
    postmortem = opening.editable(tenant=tenant, bypass_id=bypass_id, person=person)
    if history.open_review(postmortem=postmortem) is not None:
        msg = text("this is in review already")
        raise Conflict(msg)
    writing.require_complete(postmortem=postmortem)
    able = {one.public_id: one for one in history.may_review(postmortem=postmortem)}
    able.pop(person.public_id, None)
    if not reviewers:
        msg = text("choose who reviews it")
        raise PolicyViolation(msg, field="reviewers")
    if not set(reviewers) <= set(able):
        msg = text("choose members who neither own this nor wrote any of it")
        raise PolicyViolation(msg, field="reviewers")
    now = clock.db_now()
    review = PostMortemReview.objects.create(
        postmortem=postmortem, asked_at=now, asked_by=person
    )
    people = [able[one] for one in dict.fromkeys(reviewers)]
    review.reviewers.set(people)
    ledger.append(
        tenant=tenant,
        event=events.POSTMORTEM_REVIEW_ASKED,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={
            "revision": postmortem.revision,
            "body_sha256": writing.text_digest(postmortem),
            "reviewers": [one.email for one in people],
        },
    )
    outbox.promise(
        tenant=tenant,
        topic=outbox.POSTMORTEM_REVIEW_ASKED,
        subject_id=review.pk,
        now=now,
    )
    return review


@transaction.atomic
def end(
    *,
    tenant: Tenant,
    bypass_id: str,
    person: User,
    outcome: ReviewOutcome,
    comment: str,
    revision: int,
) -> PostMortem:
    """
    Ends the review; DONE publishes the write-up in the same transaction.

    `revision` is what the reviewer read: Conflict when it was saved since. Asking for
    changes needs a comment. Reviewers answer, and find done only what they neither
    own nor wrote; whoever may write it takes it back.
    """
    postmortem = _in_review(tenant, bypass_id, person, outcome)
    review = history.open_review(postmortem=postmortem)
    if review is None:
        msg = text("this is not in review any more")
        raise Conflict(msg)
    _require_may_end(postmortem, review, person=person, outcome=outcome)
    if outcome == ReviewOutcome.DONE and revision != postmortem.revision:
        msg = text("this was saved again while you were reading: look at it once more")
        raise Conflict(msg)
    if outcome == ReviewOutcome.CHANGES_ASKED and not comment.strip():
        msg = text("say what should change")
        raise PolicyViolation(msg, field="comment")
    now = clock.db_now()
    review.outcome, review.ended_at, review.ended_by = outcome, now, person
    review.comment = check_text(
        comment, field="comment", minimum=0, maximum=COMMENT_MAXIMUM
    )
    review.save(update_fields=["outcome", "ended_at", "ended_by", "comment"])
    ledger.append(
        tenant=tenant,
        event=events.POSTMORTEM_REVIEW_ENDED,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={
            "revision": postmortem.revision,
            "body_sha256": writing.text_digest(postmortem),
            "outcome": str(review.outcome),
            "comment": review.comment,
        },
    )
    outbox.promise(
        tenant=tenant,
        topic=outbox.POSTMORTEM_REVIEW_ENDED,
        subject_id=review.pk,
        now=now,
    )
    if outcome == ReviewOutcome.DONE:
        return writing.finish(postmortem=postmortem, person=person)
    return postmortem


def take_back(*, tenant: Tenant, bypass_id: str, person: User) -> PostMortem:
    """Ends the review for whoever may write the post-mortem; it goes on as before."""
    return end(
        tenant=tenant,
        bypass_id=bypass_id,
        person=person,
        outcome=ReviewOutcome.TAKEN_BACK,
        comment="",
        revision=0,
    )


def _require_may_end(
    postmortem: PostMortem,
    review: PostMortemReview,
    *,
    person: User,
    outcome: ReviewOutcome,
) -> None:
    is_reviewer = person.is_active and person in review.reviewers.all()
    if outcome != ReviewOutcome.TAKEN_BACK and not is_reviewer:
        msg = text("only its reviewers can say that")
        raise NotPermitted(msg)
    if outcome == ReviewOutcome.DONE and _is_own(postmortem, person):
        msg = text("whoever owns this or wrote some of it cannot find it done")
        raise NotPermitted(msg)


def _is_own(postmortem: PostMortem, person: User) -> bool:
    """A reviewer may have become its writer since: who manages the tenant can."""
    writers = history.writers_of(postmortem=postmortem)
    return person.pk == postmortem.assignee_id or person.pk in writers


def _in_review(
    tenant: Tenant, bypass_id: str, person: User, outcome: ReviewOutcome
) -> PostMortem:
    """Whoever takes it back may write it; a reviewer only has to be one."""
    if outcome == ReviewOutcome.TAKEN_BACK:
        return opening.editable(tenant=tenant, bypass_id=bypass_id, person=person)
    postmortem = opening.locked(tenant=tenant, bypass_id=bypass_id)
    if postmortem.state == PostMortemState.PUBLISHED:
        msg = text("this post-mortem is published already")
        raise Conflict(msg)
    return postmortem
