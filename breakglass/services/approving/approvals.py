"""
Approve and reject.

Approving is four steps, so that no network waits inside a transaction and a crash
leaves nothing that counts: `intend` stores the decision with the exact bytes,
`confirm` proves a fresh authentication, signs, verifies, and records it under the
request's lock. `resume_due` takes up what a crash or an outage left behind.
"""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from breakglass import clock, outbox
from breakglass.audit import events, ledger
from breakglass.errors import (
    BreakglassError,
    Conflict,
    NotFound,
    NotPermitted,
    ReauthenticationRequired,
    SigningFailed,
)
from breakglass.models import (
    Assertion,
    BypassRequest,
    Intent,
    Tenant,
    User,
)
from breakglass.models.signing import IntentKind
from breakglass.queries import access
from breakglass.queries.logs import standing
from breakglass.queries.people import accounts
from breakglass.rules.evidence import AssertedPasskey, Proof
from breakglass.rules.identifiers import check_text
from breakglass.rules.window import check_set_ttl
from breakglass.services import requests
from breakglass.services.approving import counting, evidence, signatures, wording
from breakglass.services.approving.counting import Outcome
from breakglass.states import INTENT_MOVES, IntentState, RequestState, require_move
from breakglass.texts import text

logger = logging.getLogger(__name__)

DRAFT_FOR: Final = timedelta(minutes=10)
COMMENT_MAXIMUM: Final = 2000


@transaction.atomic
def intend(
    *,
    tenant: Tenant,
    bypass_id: str,
    approver: User,
    digest: str,
    ttl: timedelta | None,
    comment: str,
) -> Intent:
    """
    Stores the decision as a draft, with the bytes that would be signed.

    `digest` is the one the page showed; `ttl` may shorten the proposed length. Raises
    DigestMismatch, SelfApproval, NotPermitted, InvalidInput, or Conflict when the
    request is no longer pending. An older draft of the same person lapses.

    The person's own row is locked first: a merge of two accounts holds it, so it either
    finds this draft's request, or has happened by the time that this looks.
    """
    approver = User.objects.select_for_update(of=("self",), no_key=True).get(
        pk=approver.pk
    )
    bypass = access.lock_request(tenant=tenant, bypass_id=bypass_id)
    now = clock.db_now()
    ledger.require_writable(tenant=bypass.tenant)
    counting.require_open(bypass=bypass, digest=digest, now=now)
    counting.require_may_decide(bypass=bypass, person=approver)
    comment = check_text(comment, field="comment", minimum=0, maximum=COMMENT_MAXIMUM)
    set_ttl = check_set_ttl(ttl=ttl or bypass.ttl, proposed=bypass.ttl)
    mine = bypass.intents.filter(signer=approver, kind=IntentKind.APPROVAL)
    busy = (IntentState.COMMITTED, IntentState.SIGNED)
    if mine.filter(state__in=busy).exists():
        msg = text("Your approval is being signed already.")
        raise Conflict(msg)
    mine.filter(state=IntentState.DRAFT).update(state=IntentState.LAPSED)
    intent_id = uuid4()
    return Intent.objects.create(
        public_id=intent_id,
        tenant=tenant,
        kind=IntentKind.APPROVAL,
        state=IntentState.DRAFT,
        signer=approver,
        request=bypass,
        ttl_seconds=int(set_ttl.total_seconds()),
        comment=comment,
        statement=wording.approval(
            bypass=bypass,
            approver=approver,
            ttl=set_ttl,
            comment=comment,
            now=now,
            nonce=intent_id,
        ),
        created_at=now,
        expires_at=now + DRAFT_FOR,
    )


def draft(*, intent_id: UUID, approver: User) -> Intent:
    """Returns the person's own unfinished decision, or raises NotFound."""
    found = (
        Intent.objects.filter(public_id=intent_id, signer=approver)
        .filter(state__in=(IntentState.DRAFT, IntentState.COMMITTED))
        .select_related("tenant", "request__gate", "request__tenant")
        .first()
    )
    if found is None:
        msg = text("this decision is not waiting any more: look at the request again")
        raise NotFound(msg)
    return found


def confirm(*, intent_id: UUID, approver: User, proof: Proof) -> Outcome:
    """
    Signs a decision in the approver's name and records it.

    The proof must be younger than five minutes by the database's clock, or
    ReauthenticationRequired is raised; PasskeyRequired when the tier asks for one and
    none came along, PasskeyRefused when it does not hold. Its ID token, if there is
    one, is for an instance that trusts its provider, and never stored. SigningFailed
    means that
    nothing counted and the intent will be taken up again; Conflict or NotPermitted
    that it never will.
    """
    intent = _commit(intent_id=intent_id, approver=approver, proof=proof)
    bundle = signatures.fulfil(intent=intent, id_token=proof.id_token or None)
    return counting.record(intent=intent, bundle=bundle)


@transaction.atomic
def add_passkey(*, intent_id: UUID, approver: User, passkey: AssertedPasskey) -> Intent:
    """
    Adds a passkey's assertion to a decision that waits for its signature.

    The challenge is the same digest. Doing it twice is the same result; Conflict when
    the decision is no longer waiting, or carries another assertion.
    """
    intent = _lock(intent_id=intent_id, approver=approver)
    if intent.state != IntentState.COMMITTED:
        msg = text(
            "this decision is not waiting for its signature: look at the request"
        )
        raise Conflict(msg)
    given = Assertion.objects.filter(intent=intent).first()
    if given is None:
        evidence.assert_by(intent=intent, passkey=passkey, now=clock.db_now())
    elif bytes(given.signature) != passkey.signature:
        msg = text("this decision carries a passkey already")
        raise Conflict(msg)
    return intent


