"""The passkeys of an account that is given up: removed with it, on record."""

from datetime import datetime

from django.db.models import QuerySet

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import chain, events, ledger
from breakglass.models import Credential, CredentialNotice, Tenant, User
from breakglass.queries.people import passkeys as queries
from breakglass.services.people import passkeys


def take_away(*, user: User, actor: Actor) -> list[Credential]:
    """
    Removes every passkey of an account, in the caller's transaction; returns them.

    The account is locked by the caller, who records each with `record` when the heads
    of the logs are taken, in their order.
    """
    keys = sorted(queries.live(user=user).values_list("pk", flat=True))
    taken = [passkeys.lock_credential(pk=pk) for pk in keys]
    now: datetime = clock.db_now()
    for credential in taken:
        credential.revoked_at, credential.revoked_by = now, actor.name
        credential.save(update_fields=["revoked_at", "revoked_by"])
    return taken


def tenants_of(taken: list[Credential]) -> list[Tenant]:
    """Returns the tenants whose logs know one of them."""
    return list(
        Tenant.objects.filter(pk__in=_known(taken).values("tenant_id")).order_by("pk")
    )


def record(
    taken: list[Credential], *, tenant: Tenant, user: User, reason: str, actor: Actor
) -> None:
    """Writes the removals into one tenant's log, of those passkeys that it knows."""
    known = set(
        _known(taken).filter(tenant=tenant).values_list("credential_id", flat=True)
    )
    for credential in taken:
        if credential.pk in known:
            ledger.append(
                tenant=tenant,
                event=events.CREDENTIAL_REVOKED,
                actor=actor,
                facts={
                    "person": user.email,
                    "id": str(user.public_id),
                    "credential": chain.base64url(bytes(credential.credential_id)),
                    "reason": reason,
                },
            )


def _known(taken: list[Credential]) -> QuerySet[CredentialNotice]:
    return CredentialNotice.objects.filter(credential__in=taken)
