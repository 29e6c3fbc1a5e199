"""The facts of events that came later: behind those of golden_facts.py, in order."""

from hashlib import sha256

from breakglass.audit import events
from tests.conformance.golden_facts import CLOSED, ISSUER, PEER, SCHEDULER

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
    events.GATE_TRUST_CHANGED: (
        PEER,
        {
            "gate": "prod-deploy",
            "identity": "builder@ci.acme.example",
            "issuer": ISSUER,
            "root_sha256": sha256(b"the trusted root").hexdigest(),
        },
    ),
    events.PROVENANCE_CHECKED: (
        SCHEDULER,
        {
            "deploy_id": "gha-1234",
            "artifact": f"sha256:{'9f' * 32}",
            "bundle_sha256": sha256(b"the bundle of the provenance").hexdigest(),
            "state": "verified",
            "identity": "builder@ci.acme.example",
            "issuer": ISSUER,
            "predicate_type": "https://slsa.dev/provenance/v1",
            "builder": "https://ci.acme.example/builders/7",
            "reason": "",
        },
    ),
}
