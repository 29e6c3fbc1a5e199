"""
Re-anchor: two admins decide, on record, to go on from the log as it stands.

Until then a log that no longer extends what was published is read-only. The file of
published checkpoints keeps its old lines: whoever verifies sees the break for ever.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction

from breakglass import clock
from breakglass.audit import events, ledger
from breakglass.errors import (
    Conflict,
    InvalidInput,
    NotPermitted,
    ReauthenticationRequired,
    SigningFailed,
)
from breakglass.models import LogStanding, Reanchor, Tenant, User
from breakglass.queries import access, messages
from breakglass.queries.logs import entries
from breakglass.queries.logs import standing as queries
from breakglass.services.logs import outside, sealing, standings
from breakglass.services.logs.outside import Published
from breakglass.texts import text

REASON_MAXIMUM: Final = 2000
_NO_HEAD: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the page about a read-only log shows."""

    standing: LogStanding | None
    published: Published | None
    size: int
    head: bytes
    proposal: Reanchor | None
    admins: list[User]
    history: list[Reanchor]
    now: datetime

    @property
    def is_read_only(self) -> bool:
        """Whether there is something to decide."""
        return self.standing is not None and self.standing.read_only_at is not None


def situation(*, tenant: Tenant) -> Situation:
    """Returns how the log stands beside what was published. Writes nothing."""
    size, head = _head(tenant)
    try:
        published = outside.tail_of(tenant).newest
    except (SigningFailed, OSError):
        published = None  # the page says that it cannot be read
    done = Reanchor.objects.filter(tenant=tenant, confirmed_at__isnull=False)
    return Situation(
        standing=queries.of(tenant=tenant),
        published=published,
        size=size,
        head=head,
        proposal=open_proposal(tenant=tenant),
        admins=messages.managers_of(tenant=tenant),
        history=list(done.select_related("proposed_by", "confirmed_by")[:20]),
        now=clock.db_now(),
    )


def open_proposal(*, tenant: Tenant) -> Reanchor | None:
    """Returns the proposal that waits for a second admin, if there is one."""
    return (
        Reanchor.objects.filter(
            tenant=tenant, confirmed_at__isnull=True, dropped_at__isnull=True
        )
        .select_related("proposed_by")
        .first()
    )


@transaction.atomic
def propose(
    *, tenant: Tenant, person: User, reason: str, authenticated_at: datetime | None
) -> Reanchor:
    """
    Stores what one admin wants: to go on from the head as it is now.

    Raises Conflict when the log is not read-only or a proposal waits already,
    NotPermitted and ReauthenticationRequired as `confirm` does.
    """
    _require_admin(tenant=tenant, person=person, authenticated_at=authenticated_at)
    if not 1 <= len(reason.strip()) <= REASON_MAXIMUM:
        msg = text(
            "say why in 1 to %(reason_maximum)s characters",
            reason_maximum=REASON_MAXIMUM,
        )
        raise InvalidInput(msg, field="reason")
    _require_read_only(standings.lock(tenant=tenant))
    if open_proposal(tenant=tenant) is not None:
        raise Conflict(text("a proposal waits for its second admin already"))
    published = _published(tenant)
    if published is None:
        msg = text("the published checkpoint cannot be read: put its file back first")
        raise Conflict(msg)
    size, head = _head(tenant)
    return Reanchor.objects.create(
        tenant=tenant,
        reason=reason.strip(),
        size=size,
        head_hash=head,
        published_size=published.size,
        published_hash=published.head,
        proposed_by=person,
        proposed_at=clock.db_now(),
    )


