"""POST /api/v1/gates/heartbeat: a gate says that it is alive."""

from typing import Final

from django.http import HttpRequest

from breakglass import clock
from breakglass.services.gates import registry
from portal.api import asking
from portal.api.edge import Endpoint
from portal.api.schemas import Heartbeat, HeartbeatAnswer


def _beat(request: HttpRequest) -> HeartbeatAnswer:
    gate, beat = asking.gate_and_body(request, Heartbeat)
    seen = registry.heartbeat(gate=gate, config_digest=beat.config_digest)
    return HeartbeatAnswer(
        gate=seen.slug,
        seen_at=seen.last_seen_at or clock.db_now(),
        config_digest=seen.config_digest,
    )


heartbeat: Final = Endpoint("heartbeat", {"POST": _beat})
