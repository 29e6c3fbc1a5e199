"""Sign-ins that are on record: with the password, where single sign-on is set up."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import DatabaseError, transaction

from breakglass import clock, outbox
from breakglass.audit import events, ledger
from breakglass.errors import LogReadOnly
from breakglass.models import Tenant, User
from breakglass.queries.people import accounts

logger = logging.getLogger(__name__)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def record_password(*, user: User) -> None:
    """
    Puts an emergency sign-in on record in every tenant of the person, and tells.

    One message to the person, and one to the managers of each tenant that is in use.
    It never stops the sign-in: a log that takes no entry, or a lock that does not
    come, is left out, which the server's log says; the messages are sent all the same.
    Each tenant has a transaction of its own, so no log's head waits for another's.
    """
    now = clock.db_now()
    tenants = accounts.tenants_of(user)
    logger.warning(
        "login.password_used",
        extra={"person": str(user.public_id), "tenants": [t.slug for t in tenants]},
    )
    for tenant in tenants:
        try:
            _record(user=user, tenant=tenant)
        except (LogReadOnly, DatabaseError) as error:
            logger.exception(
                "login.password_not_recorded",
                extra={"tenant": tenant.slug, "kind": type(error).__name__},
            )
        _announce(user=user, tenant=tenant, now=now)


@transaction.atomic
def _record(*, user: User, tenant: Tenant) -> None:
    ledger.append(
        tenant=tenant,
        event=events.LOGIN_PASSWORD_USED,
        actor=user.as_actor(),
        facts={"person": user.email, "id": str(user.public_id)},
    )


def _announce(*, user: User, tenant: Tenant, now: datetime) -> None:
    """The moment names the sign-in: the person has one message, whatever tenants."""
    if not tenant.is_active:
        return
    moment = (now - _EPOCH) // timedelta(microseconds=1)
    for topic, occasion in (
        (outbox.LOGIN_OWN_PASSWORD_USED, ""),
        (outbox.LOGIN_PASSWORD_USED, tenant.slug),
    ):
        outbox.promise(
            tenant=tenant,
            topic=topic,
            subject_id=moment,
            now=now,
            person=user,
            occasion=occasion,
        )
