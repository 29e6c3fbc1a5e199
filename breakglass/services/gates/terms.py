"""A gate's terms: what the close does to its deploys, and how long it may be silent."""

from django.db import transaction

from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import InvalidInput
from breakglass.models import Gate
from breakglass.models.gates import SILENT_MOST
from breakglass.queries import access
from breakglass.states import AtClose
from breakglass.texts import text


@transaction.atomic
def set_terms(
    *, gate: Gate, at_close: str, silent_minutes: int | None = None, actor: Actor
) -> Gate:
    """
    Sets what a close does to deploys in flight, and after how long a gate is silent.

    Without minutes those on record stay. It holds from now on, also for deploys that
    are in flight. Raises InvalidInput by the field; the same again is not on record.
    """
    gate = access.lock_gate(pk=gate.pk)
    minutes = gate.silent_minutes if silent_minutes is None else silent_minutes
    if at_close not in AtClose.values:
        msg = text("there is no such choice")
        raise InvalidInput(msg, field="at_close")
    if not 1 <= minutes <= SILENT_MOST:
        msg = text("choose from 1 to %(most)s minutes", most=SILENT_MOST)
        raise InvalidInput(msg, field="silent_minutes")
    if (gate.at_close, gate.silent_minutes) == (at_close, minutes):
        return gate
    gate.at_close, gate.silent_minutes = at_close, minutes
    gate.save(update_fields=["at_close", "silent_minutes"])
    ledger.append(
        tenant=gate.tenant,
        event=events.GATE_TERMS_CHANGED,
        actor=actor,
        facts={
            "gate": gate.slug,
            "at_close": str(gate.at_close),
            "silent_minutes": gate.silent_minutes,
        },
    )
    return gate
