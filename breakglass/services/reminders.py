"""Remind: whoever waits has those who are waited for told again, on record."""

from datetime import timedelta
from typing import Final

from django.db import transaction

from breakglass import clock, outbox
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, NotPermitted
from breakglass.models import AuditEntry, Tenant, User
from breakglass.queries import access, approvers
from breakglass.queries.requests import telling
from breakglass.states import RequestState
from breakglass.texts import text

AGAIN_AFTER: Final = timedelta(minutes=10)


@transaction.atomic
def remind(
    *, tenant: Tenant, bypass_id: str, requester: User, group: str
) -> AuditEntry:
    """
    Has the group told again that a request waits for it; returns the entry of that.

    Once a group in ten minutes: sooner, it is the same reminder. The empty group is
    the further approver of the outage fallback. Raises NotPermitted for anybody but
    the person who asked, Conflict when the request or the group is not waiting.
    """
    bypass = access.lock_request(tenant=tenant, bypass_id=bypass_id)
    now = clock.db_now()
    if bypass.requester_id != requester.pk:
        msg = text("only the person who asked can have the approvers reminded")
        raise NotPermitted(msg)
    if bypass.state != RequestState.PENDING or now >= bypass.lapses_at:
        msg = text("This request does not wait for anybody any more.")
        raise Conflict(msg)
    if approvers.waited_for(bypass=bypass, group=group) is None:
        msg = text("This group is not waited for any more.")
        raise Conflict(msg)
    last = telling.reminders_of(bypass=bypass).get(group)
    if last is not None and now - last.at < AGAIN_AFTER:
        return last
    entry = ledger.append(
        tenant=tenant,
        event=events.REQUEST_REMINDED,
        actor=requester.as_actor(),
        bypass_id=bypass.bypass_id,
        facts={"group": group},
    )
    # About the entry, so that each reminder is a promise of its own.
    outbox.promise(
        tenant=tenant, topic=outbox.REQUEST_REMINDED, subject_id=entry.pk, now=now
    )
    return entry
