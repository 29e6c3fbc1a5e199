"""
Count a verified approval: the one place where a quorum is completed.

Split from approvals.py by step: nothing here signs or talks to the network.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger
from breakglass.errors import (
    Conflict,
    DigestMismatch,
    NotFound,
    NotPermitted,
    PasskeyRefused,
    PasskeyRequired,
)
from breakglass.models import (
    Approval,
    Assertion,
    Authentication,
    Bundle,
    BypassRequest,
    Grant,
    Intent,
    User,
)
from breakglass.queries import access, approvers, policies
from breakglass.queries.requests.decidable import may_decide
from breakglass.rules.approval import Quorum, require_second_person
from breakglass.services import grants, requests
from breakglass.services.approving import standing_in
from breakglass.services.people import passkeys
from breakglass.states import INTENT_MOVES, IntentState, RequestState, require_move
from breakglass.texts import joined, text

PASSKEY_REQUIRED: Final = text(
    "This tier asks for a passkey with each approval. Approve with yours; if you have "
    "none yet, add one on your passkeys page."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one approval led to: the grant, or how much is still missing."""

    approval: Approval
    grant: Grant | None
    quorum: Quorum


def record(*, intent: Intent, bundle: Bundle) -> Outcome:
    """
    Counts a verified bundle, and grants when that completes the quorum.

    The request row stays locked meanwhile, so of two approvers who arrive together
    exactly one completes it. What can never count refuses the intent and raises; a
    service without room for another grant keeps the intent for later.
    """
    try:
        return _record_locked(intent=intent, bundle=bundle)
    except (NotPermitted, NotFound, DigestMismatch) as error:
        refuse(intent=intent, why=str(error))
        raise
    except Conflict:
        _postpone_or_refuse(intent)
        raise


@transaction.atomic
def _record_locked(*, intent: Intent, bundle: Bundle) -> Outcome:
    if intent.request is None or intent.signer is None or intent.ttl_seconds is None:
        msg = "an approval's intent names its request, signer and length"
        raise TypeError(msg)  # a constraint of the table says so too
    bypass = access.lock_request(
        tenant=intent.request.tenant, bypass_id=intent.request.bypass_id
    )
    approver = User.objects.get(pk=intent.signer.pk)  # live, not the caller's copy
    ttl_seconds = intent.ttl_seconds
    intent = Intent.objects.select_for_update(of=("self",), no_key=True).get(
        pk=intent.pk
    )
    # A grant counts under the gate's lock, and the head comes last: take it here,
    # before the approval's own entry, or a heartbeat of the gate closes a circle.
    bypass.gate = access.lock_gate(pk=bypass.gate_id)
    now = clock.db_now()
    existing = Approval.objects.filter(bundle=bundle).first()
    if existing is not None:  # recorded by whoever came first
        grant = Grant.objects.filter(request=bypass).first()
        return Outcome(existing, grant, approvers.quorum(bypass=bypass))
    require_open(bypass=bypass, digest=bypass.digest_hex, now=now)
    require_may_decide(bypass=bypass, person=approver)
    standing_in.require_fits(bypass=bypass, intent=intent, bundle=bundle)
    _require_passkey(bypass=bypass, intent=intent)
    approval = Approval.objects.create(
        request=bypass,
        approver=approver,
        digest=bypass.digest,
        ttl_seconds=ttl_seconds,
        comment=intent.comment,
        bundle=bundle,
        created_at=now,
    )
    intent.state = require_move(
        INTENT_MOVES,
        current=IntentState(intent.state),
        to=IntentState.RECORDED,
        what="decision",
    )
    intent.save(update_fields=["state"])
    _append(bypass=bypass, approval=approval, bundle=bundle)
    reached = approvers.quorum(bypass=bypass)
    if not reached.met:
        outbox.promise(
            tenant=bypass.tenant,
            topic=outbox.REQUEST_APPROVED,
            subject_id=bypass.pk,
            now=now,
            person=approver,
        )
        return Outcome(approval, None, reached)
    requests.end(bypass=bypass, state=RequestState.APPROVED, person=None)
    grant = grants.issue(bypass=bypass, completed_by=approver, now=clock.db_now())
    return Outcome(approval, grant, reached)


def _require_passkey(*, bypass: BypassRequest, intent: Intent) -> None:
    """
    Asks again what was asked before the signature: policy and passkey may have changed.

    The credential's row stays locked, so that no removal comes between this look and
    the entry: in the log, what counted was never removed before.
    """
    given = Assertion.objects.filter(intent=intent).first()
    if given is None:
        if policies.terms_of(bypass=bypass).passkey_required:
            raise PasskeyRequired(PASSKEY_REQUIRED)
    elif passkeys.lock_credential(pk=given.credential_id).revoked_at is not None:
        msg = text(
            "This passkey was removed before the approval counted. Approve again."
        )
        raise PasskeyRefused(msg)


