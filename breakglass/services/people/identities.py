"""
Identities: whom an identity provider's (issuer, subject) pair belongs to.

A pair belongs to one person at a time, and every change is in the log of each tenant
that the person is in. Locks: the accounts first, by their keys, then as everywhere
(request, grant, gate, head), each kind by its keys; see `merge`.
"""

from typing import Final

from django.db import IntegrityError, connection, transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, NotFound, NotPermitted
from breakglass.models import Identity, Tenant, User
from breakglass.queries.people import accounts
from breakglass.rules.identifiers import check_text
from breakglass.services.people import collapse, passkey_ends
from breakglass.texts import text

NAME_MAXIMUM: Final = 200
REASON_MAXIMUM: Final = 300
_MERGE_LOCK: Final = 0x6D65726765  # "merge", the name of the advisory lock


@transaction.atomic
def link(*, user: User, issuer: str, subject: str, actor: Actor) -> Identity:
    """
    Links an identity provider's subject to the one person it belongs to.

    Conflict when it is linked to somebody already, or the account is switched off.
    """
    issuer = check_text(issuer, field="issuer", minimum=1, maximum=NAME_MAXIMUM)
    subject = check_text(subject, field="subject", minimum=1, maximum=NAME_MAXIMUM)
    (user,) = _lock(user)
    if not user.is_active:
        msg = text("the account of %(user)s is switched off", user=user.email)
        raise Conflict(msg)
    identity = _link(user=user, issuer=issuer, subject=subject)
    _record_links([identity], tenants=accounts.tenants_of(user), actor=actor)
    return identity


def link_by_email(*, issuer: str, subject: str, email: str) -> User | None:
    """
    Links a pair to the active person with that address, once; returns the person.

    For providers whose addresses the operator trusts. None when nobody fits, the
    person has an identity of that issuer already, or the pair was ever unlinked: what
    somebody took away does not come back by itself.
    """
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None or not user.is_human:
        return None
    if user.identities.filter(issuer=issuer, unlinked_at__isnull=True).exists():
        return None
    if Identity.objects.filter(issuer=issuer, subject=subject).exists():
        return None
    link(user=user, issuer=issuer, subject=subject, actor=user.as_actor())
    return user


@transaction.atomic
def unlink(*, identity_id: int, reason: str, actor: Actor) -> Identity:
    """Ends a link, for good; the pair may be linked to another person afterwards."""
    why = check_text(reason, field="reason", minimum=1, maximum=REASON_MAXIMUM)
    found = Identity.objects.select_related("user").filter(pk=identity_id).first()
    if found is None:
        msg = text("there is no such identity")
        raise NotFound(msg)
    _lock(found.user)
    identity = Identity.objects.select_related("user").get(pk=identity_id)
    if identity.unlinked_at is not None:
        msg = text("this identity is unlinked already")
        raise Conflict(msg)
    _unlink([identity])
    tenants = accounts.tenants_of(identity.user)
    _record_unlinks([identity], tenants=tenants, reason=why, actor=actor)
    return identity


@transaction.atomic
def unlink_own(*, user: User, identity_id: int, reason: str) -> Identity:
    """
    Ends a link of one's own; the last one only where a password still lets one in.

    NotFound for somebody else's identity, NotPermitted for the last way in.
    """
    (user,) = _lock(user)
    live = accounts.identities_of(user=user)
    if identity_id not in [identity.pk for identity in live]:
        msg = text("this identity is not linked to you")
        raise NotFound(msg)
    if len(live) == 1 and not user.has_usable_password():
        msg = text("this is your only way to sign in: link another identity first")
        raise NotPermitted(msg)
    return unlink(identity_id=identity_id, reason=reason, actor=user.as_actor())


