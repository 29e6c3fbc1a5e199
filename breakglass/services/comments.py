"""Comment on a request: kept in the log and nowhere else, also after its end."""

from datetime import timedelta
from typing import Final

from django.db import transaction

from breakglass import clock, texts
from breakglass.audit import events, ledger
from breakglass.errors import NotPermitted
from breakglass.models import Tenant, User
from breakglass.queries import access
from breakglass.queries.requests import telling
from breakglass.rules.identifiers import check_text

MAXIMUM: Final = 2000
_SAME_WITHIN: Final = timedelta(minutes=1)


@transaction.atomic
def comment(*, tenant: Tenant, bypass_id: str, person: User, text: str) -> bool:
    """
    Writes a comment into the log; returns False when it stands there already.

    The same words of the same person within a minute are one comment: a double tap.
    Raises NotPermitted for strangers, InvalidInput for an empty or overlong text.
    """
    bypass = access.lock_request(tenant=tenant, bypass_id=bypass_id)
    if not access.may(user=person, permission="view_tenant", on=tenant):
        msg = texts.text(
            "only members of %(tenant)s can comment here", tenant=tenant.name
        )
        raise NotPermitted(msg)
    words = check_text(text, field="comment", minimum=1, maximum=MAXIMUM)
    actor, now = person.as_actor(), clock.db_now()
    last = telling.last_comment(bypass=bypass, actor=actor.name)
    if last is not None and last[0] == words and now - last[1] < _SAME_WITHIN:
        return False
    ledger.append(
        tenant=tenant,
        event=events.REQUEST_COMMENTED,
        actor=actor,
        bypass_id=bypass.bypass_id,
        facts={"comment": words},
    )
    return True
