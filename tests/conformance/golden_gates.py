"""The facts of the golden vectors about the machines of gates; see golden_facts."""

from breakglass.audit import events

MACHINE = {
    "gate": "prod-deploy",
    "machine": "id_7f3a9c01",
    "kind": "github_actions",
    "claims": ["repository_id=123456", "repository_owner_id=4242"],
}


def entries(person):
    """Returns what follows the entries of golden_facts, in order."""
    added = {
        **MACHINE,
        "issuer": "https://token.actions.githubusercontent.com",
        "audience": "https://breakglass.example.com/t/acme/gates/prod-deploy",
    }
    asking = {
        "gate": "prod-deploy",
        "cache_seconds": "180",
        "service_from": "namespace",
        "branch_from": "annotation:breakglass/branch",
        "artifact_from": "images",
    }
    return {
        events.MACHINE_ADDED: (person, added),
        events.MACHINE_REMOVED: (person, MACHINE),
        events.GATE_ASKING_CHANGED: (person, asking),
    }
