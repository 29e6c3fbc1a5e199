"""A gate gives the provenance of a deploy; nothing is verified here."""

import hashlib
from typing import Final

from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.errors import Conflict, InvalidInput, NotFound
from breakglass.models import Deploy, Gate, Provenance
from breakglass.rules.identifiers import is_artifact_digest
from breakglass.texts import text

BUNDLE_MAX: Final = 262_144


def give(*, gate: Gate, deploy_id: str, bundle: bytes) -> Provenance:
    """
    Stores the bundle of a deploy; a worker verifies it. The same again is the same.

    It changes no decision, before or after. Raises NotFound for a deploy that this gate
    never asked about, Conflict for another bundle than the first, InvalidInput for a
    deploy without a digest or a bundle beyond BUNDLE_MAX.
    """
    if len(bundle) > BUNDLE_MAX:
        msg = text("the bundle is larger than %(most)s bytes", most=BUNDLE_MAX)
        raise InvalidInput(msg, field="bundle")
    deploy = Deploy.objects.filter(gate=gate, deploy_id=deploy_id).first()
    if deploy is None:
        msg = text("this gate has not asked about a deploy of that id")
        raise NotFound(msg)
    if not is_artifact_digest(deploy.artifact):
        msg = text("the deploy names no artefact by digest, so nothing can be about it")
        raise InvalidInput(msg, field="artifact")
    digest = hashlib.sha256(bundle).digest()
    try:
        with transaction.atomic():
            return Provenance.objects.create(
                tenant=gate.tenant,
                deploy=deploy,
                bundle=bundle,
                bundle_sha256=digest,
                given_at=clock.db_now(),
            )
    except IntegrityError:
        known = Provenance.objects.get(deploy=deploy)
    if bytes(known.bundle_sha256) != digest:
        msg = text("the deploy has another provenance already")
        raise Conflict(msg)
    return known
