"""Post-mortems: scheduled with the grant, opened at its close, written, published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import transaction

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, NotFound, NotPermitted, PolicyViolation
from breakglass.models import (
    ActionItem,
    BypassRequest,
    Grant,
    PostMortem,
    PostMortemTemplate,
    Tenant,
    User,
)
from breakglass.queries import access, standing
from breakglass.queries import postmortems as queries
from breakglass.rules import postmortem as rules
from breakglass.rules.identifiers import check_text
from breakglass.states import POSTMORTEM_MOVES, PostMortemState, require_move

BODY_MAXIMUM = 100_000
ITEMS_MAXIMUM = 50


@dataclass(frozen=True, slots=True)
class ActionItemInput:
    """One action item as the editor sends it; an empty text drops the row."""

    text: str
    owner: str
    is_done: bool


def schedule(*, bypass: BypassRequest, opens_at: datetime) -> PostMortem:
    """
    Makes the row that every grant owes, in the grant's own transaction.

    The requester writes it; for a machine's request the first approver does.
    """
    template = PostMortemTemplate.objects.filter(tenant=bypass.tenant).first()
    assignee = bypass.requester
    if not assignee.is_human:
        assignee = bypass.approvals.select_related("approver").earliest("pk").approver
    return PostMortem.objects.create(
        tenant=bypass.tenant,
        assignee=assignee,
        template=template.body if template else "",
        required_headings=template.required_headings if template else "",
        opens_at=opens_at,
        due_at=rules.due_at(
            opened_at=opens_at, business_days=bypass.tier.postmortem_days
        ),
    )


def open_for(*, grant: Grant, now: datetime) -> None:
    """Opens the post-mortem of a locked grant that just closed, facts and all."""
    postmortem = _lock(grant.postmortem_id)
    if postmortem.state == PostMortemState.SCHEDULED:
        _open(postmortem=postmortem, grant=grant, now=now)


def open_due(*, limit: int = 200) -> int:
    """Opens what is due by its grant's window; returns how many this call opened."""
    due = standing.writable(
        PostMortem.objects.filter(
            state=PostMortemState.SCHEDULED, opens_at__lte=clock.db_now()
        )
    ).order_by("opens_at")[:limit]
    return sum(_open_one(pk) for pk in due.values_list("pk", flat=True))


@transaction.atomic
def save_draft(
    *,
    tenant: Tenant,
    bypass_id: str,
    person: User,
    body: str,
    action_items: Sequence[ActionItemInput],
    no_action_reason: str,
    revision: int,
) -> PostMortem:
    """
    Stores the text and the action items as a new revision.

    `revision` is the one that the editor loaded: Conflict when somebody saved since.
    Raises NotPermitted unless the person is the assignee or manages the tenant.
    """
    postmortem = _editable(tenant=tenant, bypass_id=bypass_id, person=person)
    if postmortem.revision != revision:
        who = postmortem.saved_by.name if postmortem.saved_by else "Somebody"
        msg = (
            f"{who} saved this post-mortem while you were writing. Your text is below."
        )
        raise Conflict(msg)
    postmortem.body = check_text(body, field="body", minimum=0, maximum=BODY_MAXIMUM)
    postmortem.no_action_reason = check_text(
        no_action_reason, field="no_action_reason", minimum=0, maximum=1000
    )
    postmortem.revision += 1
    postmortem.saved_at = clock.db_now()
    postmortem.saved_by = person
    postmortem.save(
        update_fields=["body", "no_action_reason", "revision", "saved_at", "saved_by"]
    )
    _replace_items(postmortem=postmortem, items=action_items)
    ledger.append(
        tenant=tenant,
        event=events.POSTMORTEM_SAVED,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={
            "revision": postmortem.revision,
            "body_sha256": sha256(postmortem.body.encode()).hexdigest(),
        },
    )
    return postmortem


@transaction.atomic
def publish(*, tenant: Tenant, bypass_id: str, person: User) -> PostMortem:
    """Ends the writing; PolicyViolation names what is still missing."""
    postmortem = _editable(tenant=tenant, bypass_id=bypass_id, person=person)
    items = list(postmortem.action_items.all())
    missing = rules.missing_parts(
        body=postmortem.body,
        action_items=[rules.ActionItemView(i.text, i.is_done) for i in items],
        no_action_reason=postmortem.no_action_reason,
        required_headings=postmortem.required_headings.split("\n"),
    )
    if missing:
        raise PolicyViolation(" ".join(missing), field="body")
    postmortem.state = require_move(
        POSTMORTEM_MOVES,
        current=PostMortemState(postmortem.state),
        to=PostMortemState.PUBLISHED,
        what="post-mortem",
    )
    postmortem.published_at = clock.db_now()
    postmortem.published_by = person
    postmortem.save(update_fields=["state", "published_at", "published_by"])
    ledger.append(
        tenant=tenant,
        event=events.POSTMORTEM_PUBLISHED,
        actor=person.as_actor(),
        bypass_id=bypass_id,
        facts={
            "revision": postmortem.revision,
            "body_sha256": sha256(postmortem.body.encode()).hexdigest(),
            "action_items": [item.text for item in items],
        },
    )
    return postmortem


