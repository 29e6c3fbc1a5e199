"""
Provenance is verified by a worker, away from decisions: its outcome changes none.

Verified outside any transaction; recorded once, under the row's lock.
"""

import logging
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from breakglass import clock
from breakglass.actors import SCHEDULER
from breakglass.audit import events, ledger
from breakglass.errors import SigningFailed
from breakglass.models import GateTrust, Provenance
from breakglass.queries.logs import standing
from breakglass.signing import provenance
from breakglass.states import ProvenanceState
from breakglass.texts import text

logger = logging.getLogger(__name__)

NOBODY_TRUSTED: Final = text("nobody said whose provenance this gate trusts")


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: ProvenanceState
    identity: str = ""
    issuer: str = ""
    predicate_type: str = ""
    builder: str = ""
    reason: str = ""


def check_due(*, limit: int = 50) -> int:
    """
    Verifies up to `limit` bundles that wait, oldest first; returns how many it judged.

    One that cannot be judged now (no trust config) waits. Call it outside a
    transaction: it takes its time.
    """
    waiting = Provenance.objects.filter(state=ProvenanceState.WAITING)
    rows = standing.writable(waiting).select_related("deploy__gate").order_by("pk")
    return sum(_check(row) for row in rows[:limit])


def _check(row: Provenance) -> bool:
    try:
        outcome = _outcome(row)
    except SigningFailed as error:
        logger.warning("provenance.not_checked", extra={"why": error.stage})
        return False
    return _record(row.pk, outcome)


def _outcome(row: Provenance) -> _Outcome:
    """Judges one bundle; raises SigningFailed where it is not the bundle's fault."""
    trust = GateTrust.objects.filter(gate=row.deploy.gate).first()
    if trust is None:
        return _Outcome(ProvenanceState.FAILED, reason=str(NOBODY_TRUSTED))
    named = {"identity": trust.identity, "issuer": trust.issuer}
    try:
        proof = provenance.prove(
            bundle=bytes(row.bundle),
            root=trust.root,
            digest=row.deploy.artifact.removeprefix("sha256:"),
            **named,
        )
    except SigningFailed as error:
        if error.stage != "verify":
            raise
        return _Outcome(ProvenanceState.FAILED, reason=str(error)[:300])
    return _Outcome(
        ProvenanceState.VERIFIED,
        predicate_type=proof.predicate_type,
        builder=proof.builder,
        **named,
    )


@transaction.atomic
def _record(pk: int, outcome: _Outcome) -> bool:
    row = (
        Provenance.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant", "deploy__grant__request")
        .get(pk=pk)
    )
    if row.state != ProvenanceState.WAITING:
        return False
    row.state, row.reason = outcome.state, outcome.reason
    row.identity, row.issuer = outcome.identity, outcome.issuer
    row.predicate_type, row.builder = outcome.predicate_type, outcome.builder
    row.checked_at = clock.db_now()
    row.save(
        update_fields=[
            *("state", "reason", "identity", "issuer", "predicate_type", "builder"),
            "checked_at",
        ]
    )
    deploy = row.deploy
    ledger.append(
        tenant=row.tenant,
        event=events.PROVENANCE_CHECKED,
        actor=SCHEDULER,
        bypass_id=deploy.grant.request.bypass_id,
        facts={
            "deploy_id": deploy.deploy_id,
            "artifact": deploy.artifact,
            "bundle_sha256": bytes(row.bundle_sha256).hex(),
            "state": str(row.state),
            "identity": row.identity,
            "issuer": row.issuer,
            "predicate_type": row.predicate_type,
            "builder": row.builder,
            "reason": row.reason,
        },
    )
    return True
