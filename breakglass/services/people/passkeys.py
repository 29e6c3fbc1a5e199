"""Passkeys: enrol, remove, and check what one answered to a decision or a sign-in."""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from breakglass import clock, outbox
from breakglass.actors import Actor
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, NotFound, NotPermitted, PasskeyRefused
from breakglass.models import Credential, CredentialNotice, Intent, Tenant, User
from breakglass.queries.people import passkeys as queries
from breakglass.rules.evidence import AssertedPasskey, AttestedPasskey
from breakglass.rules.identifiers import check_text
from breakglass.signing import cose, webauthn
from breakglass.texts import text

logger = logging.getLogger(__name__)

AT_MOST: Final = 10
REASON_MAXIMUM: Final = 300
_UNKNOWN: Final = text(
    "This passkey does not belong to your account here. Use one from your list of "
    "passkeys, or add it there first."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser is asked, and the challenge that its answer must carry, once."""

    options: dict[str, Any]
    challenge: bytes


def begin_enrolment(*, user: User) -> Asked:
    """Returns what makes a new passkey; nothing is stored before it is enrolled."""
    challenge = secrets.token_bytes(32)
    options = webauthn.creation_options(
        webauthn.relying_party(),
        challenge=challenge,
        handle=user.public_id.bytes,
        email=user.email,
        name=user.name,
        known=[bytes(row.credential_id) for row in queries.live(user=user)],
    )
    return Asked(options=options, challenge=challenge)


@transaction.atomic
def enrol(
    *, user: User, name: str, answer: AttestedPasskey, challenge: bytes
) -> Credential:
    """
    Adds a passkey of the person, in the log of every tenant they are in.

    It can sign in at once, and approve in each tenant when the cool-down after that
    tenant's own entry is over. Raises PasskeyRefused, or Conflict when it is known.
    """
    rp = webauthn.relying_party()
    made = webauthn.registered(rp, challenge=challenge, answer=answer)
    called = check_text(name, field="name", minimum=1, maximum=100)
    person = lock_person(pk=user.pk)
    if not (person.is_active and person.is_human):
        msg = text("Only people with an active account have passkeys.")
        raise NotPermitted(msg)
    if queries.live(user=person).count() >= AT_MOST:
        msg = text(
            "You have %(at_most)s passkeys already: remove one first.", at_most=AT_MOST
        )
        raise Conflict(msg)
    try:
        with transaction.atomic():
            credential = Credential.objects.create(
                user=person,
                name=called,
                credential_id=made.credential_id,
                public_key=made.public_key,
                aaguid=made.aaguid,
                rp_id=rp.rp_id,
                transports=sorted(webauthn.TRANSPORTS & set(answer.transports)),
                sign_count=made.sign_count,
                enrolled_at=clock.db_now(),
            )
    except IntegrityError as error:
        msg = text("This passkey is enrolled already, or was once. Make a new one.")
        raise Conflict(msg) from error
    for tenant in queries.tenants_of(user=person):
        _notice(credential=credential, tenant=tenant, actor=person.as_actor())
    return credential


def introduce(*, user: User, tenant: Tenant, actor: Actor) -> None:
    """
    Writes a newcomer's passkeys into the tenant's log, in the caller's transaction.

    Those that it names already keep their time. The person is locked by the caller.
    """
    for credential in queries.live(user=user).exclude(notices__tenant=tenant):
        _notice(credential=credential, tenant=tenant, actor=actor)


@transaction.atomic
def revoke(*, user: User, public_id: UUID, reason: str, actor: Actor) -> Credential:
    """
    Removes a passkey for good: it signs nobody in and counts for nothing new.

    What it approved before stays counted. Raises NotFound when the person has no such
    passkey, InvalidInput without a reason.
    """
    why = check_text(reason, field="reason", minimum=1, maximum=REASON_MAXIMUM)
    lock_person(pk=user.pk)
    found = queries.live(user=user).filter(public_id=public_id).first()
    if found is None:
        msg = text("there is no such passkey any more")
        raise NotFound(msg)
    credential = lock_credential(pk=found.pk)
    credential.revoked_at = clock.db_now()
    credential.revoked_by = actor.name
    credential.save(update_fields=["revoked_at", "revoked_by"])
    knowing = Tenant.objects.filter(
        pk__in=credential.notices.values("tenant_id")
    ).order_by("pk")
    for tenant in knowing:
        ledger.append(
            tenant=tenant,
            event=events.CREDENTIAL_REVOKED,
            actor=actor,
            facts={**_names(credential), "reason": why},
        )
    for tenant in knowing[:1]:
        outbox.promise(
            tenant=tenant,
            topic=outbox.CREDENTIAL_REVOKED,
            subject_id=credential.pk,
            now=credential.revoked_at,
            person=credential.user,
        )
    return credential


def verify(
    *, intent: Intent, person: User, passkey: AssertedPasskey, now: datetime
) -> Credential:
    """
    Returns the person's credential that answered exactly this decision.

    Called in the transaction that stores the assertion, with the intent locked. Raises
    PasskeyRefused for what does not hold, is not theirs, was removed, or cools down.
    """
    credential = _locked(passkey.credential_id)
    if credential is None or credential.user_id != person.pk:
        raise PasskeyRefused(_UNKNOWN)
    notice = credential.notices.filter(tenant=intent.tenant).first()
    if notice is None or now < notice.usable_from:
        msg = (
            text(
                "This passkey is new: it can approve from %(when)s on.",
                when=f"{notice.usable_from:%Y-%m-%d %H:%M} UTC",
            )
            if notice
            else text("This passkey is new: it can approve once it is on record.")
        )
        raise PasskeyRefused(msg)
    _use(credential=credential, challenge=intent.digest, passkey=passkey, now=now)
    return credential


def begin_sign_in(*, user: User | None = None) -> Asked:
    """Returns what lets a passkey sign in; any of ours, or one of that person's."""
    challenge = secrets.token_bytes(32)
    allowed = [bytes(c.credential_id) for c in queries.live(user=user)] if user else []
    options = webauthn.request_options(
        webauthn.relying_party(), challenge=challenge, allowed=allowed
    )
    return Asked(options=options, challenge=challenge)


@transaction.atomic
def sign_in(*, passkey: AssertedPasskey, challenge: bytes) -> User:
    """
    Returns the person whose passkey answered a sign-in's challenge.

    A new passkey may do this at once; that is no approval. Raises PasskeyRefused.
    """
    credential = _locked(passkey.credential_id)
    if credential is None or not credential.user.is_active:
        msg = text("Nobody here signs in with this passkey. Use your password.")
        raise PasskeyRefused(msg)
    now = clock.db_now()
    _use(credential=credential, challenge=challenge, passkey=passkey, now=now)
    return credential.user


def decision_options(
    *, intent: Intent, usable: tuple[Credential, ...]
) -> dict[str, Any]:
    """Returns what asks one of these passkeys to answer exactly this decision."""
    return webauthn.request_options(
        webauthn.relying_party(),
        challenge=intent.digest,
        allowed=[bytes(one.credential_id) for one in usable],
    )


def lock_person(*, pk: int) -> User:
    """Locks an account, so that its passkeys and its tenants change one at a time."""
    return User.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)


