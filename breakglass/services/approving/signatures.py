"""
Fulfil intents: sign the committed bytes, verify the bundle, store it.

The instance is asked first, always; where it is down and the tier allows it, the same
bytes are signed by the fallback at once. The network is only ever touched with no
transaction open. A crash between the steps leaves a committed intent, which the next
call takes up again.
"""

import json
import logging
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, When

from breakglass import clock
from breakglass.actors import SCHEDULER
from breakglass.audit import events, ledger
from breakglass.errors import SigningFailed
from breakglass.models import Bundle, Intent
from breakglass.models.signing import IntentKind
from breakglass.queries.logs import standing
from breakglass.services.approving import countersigning, standing_in
from breakglass.signing import (
    Expected,
    SignedBundle,
    SignerIdentity,
    fallback,
    instance,
)
from breakglass.signing.deadline import BUSY
from breakglass.signing.keyless import signer_from_settings, verifier_from_settings
from breakglass.states import INTENT_MOVES, IntentState, SignedBy, require_move
from breakglass.texts import text

logger = logging.getLogger(__name__)

_LONGEST_WAIT = timedelta(minutes=5)
_PAUSE = timedelta(seconds=10)
PORTALS_OWN: Final = (
    IntentKind.GRANT,
    IntentKind.CHECKPOINT,
    IntentKind.COUNTERSIGNATURE,
)
"""What the portal signs in its own name."""


def fulfil(
    *, intent: Intent, id_token: str | None = None, is_down: bool = False
) -> Bundle:
    """
    Returns the intent's verified bundle, signing it first where there is none.

    `id_token` is the approver's own, fresh from a provider that the signing instance
    trusts; it goes to the certificate authority and nowhere else.

    Two callers at once store one bundle: the second one's signature is dropped. With
    `is_down` the caller has just found the instance down: it is not waited for again.
    Raises SigningFailed, after writing down when the next try is due; RuntimeError
    inside a transaction.
    """
    if connection.in_atomic_block:
        msg = "signing talks to the network: it must not run inside a transaction"
        raise RuntimeError(msg)
    stored = Bundle.objects.filter(intent=intent).first()
    if stored is not None:
        return stored
    stands_in = standing_in.allowed(intent=intent) and bool(fallback.fallback_signers())
    try:
        signed = _signed(
            intent, stands_in=stands_in, id_token=id_token, is_down=is_down
        )
    except SigningFailed as error:
        _postpone(intent=intent, error=error)
        raise
    return _store(intent=intent, signed=signed)


def sign_due(*, limit: int = 50) -> int:
    """
    Signs the portal's own statements that wait; returns how many it signed.

    Takes up those as well that a crash left signed and not recorded. While the service
    is down only what the fallback may sign is tried; the rest waits for a later sweep.
    Grants come first: a long outage leaves more checkpoints than one sweep takes.
    """
    grants_first = Case(When(kind=IntentKind.GRANT, then=0), default=1)
    due = standing.writable(
        Intent.objects.filter(
            state__in=(IntentState.COMMITTED, IntentState.SIGNED),
            kind__in=PORTALS_OWN,
            next_try_at__lte=clock.db_now(),
        )
    ).order_by(grants_first, "pk")[:limit]
    done, is_down = 0, False
    for intent in due.select_related("tenant"):
        if is_down and not standing_in.allowed(intent=intent):
            continue
        try:
            bundle = fulfil(intent=intent, is_down=is_down)
        except SigningFailed as error:
            logger.warning(
                "statement.unsigned",
                extra={"kind": intent.kind, "stage": error.stage},
            )
            if not is_down:
                stand_back(kinds=PORTALS_OWN)
            is_down = True
            continue
        is_down = is_down or bundle.signed_by != SignedBy.INSTANCE
        done += _record(intent=intent, bundle=bundle)
    return done


def stand_back(*, kinds: Iterable[IntentKind]) -> None:
    """
    Leaves a service that is down alone for a moment: nothing of these kinds is due.

    Each try may wait the whole deadline for a silent service. Without this pause a
    sweep would begin the next one at once, and expiry, messages and all other sweeps
    would get no worker.
    """
    until = clock.db_now() + _PAUSE
    Intent.objects.filter(
        state=IntentState.COMMITTED, kind__in=tuple(kinds), next_try_at__lt=until
    ).update(next_try_at=until)


def _signed(
    intent: Intent, *, stands_in: bool, id_token: str | None, is_down: bool
) -> SignedBundle:
    """
    Asks the instance, and the fallback where it is down and something stands in.

    The instance then gets a shorter time, so that both fit into one deadline. What it
    refuses stays refused: only an outage is stood in for.
    """
    if not stands_in:
        return _sign(intent, id_token=id_token)
    try:
        if not is_down:
            return _sign(intent, id_token=id_token, within=fallback.INSTANCE_DEADLINE)
    except SigningFailed as error:
        if not fallback.is_outage(error):
            raise
        logger.warning(
            "signing.fallback", extra={"kind": intent.kind, "stage": error.stage}
        )
    return fallback.sign(statement=bytes(intent.statement), identity=_identity(intent))


