"""PUT /api/v1/deploys/{deploy_id}/provenance: how what is deployed was built."""

from typing import Final

from django.http import HttpRequest

from breakglass.rules.identifiers import check_identifier
from breakglass.services.provenance import giving
from breakglass.states import DeployState, ProvenanceState
from portal.api import asking, auth, strict_json
from portal.api.edge import Endpoint
from portal.api.schemas import (
    DeployPart,
    ProvenanceAnswer,
    ProvenanceBundle,
    ProvenancePart,
)


def _give(request: HttpRequest, deploy_id: str) -> ProvenanceAnswer:
    """Keeps the bytes as they came: they are what was signed and what is verified."""
    length = asking.stated_length(request, most=giving.BUNDLE_MAX)
    caller = auth.caller_of(request)
    raw = asking.read(request, length=length, most=giving.BUNDLE_MAX)
    value = asking.value_of(raw, parse=strict_json.parse)
    body = asking.checked(value, ProvenanceBundle)
    asking.require_own(request, caller, body, deploy_id=deploy_id)
    row = giving.give(
        gate=caller.gate,
        deploy_id=check_identifier(deploy_id, field="deploy_id", slash=False),
        bundle=raw,
    )
    deploy = row.deploy
    return ProvenanceAnswer(
        deploy=DeployPart(id=deploy.deploy_id, state=DeployState(deploy.state)),
        provenance=ProvenancePart(
            state=ProvenanceState(row.state),
            sha256=bytes(row.bundle_sha256).hex(),
            identity=row.identity or None,
            reason=row.reason or None,
        ),
    )


give: Final = Endpoint("provenance", {"PUT": _give})
