"""The facts of events that came later: behind those of golden_facts.py, in order."""

from breakglass.audit import events
from tests.conformance.golden_facts import CLOSED, PEER, SCHEDULER

LATER = {
    events.WEBHOOK_CHANGED: (
        PEER,
        {
            "name": "pipelines",
            "gate": "prod-deploy",
            "host": "hooks.acme.example",
            "is_active": True,
        },
    ),
    events.WEBHOOK_ROTATED: (PEER, {"name": "pipelines", "previous_until": CLOSED}),
    events.WEBHOOK_STOPPED: (
        SCHEDULER,
        {
            "name": "pipelines",
            "host": "hooks.acme.example",
            "reason": "it answered 410: it does not want to be told any more",
        },
    ),
}
