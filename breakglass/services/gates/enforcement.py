"""Snap-back: a gate's return to enforcement when a grant closes."""

from django.db import transaction

from breakglass import clock
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger
from breakglass.models import Grant
from breakglass.queries import access
from breakglass.states import GrantState


@transaction.atomic
def snap_back(*, grant_id: int) -> bool:
    """
    Records once that the gate enforces again for a closed grant's scope.

    A gate that asks the endpoint needs no push: its next question is answered
    `enforce`. Returns False when the grant is still open or this was recorded before.
    """
    grant: Grant = access.lock_grant(pk=grant_id)
    if grant.state == GrantState.ACTIVE or grant.snapped_back_at is not None:
        return False
    now = clock.db_now()
    grant.snapped_back_at = now
    grant.save(update_fields=["snapped_back_at"])
    ledger.append(
        tenant=grant.tenant,
        event=events.GATE_SNAPPED_BACK,
        actor=SCHEDULER,
        bypass_id=grant.request.bypass_id,
        facts={
            "gate": grant.gate.slug,
            "service": grant.service,
            "at": chain.timestamp(now),
        },
    )
    return True