def _append(*, bypass: BypassRequest, approval: Approval, bundle: Bundle) -> None:
    ledger.append(
        tenant=bypass.tenant,
        event=events.REQUEST_APPROVED,
        actor=approval.approver.as_actor(),
        bypass_id=bypass.bypass_id,
        facts={
            "digest": bypass.digest_hex,
            "ttl_seconds": approval.ttl_seconds,
            "comment": approval.comment,
            "statement_sha256": bundle.intent.digest.hex(),
            "bundle_sha256": bytes(bundle.sha256).hex(),
            "signed_by": bundle.signed_by,
            "identity": bundle.identity,
            "issuer": bundle.issuer,
            "log_index": bundle.log_index,
            "authentication": _authentication(bundle.intent),
            "passkey": _passkey(bundle.intent),
        },
    )


def _authentication(intent: Intent) -> chain.Fact:
    """Returns the fresh sign-in behind a decision, as the log keeps it."""
    given = Authentication.objects.filter(intent=intent).first()
    if given is None:  # of before sign-ins were kept
        return None
    return {
        "method": given.method,
        "at": chain.timestamp(given.at),
        "issuer": given.issuer,
        "subject": given.subject,
        "token_sha256": bytes(given.token_sha256 or b"").hex(),
        "auth_time": chain.timestamp(given.auth_time) if given.auth_time else "",
        "amr": list(given.amr),
        "acr": given.acr,
    }


def _passkey(intent: Intent) -> chain.Fact:
    """Returns the assertion whole: verifiers check it without our database."""
    given = Assertion.objects.filter(intent=intent).select_related("credential").first()
    if given is None:
        return None
    return {
        "credential": chain.base64url(bytes(given.credential.credential_id)),
        "authenticator_data": chain.base64url(bytes(given.authenticator_data)),
        "client_data": chain.base64url(bytes(given.client_data)),
        "signature": chain.base64url(bytes(given.signature)),
    }


@transaction.atomic
def refuse(*, intent: Intent, why: str) -> None:
    """
    Ends an intent that can never count; one that is at its end stays as it is.

    A decision that its person had authenticated leaves an entry: whoever said yes can
    see in the log why it did not count. A draft that nobody finished said nothing yet.
    """
    locked = (
        Intent.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant", "signer", "request")
        .get(pk=intent.pk)
    )
    was = IntentState(locked.state)
    if IntentState.REFUSED not in INTENT_MOVES.get(was, frozenset()):
        return
    locked.state = IntentState.REFUSED
    locked.last_error = why[:300]
    locked.save(update_fields=["state", "last_error"])
    if was != IntentState.DRAFT and locked.signer and locked.request:
        ledger.append(
            tenant=locked.tenant,
            event=events.REQUEST_APPROVAL_DROPPED,
            actor=SCHEDULER,
            bypass_id=locked.request.bypass_id,
            facts={
                "person": locked.signer.email,
                "reason": locked.last_error,
                "statement_sha256": locked.digest.hex(),
            },
        )


def _postpone_or_refuse(intent: Intent) -> None:
    """A closed request refuses the intent; a full service only makes it wait."""
    request = BypassRequest.objects.filter(intents=intent).get()
    if request.state != RequestState.PENDING:
        refuse(intent=intent, why=f"the request is already {request.state}")
        return
    Intent.objects.filter(pk=intent.pk, state=IntentState.SIGNED).update(
        next_try_at=clock.db_now() + timedelta(seconds=15)
    )


def require_open(*, bypass: BypassRequest, digest: str, now: datetime) -> None:
    """Raises Conflict or DigestMismatch unless the request waits for this decision."""
    if not (bypass.gate.is_active and bypass.tenant.is_active):
        msg = text("This gate is switched off: there is nothing to bypass.")
        raise Conflict(msg)
    if bypass.state != RequestState.PENDING:
        msg = text(
            "This request is already %(state)s.",
            state=bypass.get_state_display().lower(),
        )
        raise Conflict(msg)
    if now >= bypass.lapses_at:
        msg = text(
            "Nobody decided in time, so this request has lapsed. It can be sent again."
        )
        raise Conflict(msg)
    if digest != bypass.digest_hex:
        msg = text(
            "What you decided on is not what is on record. Read the request again."
        )
        raise DigestMismatch(msg)


def require_may_decide(*, bypass: BypassRequest, person: User) -> None:
    """Raises SelfApproval or NotPermitted unless this person may decide, as of now."""
    require_second_person(
        requester_id=approvers.requester_id(bypass=bypass), approver_id=person.pk
    )
    answer = may_decide(bypass=bypass, viewer=person)
    if not answer.allowed:
        raise NotPermitted(joined(answer.reasons, between=" "))