@transaction.atomic
def confirm(
    *, tenant: Tenant, person: User, proposal_id: int, authenticated_at: datetime | None
) -> Reanchor:
    """
    Ends the read-only state: writes `log.reanchored`, and seals the log at once.

    The second admin must be another person than the first. Raises Conflict when the
    log or what was published has moved since the proposal, or somebody was faster.
    """
    _require_admin(tenant=tenant, person=person, authenticated_at=authenticated_at)
    Tenant.objects.select_for_update(of=("self",), no_key=True).get(pk=tenant.pk)
    standing = standings.lock(tenant=tenant)
    _require_read_only(standing)
    proposal = _lock_open(tenant=tenant, proposal_id=proposal_id)
    if proposal.proposed_by_id == person.pk:
        raise NotPermitted(text("whoever proposed cannot confirm: ask another admin"))
    _require_unmoved(tenant=tenant, proposal=proposal)
    proposal.confirmed_by, proposal.confirmed_at = person, clock.db_now()
    proposal.save(update_fields=["confirmed_by", "confirmed_at"])
    _open_again(standing)
    ledger.append(
        tenant=tenant,
        event=events.LOG_REANCHORED,
        actor=person.as_actor(),
        facts={
            "reason": proposal.reason,
            "proposed_by": proposal.proposed_by.email,
            "size": proposal.size,
            "head": bytes(proposal.head_hash).hex(),
            "published_size": proposal.published_size,
            "published_head": bytes(proposal.published_hash).hex(),
        },
    )
    sealing.seal_now(tenant=tenant)
    return proposal


@transaction.atomic
def drop(*, tenant: Tenant, person: User, proposal_id: int) -> Reanchor:
    """Takes a proposal back, one's own or another's; the log stays read-only."""
    _require_manager(tenant=tenant, person=person)
    proposal = _lock_open(tenant=tenant, proposal_id=proposal_id)
    proposal.dropped_at = clock.db_now()
    proposal.save(update_fields=["dropped_at"])
    return proposal


def _open_again(standing: LogStanding) -> None:
    """Verification begins anew: what was verified before may be gone."""
    standing.read_only_at, standing.read_only_reason = None, ""
    standing.verified_size, standing.verified_hash = 0, _NO_HEAD
    standing.save(
        update_fields=[
            "read_only_at",
            "read_only_reason",
            "verified_size",
            "verified_hash",
        ]
    )


def _lock_open(*, tenant: Tenant, proposal_id: int) -> Reanchor:
    proposal = (
        Reanchor.objects.select_for_update(of=("self",), no_key=True)
        .select_related("proposed_by")
        .filter(tenant=tenant, pk=proposal_id)
        .first()
    )
    if proposal is None or proposal.confirmed_at or proposal.dropped_at:
        raise Conflict(text("this proposal is no longer open: look at the page again"))
    return proposal


def _require_admin(
    *, tenant: Tenant, person: User, authenticated_at: datetime | None
) -> None:
    _require_manager(tenant=tenant, person=person)
    now = clock.db_now()
    if authenticated_at is None or now - authenticated_at > settings.STEP_UP_MAX_AGE:
        msg = text("sign in again first: this decision needs a fresh sign-in")
        raise ReauthenticationRequired(msg)


def _require_manager(*, tenant: Tenant, person: User) -> None:
    if not access.may(user=person, permission="manage_tenant", on=tenant):
        msg = text(
            "re-anchoring takes two people who manage %(tenant)s", tenant=tenant.slug
        )
        raise NotPermitted(msg)


def _require_read_only(standing: LogStanding) -> None:
    if standing.read_only_at is None:
        raise Conflict(text("the log is not read-only: there is nothing to re-anchor"))


def _require_unmoved(*, tenant: Tenant, proposal: Reanchor) -> None:
    """What the first admin saw is what the second one confirms, or nothing is."""
    if _head(tenant) != (proposal.size, bytes(proposal.head_hash)):
        raise Conflict(
            text("the log has changed since the proposal: drop it, and look again")
        )
    published = _published(tenant)
    named = (proposal.published_size, bytes(proposal.published_hash))
    if published is None or (published.size, published.head) != named:
        msg = text(
            "another checkpoint is the newest by now: drop the proposal, look again"
        )
        raise Conflict(msg)


def _head(tenant: Tenant) -> tuple[int, bytes]:
    head = entries.head(tenant=tenant)
    return (head.seq, bytes(head.entry_hash)) if head else (0, _NO_HEAD)


def _published(tenant: Tenant) -> Published | None:
    try:
        return outside.tail_of(tenant).newest
    except OSError as error:
        raise Conflict(
            text("the file of published checkpoints cannot be read")
        ) from error
