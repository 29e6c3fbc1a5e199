"""How a gate asks: for how long it keeps answers, and where a cluster's objects say."""

from typing import Final

from django.db import transaction

from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import InvalidInput
from breakglass.models import Gate
from breakglass.models.gates import CACHE_MOST
from breakglass.queries import access
from breakglass.rules.sources import Sources, check_source
from breakglass.texts import text

_FIELDS: Final = ("cache_seconds", "service_from", "branch_from", "artifact_from")


@transaction.atomic
def set_asking(
    *, gate: Gate, cache_seconds: int | None, sources: Sources, actor: Actor
) -> Gate:
    """
    Sets for how long the gate uses an answer again, and where it reads a scope from.

    None is not declared: then a language's own time counts, if it has one. Raises
    InvalidInput by the field; the same again is not on record.
    """
    if cache_seconds is not None and not 0 <= cache_seconds <= CACHE_MOST:
        msg = text("choose from 0 to %(most)s seconds", most=CACHE_MOST)
        raise InvalidInput(msg, field="cache_seconds")
    wanted = (
        cache_seconds,
        check_source(value=sources.service, field="service_from"),
        check_source(value=sources.branch, field="branch_from"),
        check_source(value=sources.artifact, field="artifact_from"),
    )
    gate = access.lock_gate(pk=gate.pk)
    if wanted == tuple(getattr(gate, name) for name in _FIELDS):
        return gate
    gate.cache_seconds, gate.service_from, gate.branch_from, gate.artifact_from = wanted
    gate.save(update_fields=_FIELDS)
    ledger.append(
        tenant=gate.tenant,
        event=events.GATE_ASKING_CHANGED,
        actor=actor,
        facts={
            "gate": gate.slug,
            "cache_seconds": "" if cache_seconds is None else str(cache_seconds),
            "service_from": gate.service_from,
            "branch_from": gate.branch_from,
            "artifact_from": gate.artifact_from,
        },
    )
    return gate