def remind_overdue(*, limit: int = 200) -> int:
    """Records and tells once that a deadline has passed; returns how many."""
    now = clock.db_now()
    due = standing.writable(
        PostMortem.objects.filter(due_at__lte=now, overdue_told_at__isnull=True)
    )
    late = due.exclude(state=PostMortemState.PUBLISHED).order_by("due_at")[:limit]
    return sum(_remind(pk) for pk in late.values_list("pk", flat=True))


@transaction.atomic
def _remind(pk: int) -> bool:
    postmortem = _lock(pk)
    if postmortem.state == PostMortemState.PUBLISHED or postmortem.overdue_told_at:
        return False
    now = clock.db_now()
    postmortem.overdue_told_at = now
    postmortem.save(update_fields=["overdue_told_at"])
    ledger.append(
        tenant=postmortem.tenant,
        event=events.POSTMORTEM_OVERDUE,
        actor=SCHEDULER,
        bypass_id=postmortem.grant.request.bypass_id,
        facts={
            "due_at": chain.timestamp(postmortem.due_at),
            "assignee": postmortem.assignee.email,
        },
    )
    outbox.promise(
        tenant=postmortem.tenant,
        topic=outbox.POSTMORTEM_OVERDUE,
        subject_id=pk,
        now=now,
    )
    return True


@transaction.atomic
def _open_one(pk: int) -> bool:
    grant = access.lock_grant(pk=Grant.objects.get(postmortem_id=pk).pk)
    postmortem = _lock(pk)
    now = clock.db_now()
    if postmortem.state != PostMortemState.SCHEDULED or now < postmortem.opens_at:
        return False
    _open(postmortem=postmortem, grant=grant, now=now)
    return True


def _open(*, postmortem: PostMortem, grant: Grant, now: datetime) -> None:
    """Freezes the facts into the body; an early close brings the deadline forward."""
    postmortem.state = PostMortemState.OPEN
    postmortem.opened_at = now
    if now < postmortem.opens_at:
        postmortem.opens_at = now
        postmortem.due_at = rules.due_at(
            opened_at=now, business_days=grant.request.tier.postmortem_days
        )
    postmortem.body = queries.draft_body(postmortem=postmortem)
    postmortem.save(update_fields=["state", "opened_at", "opens_at", "due_at", "body"])
    ledger.append(
        tenant=grant.tenant,
        event=events.POSTMORTEM_OPENED,
        actor=SCHEDULER,
        bypass_id=grant.request.bypass_id,
        facts={
            "assignee": postmortem.assignee.email,
            "due_at": chain.timestamp(postmortem.due_at),
        },
    )
    outbox.promise(
        tenant=grant.tenant,
        topic=outbox.POSTMORTEM_OPENED,
        subject_id=postmortem.pk,
        now=now,
    )


def _editable(*, tenant: Tenant, bypass_id: str, person: User) -> PostMortem:
    """Locks an open post-mortem; opens it first where no sweep has run yet."""
    found = PostMortem.objects.filter(
        tenant=tenant, grant__request__bypass_id=bypass_id
    ).first()
    if found is None:
        msg = f"there is no post-mortem for {bypass_id[:20]}"
        raise NotFound(msg)
    if found.state == PostMortemState.SCHEDULED:
        _open_one(found.pk)
    postmortem = _lock(found.pk)
    manages = access.may(user=person, permission="manage_tenant", on=tenant)
    if not person.is_active or not (person.pk == postmortem.assignee_id or manages):
        msg = f"only {postmortem.assignee.name} or a tenant admin can write this"
        raise NotPermitted(msg)
    if postmortem.state == PostMortemState.SCHEDULED:
        msg = "this post-mortem opens when the bypass closes"
        raise Conflict(msg)
    if postmortem.state == PostMortemState.PUBLISHED:
        msg = "this post-mortem is published and cannot be changed"
        raise Conflict(msg)
    return postmortem


def _lock(pk: int) -> PostMortem:
    """Locks the grant, then its post-mortem: a close takes them in this order too."""
    access.lock_grant(pk=Grant.objects.only("pk").get(postmortem_id=pk).pk)
    return (
        PostMortem.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant", "assignee", "saved_by", "grant__request")
        .get(pk=pk)
    )


def _replace_items(*, postmortem: PostMortem, items: Sequence[ActionItemInput]) -> None:
    kept = [item for item in items if item.text.strip()]
    if len(kept) > ITEMS_MAXIMUM:
        msg = f"a post-mortem holds at most {ITEMS_MAXIMUM} action items"
        raise PolicyViolation(msg, field="action_items")
    postmortem.action_items.all().delete()
    ActionItem.objects.bulk_create(
        ActionItem(
            postmortem=postmortem,
            position=position,
            text=check_text(item.text, field="action_items", minimum=1, maximum=300),
            owner=check_text(item.owner, field="action_items", minimum=0, maximum=100),
            is_done=item.is_done,
        )
        for position, item in enumerate(kept, start=1)
    )
