"""What happens around a post-mortem's text: a new owner, things done, later notes."""

from uuid import UUID

from django.db import transaction

from breakglass import clock, outbox, texts
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, NotFound, NotPermitted, PolicyViolation
from breakglass.models import (
    ActionItem,
    PostMortem,
    PostMortemHandover,
    PostMortemNote,
    Tenant,
    User,
)
from breakglass.queries import access
from breakglass.queries.postmortems import history
from breakglass.rules.identifiers import check_text
from breakglass.services.postmortems import opening
from breakglass.states import PostMortemState
from breakglass.texts import text

NOTE_MAXIMUM = 2000


@transaction.atomic
def hand_over(
    *, tenant: Tenant, bypass_id: str, person: User, to: UUID, note: str
) -> PostMortem:
    """
    Makes another member the owner, who is told; the deadline stays.

    Raises PolicyViolation for somebody who is no active member, and Conflict for the
    owner themselves, during a review, and before or after the writing.
    """
    postmortem = opening.editable(tenant=tenant, bypass_id=bypass_id, person=person)
    members = {one.public_id: one for one in history.members_of(tenant=tenant)}
    if to not in members:
        msg = text("choose an active member of this tenant")
        raise PolicyViolation(msg, field="to")
    if members[to].pk == postmortem.assignee_id:
        msg = text("it is %(to)s's already", to=members[to].name)
        raise Conflict(msg)
    review = history.open_review(postmortem=postmortem)
    if review is not None and members[to] in review.reviewers.all():
        msg = text("a reviewer cannot own it: take it back from review first")
        raise PolicyViolation(msg, field="to")
    now = clock.db_now()
    handover = PostMortemHandover.objects.create(
        postmortem=postmortem,
        previous=postmortem.assignee,
        assignee=members[to],
        by=person,
        note=check_text(note, field="note", minimum=0, maximum=300),
        at=now,
    )
    postmortem.assignee = members[to]
    postmortem.save(update_fields=["assignee"])
    ledger.append(
        tenant=tenant,
        event=events.POSTMORTEM_HANDED_OVER,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={
            "assignee": handover.assignee.email,
            "previous": handover.previous.email,
            "note": handover.note,
        },
    )
    outbox.promise(
        tenant=tenant,
        topic=outbox.POSTMORTEM_HANDED_OVER,
        subject_id=handover.pk,
        now=now,
    )
    return postmortem


@transaction.atomic
def tick(
    *, tenant: Tenant, bypass_id: str, person: User, position: int, is_done: bool
) -> ActionItem:
    """
    Says of a published action item whether it is done; the same again is no change.

    Before the publication the editor does that. Raises NotPermitted unless the person
    owns the post-mortem or manages the tenant.
    """
    postmortem = _published(tenant=tenant, bypass_id=bypass_id)
    manages = access.may(user=person, permission="manage_tenant", on=tenant)
    if not person.is_active or not (person.pk == postmortem.assignee_id or manages):
        msg = text(
            "only %(assignee)s or a tenant admin can tick this",
            assignee=postmortem.assignee.name,
        )
        raise NotPermitted(msg)
    item = postmortem.action_items.filter(position=position).first()
    if item is None:
        msg = text("there is no such action item")
        raise NotFound(msg)
    if item.is_done == is_done:
        return item
    item.is_done = is_done
    item.done_at = clock.db_now() if is_done else None
    item.done_by = person if is_done else None
    item.save(update_fields=["is_done", "done_at", "done_by"])
    ledger.append(
        tenant=tenant,
        event=events.POSTMORTEM_ACTION_CHANGED,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={"action_item": item.text, "done": is_done},
    )
    return item


@transaction.atomic
def add_note(
    *, tenant: Tenant, bypass_id: str, person: User, text: str
) -> PostMortemNote:
    """
    Adds a note below a published post-mortem, which itself stays as it is.

    Any active member may: what comes out later is everybody's. Raises NotPermitted
    for others, and InvalidInput for an empty note.
    """
    postmortem = _published(tenant=tenant, bypass_id=bypass_id)
    if not access.may(user=person, permission="view_tenant", on=tenant):
        raise NotPermitted(texts.text("only members can add a note"))
    note = PostMortemNote.objects.create(
        postmortem=postmortem,
        author=person,
        text=check_text(text, field="note", minimum=1, maximum=NOTE_MAXIMUM),
        at=clock.db_now(),
    )
    ledger.append(
        tenant=tenant,
        event=events.POSTMORTEM_NOTED,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={"note": note.text},
    )
    return note


def _published(*, tenant: Tenant, bypass_id: str) -> PostMortem:
    postmortem = opening.locked(tenant=tenant, bypass_id=bypass_id)
    if postmortem.state != PostMortemState.PUBLISHED:
        msg = text("this post-mortem is not published yet")
        raise Conflict(msg)
    return postmortem
