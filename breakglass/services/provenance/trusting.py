"""Whose provenance a gate takes."""

import hashlib

from django.db import transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import InvalidInput, SigningFailed
from breakglass.models import Gate, GateTrust
from breakglass.queries import access
from breakglass.rules.identifiers import check_text
from breakglass.signing import provenance
from breakglass.texts import text

_MAX = 300


@transaction.atomic
def trust(
    *, gate: Gate, identity: str, issuer: str, root: str, actor: Actor
) -> GateTrust:
    """
    Says in whose name provenance of this gate's artefacts is signed, under which root.

    It holds for what is checked from now on. Raises InvalidInput (fields identity,
    issuer, root); the ledger gets the digest of the root.
    """
    gate = access.lock_gate(pk=gate.pk)
    if root:
        try:
            provenance.checked_root(root)
        except SigningFailed as error:
            msg = text("this is no trusted root of a Sigstore instance")
            raise InvalidInput(msg, field="root") from error
    words = {
        "identity": check_text(identity, field="identity", minimum=1, maximum=_MAX),
        "issuer": check_text(issuer, field="issuer", minimum=1, maximum=_MAX),
    }
    row, _ = GateTrust.objects.update_or_create(
        gate=gate,
        defaults={
            **words,
            "tenant": gate.tenant,
            "root": root,
            "changed_at": clock.db_now(),
        },
    )
    ledger.append(
        tenant=gate.tenant,
        event=events.GATE_TRUST_CHANGED,
        actor=actor,
        facts={
            "gate": gate.slug,
            **words,
            "root_sha256": hashlib.sha256(root.encode()).hexdigest() if root else "",
        },
    )
    return row
