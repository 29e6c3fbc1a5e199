"""PATCH /api/v1/deploys/{deploy_id}: how a deploy ended, or that it still runs."""

from typing import Final

from django.http import HttpRequest

from breakglass.services import deploys
from breakglass.states import DeployState
from portal.api import asking
from portal.api.edge import Endpoint
from portal.api.schemas import DeployAnswer, DeployPart, DeployReport


def _report(request: HttpRequest, deploy_id: str) -> DeployAnswer:
    gate, report = asking.gate_and_body(request, DeployReport, deploy_id=deploy_id)
    if report.state == "running":
        deploy = deploys.heartbeat(gate=gate, deploy_id=deploy_id)
    else:
        state = DeployState(report.state)
        deploy = deploys.finish(gate=gate, deploy_id=deploy_id, state=state)
    return DeployAnswer(
        deploy=DeployPart(id=deploy.deploy_id, state=DeployState(deploy.state)),
        bypass_id=deploy.grant.request.bypass_id,
        admitted_at=deploy.admitted_at,
        ended_at=deploy.ended_at,
        overran_seconds=deploy.overran_seconds,
    )


finish: Final = Endpoint("deploys", {"PATCH": _report})