@transaction.atomic
def merge(*, keep: User, merged: User, reason: str, actor: Actor) -> User:
    """
    Records that two accounts are one person; returns the one that is kept.

    The other account is switched off for good, which ends its sessions; its identities
    move over, its passkeys are removed; its unfinished approvals are refused, and
    those it gave on pending
    requests do not stand. A grant in force that needed them to be two is revoked.

    Free of deadlocks: merges queue up, since the accounts that were given up for an
    account are only known once that is locked. Each takes the accounts before anything
    else, as opening a request and deciding do, then all requests that an approval of
    either could still be recorded on, their intents, their grants, and last the heads
    of the logs, each kind in the order of its keys. Whoever records an approval holds
    its request: either that came first and its grant is looked at here, or it finds one
    person instead of two.
    """
    why = check_text(reason, field="reason", minimum=1, maximum=REASON_MAXIMUM)
    if keep.pk == merged.pk:
        msg = text("these are one account already")
        raise Conflict(msg)
    _queue_up()
    both = {user.pk: user for user in _lock(keep, merged)}
    keep, merged = both[keep.pk], both[merged.pk]
    _require_mergeable(keep=keep, merged=merged)
    affected = collapse.lock(keep=keep, merged=merged)
    was_active = merged.is_active
    _give_up(merged=merged, keep=keep)
    moved = accounts.identities_of(user=merged)
    _unlink(moved)
    new = [_link(user=keep, issuer=i.issuer, subject=i.subject) for i in moved]
    taken = passkey_ends.take_away(user=merged, actor=actor)
    collapse.refuse_intents(affected=affected, merged=merged)
    broken = collapse.broken(affected=affected)
    tenants = {t.pk: t for t in accounts.tenants_of(keep, merged)}
    tenants |= {grant.tenant_id: grant.tenant for grant in broken}
    tenants |= {tenant.pk: tenant for tenant in passkey_ends.tenants_of(taken)}
    for _, tenant in sorted(tenants.items()):
        if was_active:
            _record_off(merged, tenant=tenant, actor=actor)
        _record_unlinks(moved, tenants=[tenant], reason=why, actor=actor)
        _record_links(new, tenants=[tenant], actor=actor)
        passkey_ends.record(taken, tenant=tenant, user=merged, reason=why, actor=actor)
        _record_merge(keep=keep, merged=merged, tenant=tenant, reason=why, actor=actor)
        mine = [grant for grant in broken if grant.tenant_id == tenant.pk]
        collapse.revoke(grants_=mine, keep=keep, merged=merged)
    return keep


def _queue_up() -> None:
    """Waits until no other merge runs, till the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_MERGE_LOCK])


def _lock(*users: User) -> list[User]:
    """Locks the accounts in the order of their keys; returns them as they now are."""
    rows = User.objects.select_for_update(of=("self",), no_key=True)
    return list(rows.filter(pk__in=[user.pk for user in users]).order_by("pk"))


def _require_mergeable(*, keep: User, merged: User) -> None:
    if merged.merged_into_id is not None or keep.merged_into_id is not None:
        msg = text("one of the two was given up for another account already")
        raise Conflict(msg)
    if not keep.is_active:
        msg = text(
            "%(keep)s is switched off: keep the account that is in use", keep=keep.email
        )
        raise Conflict(msg)
    if not (keep.is_human and merged.is_human):
        msg = text("only people's accounts are merged, not machines'")
        raise Conflict(msg)


def _give_up(*, merged: User, keep: User) -> None:
    """Whoever was merged into the one that is given up is the kept person too."""
    earlier = User.objects.filter(merged_into=merged).order_by("pk")
    for user in [merged, *earlier.select_for_update(of=("self",), no_key=True)]:
        user.is_active = False
        user.merged_into = keep
        user.save(update_fields=["is_active", "merged_into"])


def _link(*, user: User, issuer: str, subject: str) -> Identity:
    try:
        with transaction.atomic():
            return Identity.objects.create(
                user=user, issuer=issuer, subject=subject, created_at=clock.db_now()
            )
    except IntegrityError as error:
        msg = text("this identity is linked to a person already")
        raise Conflict(msg) from error


def _unlink(live: list[Identity]) -> None:
    now = clock.db_now()
    for identity in live:
        identity.unlinked_at = now
        identity.save(update_fields=["unlinked_at"])


def _record_links(made: list[Identity], *, tenants: list[Tenant], actor: Actor) -> None:
    for tenant in tenants:
        for identity in made:
            ledger.append(
                tenant=tenant,
                event=events.IDENTITY_LINKED,
                actor=actor,
                facts=_pair(identity),
            )


def _record_unlinks(
    ended: list[Identity], *, tenants: list[Tenant], reason: str, actor: Actor
) -> None:
    for tenant in tenants:
        for identity in ended:
            ledger.append(
                tenant=tenant,
                event=events.IDENTITY_UNLINKED,
                actor=actor,
                facts={**_pair(identity), "reason": reason},
            )


def _pair(identity: Identity) -> dict[str, str]:
    return {
        "person": identity.user.email,
        "issuer": identity.issuer,
        "subject": identity.subject,
    }


def _record_off(user: User, *, tenant: Tenant, actor: Actor) -> None:
    ledger.append(
        tenant=tenant,
        event=events.PERSON_CHANGED,
        actor=actor,
        facts={"person": user.email, "id": str(user.public_id), "is_active": False},
    )


def _record_merge(
    *, keep: User, merged: User, tenant: Tenant, reason: str, actor: Actor
) -> None:
    ledger.append(
        tenant=tenant,
        event=events.PERSON_MERGED,
        actor=actor,
        facts={
            "kept": keep.email,
            "kept_id": str(keep.public_id),
            "merged": merged.email,
            "merged_id": str(merged.public_id),
            "reason": reason,
        },
    )