def lock_credential(*, pk: int) -> Credential:
    """Locks one passkey's row; before the chain's head, after everything else."""
    return Credential.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)


def _locked(credential_id: bytes) -> Credential | None:
    """Returns a passkey by what the browser calls it, locked, unless it was removed."""
    return (
        Credential.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .filter(credential_id=credential_id, revoked_at__isnull=True)
        .first()
    )


def _use(
    *, credential: Credential, challenge: bytes, passkey: AssertedPasskey, now: datetime
) -> None:
    """Checks an answer and notes its counter; one that goes backwards is a copy's."""
    count = webauthn.asserted(
        webauthn.relying_party(),
        challenge=challenge,
        public_key=bytes(credential.public_key),
        answer=passkey,
    )
    if (count or credential.sign_count) and count <= credential.sign_count:
        logger.warning(
            "passkey.counter_went_back",
            extra={"credential": str(credential.public_id), "count": count},
        )
        msg = text(
            "This passkey's counter went backwards, as if there were a "
            "copy of it. Remove it from your list and add a new one."
        )
        raise PasskeyRefused(msg)
    credential.sign_count = count
    credential.last_used_at = now
    credential.save(update_fields=["sign_count", "last_used_at"])


def _notice(*, credential: Credential, tenant: Tenant, actor: Actor) -> None:
    """One tenant's log names the credential; its cool-down there begins."""
    cool_down = timedelta(minutes=settings.PASSKEY_COOL_DOWN_MINUTES)
    key = bytes(credential.public_key)

    def facts(at: datetime) -> dict[str, chain.Fact]:
        return {
            **_names(credential),
            "name": credential.name,
            "public_key": chain.base64url(cose.spki(key)),
            "cose_key": chain.base64url(key),
            "algorithm": cose.algorithm(key),
            "aaguid": str(credential.aaguid),
            "rp_id": credential.rp_id,
            "enrolled_at": chain.timestamp(credential.enrolled_at),
            "usable_from": chain.timestamp(at + cool_down),
            "cool_down_seconds": int(cool_down.total_seconds()),
        }

    entry = ledger.append(
        tenant=tenant, event=events.CREDENTIAL_ENROLLED, actor=actor, facts=facts
    )
    CredentialNotice.objects.create(
        credential=credential,
        tenant=tenant,
        logged_at=entry.at,
        usable_from=entry.at + cool_down,
    )
    outbox.promise(  # one message, however many tenants
        tenant=tenant,
        topic=outbox.CREDENTIAL_ENROLLED,
        subject_id=credential.pk,
        now=entry.at,
        person=credential.user,
    )


def _names(credential: Credential) -> dict[str, chain.Fact]:
    return {
        "person": credential.user.email,
        "id": str(credential.user.public_id),
        "credential": chain.base64url(bytes(credential.credential_id)),
    }