@transaction.atomic
def reject(
    *, tenant: Tenant, bypass_id: str, approver: User, digest: str, comment: str
) -> BypassRequest:
    """Ends the request with a no, which is final and needs a reason."""
    bypass = access.lock_request(tenant=tenant, bypass_id=bypass_id)
    now = clock.db_now()
    counting.require_open(bypass=bypass, digest=digest, now=now)
    counting.require_may_decide(bypass=bypass, person=approver)
    reason = check_text(comment, field="comment", minimum=1, maximum=COMMENT_MAXIMUM)
    requests.end(
        bypass=bypass, state=RequestState.REJECTED, person=approver, comment=reason
    )
    ledger.append(
        tenant=tenant,
        event=events.REQUEST_REJECTED,
        actor=approver.as_actor(),
        bypass_id=bypass.bypass_id,
        facts={"digest": bypass.digest_hex, "comment": reason},
    )
    outbox.promise(
        tenant=tenant, topic=outbox.REQUEST_REJECTED, subject_id=bypass.pk, now=now
    )
    return bypass


def resume_due(*, limit: int = 20) -> int:
    """
    Takes up authenticated decisions that were not signed or recorded yet.

    Returns how many this call recorded. Those that can never count are refused; an
    intent is left alone until its `next_try_at`, so that its own request finishes.
    """
    now = clock.db_now()
    Intent.objects.filter(state=IntentState.DRAFT, expires_at__lte=now).update(
        state=IntentState.LAPSED
    )
    due = standing.writable(
        Intent.objects.filter(
            kind=IntentKind.APPROVAL,
            state__in=(IntentState.COMMITTED, IntentState.SIGNED),
            next_try_at__lte=now,
        )
    ).order_by("next_try_at")[:limit]
    done = 0
    for intent in due.select_related("request", "signer"):
        try:
            done += _resume(intent)
        except SigningFailed as error:  # the next try is written down already
            if error.retryable:
                signatures.stand_back(kinds=(IntentKind.APPROVAL,))
                break
    return done


def _resume(intent: Intent) -> bool:
    """Says whether this call recorded it. Raises SigningFailed, and nothing else."""
    try:
        if intent.request is None or intent.request.state != RequestState.PENDING:
            counting.refuse(intent=intent, why="the request has ended")
            return False
        _require_still_may(intent)
        bundle = signatures.fulfil(intent=intent)
        counting.record(intent=intent, bundle=bundle)
    except SigningFailed:
        raise
    except BreakglassError as error:
        logger.info("approval.not_resumed", extra={"code": error.code})
        return False
    return True


def _require_still_may(intent: Intent) -> None:
    """Nobody's name goes on a new signature after they lost the right to decide."""
    if intent.request is None or intent.signer is None:
        msg = "an approval's intent names its request and signer"
        raise TypeError(msg)  # a constraint of the table says so too
    try:
        counting.require_may_decide(bypass=intent.request, person=intent.signer)
    except BreakglassError as error:
        counting.refuse(intent=intent, why=str(error))
        raise


def _lock(*, intent_id: UUID, approver: User) -> Intent:
    """Returns the person's own decision, locked, or raises NotFound."""
    intent = (
        Intent.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant", "signer", "request")
        .filter(public_id=intent_id, signer=approver, kind=IntentKind.APPROVAL)
        .first()
    )
    if intent is None:
        msg = text("this decision is not waiting any more: look at the request again")
        raise NotFound(msg)
    return intent


@transaction.atomic
def _commit(*, intent_id: UUID, approver: User, proof: Proof) -> Intent:
    intent = _lock(intent_id=intent_id, approver=approver)
    now = clock.db_now()
    if not timedelta(0) <= now - proof.at < settings.STEP_UP_MAX_AGE:
        msg = text("Sign in again: your last sign-in is older than five minutes.")
        raise ReauthenticationRequired(msg)
    if proof.method == "oidc" and not accounts.holds(
        user=approver, issuer=proof.issuer, subject=proof.subject
    ):
        msg = text(
            "You signed in as somebody whose identity is not linked to your account."
        )
        raise NotPermitted(msg)
    if intent.state == IntentState.DRAFT and intent.expires_at <= now:  # type: ignore[operator]  # a draft has an end
        msg = text(
            "This decision waited too long. Look at the request again and decide."
        )
        raise Conflict(msg)
    if intent.state in (IntentState.COMMITTED, IntentState.SIGNED):
        return intent  # the same decision, sent twice
    evidence.require(intent=intent, proof=proof)
    intent.state = require_move(
        INTENT_MOVES,
        current=IntentState(intent.state),
        to=IntentState.COMMITTED,
        what="decision",
    )
    intent.authenticated_at = proof.at
    intent.next_try_at = signatures.lease_until(now)
    intent.save(update_fields=["state", "authenticated_at", "next_try_at"])
    evidence.keep(intent=intent, proof=proof, now=now)
    return intent
