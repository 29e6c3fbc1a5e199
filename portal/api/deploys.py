"""PATCH /api/v1/deploys/{deploy_id}: how a deploy ended."""

from typing import Final

from django.http import HttpRequest

from breakglass.rules.identifiers import check_identifier
from breakglass.services import deploys
from breakglass.states import DeployState
from portal.api import asking
from portal.api.edge import Endpoint
from portal.api.schemas import DeployAnswer, DeployPart, DeployReport


def _finish(request: HttpRequest, deploy_id: str) -> DeployAnswer:
    gate, report = asking.gate_and_body(request, DeployReport)
    deploy = deploys.finish(
        gate=gate,
        deploy_id=check_identifier(deploy_id, field="deploy_id", slash=False),
        state=DeployState(report.state),
    )
    return DeployAnswer(
        deploy=DeployPart(id=deploy.deploy_id, state=DeployState(deploy.state)),
        bypass_id=deploy.grant.request.bypass_id,
        admitted_at=deploy.admitted_at,
        ended_at=deploy.ended_at,
    )


finish: Final = Endpoint("deploys", {"PATCH": _finish})
