"""Post-mortems: scheduled with the grant, opened at its close; who may write one."""

from datetime import datetime

from django.db import transaction

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, NotFound, NotPermitted
from breakglass.models import (
    BypassRequest,
    Grant,
    PostMortem,
    PostMortemTemplate,
    Tenant,
    User,
)
from breakglass.queries import access
from breakglass.queries.logs import standing
from breakglass.queries.postmortems import drafting as queries
from breakglass.rules import postmortem as rules
from breakglass.states import PostMortemState
from breakglass.texts import text


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
    postmortem = lock(grant.postmortem_id)
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
def _open_one(pk: int) -> bool:
    grant = access.lock_grant(pk=Grant.objects.get(postmortem_id=pk).pk)
    postmortem = lock(pk)
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


def editable(*, tenant: Tenant, bypass_id: str, person: User) -> PostMortem:
    """
    Locks an open post-mortem, after opening it where no sweep has run yet.

    Raises NotPermitted unless the person is the assignee or manages the tenant, and
    Conflict before the close and after the publication.
    """
    postmortem = locked(tenant=tenant, bypass_id=bypass_id)
    manages = access.may(user=person, permission="manage_tenant", on=tenant)
    if not person.is_active or not (person.pk == postmortem.assignee_id or manages):
        msg = text(
            "only %(assignee)s or a tenant admin can write this",
            assignee=postmortem.assignee.name,
        )
        raise NotPermitted(msg)
    if postmortem.state == PostMortemState.SCHEDULED:
        msg = text("this post-mortem opens when the bypass closes")
        raise Conflict(msg)
    if postmortem.state == PostMortemState.PUBLISHED:
        msg = text("this post-mortem is published and cannot be changed")
        raise Conflict(msg)
    return postmortem


def locked(*, tenant: Tenant, bypass_id: str) -> PostMortem:
    """Locks the post-mortem of one bypass, opening it where that is due."""
    found = PostMortem.objects.filter(
        tenant=tenant, grant__request__bypass_id=bypass_id
    ).first()
    if found is None:
        msg = text(
            "there is no post-mortem for %(bypass_id)s", bypass_id=bypass_id[:20]
        )
        raise NotFound(msg)
    if found.state == PostMortemState.SCHEDULED:
        _open_one(found.pk)
    return lock(found.pk)


def lock(pk: int) -> PostMortem:
    """Locks the grant, then its post-mortem: a close takes them in this order too."""
    access.lock_grant(pk=Grant.objects.only("pk").get(postmortem_id=pk).pk)
    return (
        PostMortem.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant", "assignee", "saved_by", "grant__request")
        .get(pk=pk)
    )