def _sign(
    intent: Intent, *, id_token: str | None = None, within: timedelta | None = None
) -> SignedBundle:
    identity = _identity(intent)
    statement = bytes(intent.statement)
    signer = signer_from_settings()
    if within is not None:
        signer = replace(signer, deadline=min(signer.deadline, within))
    raw = signer.sign(statement=statement, identity=identity, id_token=id_token)
    return verifier_from_settings().verify(
        bundle=raw, statement=statement, expected=_expected(intent)
    )


def _expected(intent: Intent) -> tuple[Expected, ...]:
    """Returns whose certificate may stand under this statement."""
    if intent.signer is None:
        return instance.workloads()
    return instance.signers_of_approval(
        email=intent.signer.email, statement=bytes(intent.statement)
    )


def _identity(intent: Intent) -> SignerIdentity:
    """Returns in whose name an intent is signed, and that its bytes say so too."""
    if intent.signer is None:
        identity = SignerIdentity(
            subject=settings.SIGNING_WORKLOAD, email=settings.SIGNING_WORKLOAD
        )
    else:
        identity = SignerIdentity(
            subject=str(intent.signer.public_id), email=intent.signer.email
        )
    _require_named(statement=bytes(intent.statement), identity=identity, intent=intent)
    return identity


def _require_named(
    *, statement: bytes, identity: SignerIdentity, intent: Intent
) -> None:
    """The statement says who approves; nobody else's certificate goes on it."""
    if intent.kind != IntentKind.APPROVAL:
        return
    named = json.loads(statement)["predicate"]["approver"]
    if named != {"subject": identity.subject, "email": identity.email}:
        msg = text("the statement names another person than the one who would sign")
        raise SigningFailed(msg, stage="identity", retryable=False)


def _store(*, intent: Intent, signed: SignedBundle) -> Bundle:
    try:
        with transaction.atomic():
            locked = Intent.objects.select_for_update(no_key=True).get(pk=intent.pk)
            bundle = Bundle.objects.create(
                intent=locked,
                bundle=signed.raw,
                sha256=sha256(signed.raw).digest(),
                identity=signed.identity,
                issuer=signed.issuer,
                signed_by=signed.signed_by,
                log_index=signed.log_index,
                integrated_at=signed.integrated_at,
                verified_at=clock.db_now(),
            )
            locked.state = require_move(
                INTENT_MOVES,
                current=IntentState(locked.state),
                to=IntentState.SIGNED,
                what="signature",
            )
            locked.last_error = ""
            locked.save(update_fields=["state", "last_error"])
    except IntegrityError:  # somebody stored theirs first; either proves the same
        return Bundle.objects.get(intent=intent)
    return bundle


def _postpone(*, intent: Intent, error: SigningFailed) -> None:
    now = clock.db_now()
    with transaction.atomic():
        locked = Intent.objects.select_for_update(no_key=True).get(pk=intent.pk)
        if error.stage == BUSY:  # nothing was tried: the next sweep takes it up
            locked.next_try_at = now
        else:
            locked.attempts += 1
            locked.next_try_at = now + _wait(locked.attempts)
        locked.last_error = f"{error.stage}: {error}"[:300]
        locked.save(update_fields=["attempts", "next_try_at", "last_error"])


def _wait(attempts: int) -> timedelta:
    """Doubles from 5 s to five minutes, with jitter so that retries spread out."""
    base = timedelta(seconds=5 * 2 ** min(attempts - 1, 6))
    jitter = 0.8 + 0.4 * random.random()  # noqa: S311 - spreads load, guards nothing
    return min(base, _LONGEST_WAIT) * jitter


@transaction.atomic
def _record(*, intent: Intent, bundle: Bundle) -> bool:
    """Marks a statement of the portal as done; its entry names the bundle."""
    locked = Intent.objects.select_for_update(no_key=True).get(pk=intent.pk)
    if locked.state != IntentState.SIGNED:
        return False
    locked.state = IntentState.RECORDED
    locked.save(update_fields=["state"])
    if locked.kind == IntentKind.COUNTERSIGNATURE:
        countersigning.record(intent=locked, bundle=bundle)
    elif locked.kind == IntentKind.GRANT:
        ledger.append(
            tenant=locked.tenant,
            event=events.GRANT_SIGNED,
            actor=SCHEDULER,
            bypass_id=locked.request.bypass_id if locked.request else "",
            facts={
                "bundle_sha256": bytes(bundle.sha256).hex(),
                "identity": bundle.identity,
                "log_index": bundle.log_index,
            },
        )
    return True


def lease_until(now: datetime) -> datetime:
    """Returns until when a fresh intent belongs to the request that made it."""
    return now + settings.SIGNING_DEADLINE + timedelta(seconds=5)
