"""The demo's bypasses: asked, signed, shipped and closed through the services."""

from dataclasses import dataclass
from datetime import timedelta

from breakglass import clock
from breakglass.models import BypassRequest, Gate, Tenant, User
from breakglass.queries.postmortems import drafting as postmortem_queries
from breakglass.rules.decision import Question
from breakglass.rules.evidence import Proof
from breakglass.rules.scopes import Scope
from breakglass.services import decisions, deploys, grants, requests
from breakglass.services.approving import approvals
from breakglass.services.approving.freezing import RequestWish
from breakglass.services.gates import contacts
from breakglass.services.postmortems import writing
from breakglass.states import DeployState


@dataclass(frozen=True, slots=True)
class World:
    """One tenant of the demo, its people by role and its gates by slug."""

    tenant: Tenant
    people: dict[str, User]
    gates: dict[str, Gate]


def ask(
    world: World, gate: str, *, who: str = "oncall", **fields: object
) -> BypassRequest:
    """Asks for a bypass of the gate; `fields` are those of the form."""
    wish = {
        "branch": "",
        "artifact": "",
        "impact": "low",
        "incident_url": "",
        "ttl": timedelta(minutes=15),
        **fields,
    }
    return requests.open_request(
        tenant=world.tenant,
        requester=world.people[who],
        wish=RequestWish(gate=gate, **wish),  # type: ignore[arg-type]  # see above
    )


def approve(world: World, bypass: BypassRequest, *who: str, comment: str) -> None:
    """Signs in the name of each person, as their browser would."""
    for key in who:
        approver = world.people[key]
        intent = approvals.intend(
            tenant=world.tenant,
            bypass_id=bypass.bypass_id,
            approver=approver,
            digest=bypass.digest_hex,
            ttl=None,
            comment=comment,
        )
        approvals.confirm(
            intent_id=intent.public_id,
            approver=approver,
            proof=Proof(method="password", at=clock.db_now()),
        )


def ship(world: World, bypass: BypassRequest, deploy_id: str, *, ends: bool) -> None:
    """Asks as the gate would, and reports the end of the deploy."""
    gate = world.gates[bypass.gate.slug]
    scope = Scope(
        gate=gate.slug,
        service=bypass.service,
        branch=bypass.branch or "main",
        artifact=bypass.artifact,
    )
    question = Question(scope=scope, deploy_id=deploy_id)
    decisions.decide(gate=gate, question=question, actor="ci@acme.example")
    call(gate, outcome="grant_in_force")
    if ends:
        deploys.finish(gate=gate, deploy_id=deploy_id, state=DeployState.SUCCEEDED)


def call(gate: Gate, *, name: str = "decision", outcome: str) -> None:
    """Notes what the API's edge would have: that the gate called, and what it heard."""
    contacts.forget()  # on the demo's clock the last call is not seconds ago
    made = contacts.Call(name, outcome, is_accepted=True, token="", address="10.20.0.7")
    contacts.note(gate_id=gate.pk, gate=gate.slug, call=made)


def close(world: World, bypass: BypassRequest, *, who: str, reason: str) -> None:
    """Closes it before its end."""
    grants.revoke(
        tenant=world.tenant,
        bypass_id=bypass.bypass_id,
        person=world.people[who],
        reason=reason,
    )


def closed_bypasses(world: World) -> None:
    """Two bypasses that were closed early, one with its write-up, and a rejection."""
    first = ask(
        world,
        "change-freeze",
        service="storefront",
        branch="hotfix/price-rounding",
        justification="Prices are rounded down to whole euros since the 14:00 release. "
        "Every order loses money until the fix ships.",
        incident_url="https://incidents.acme.example/INC-702",
    )
    approve(world, first, "peer", comment="Reproduced it, the fix is one line.")
    ship(world, first, "gha-8101-1", ends=True)
    close(world, first, who="oncall", reason="Shipped and verified.")
    write_up(world, first, _ROUNDING)
    second = ask(
        world,
        "db-migrate",
        service="ledger-db",
        justification="The nightly migration holds a lock on accounts; payments queue. "
        "The corrective migration has to run outside its window.",
        ttl=timedelta(hours=1),
    )
    approve(world, second, "senior", "approver2", comment="Watched it on staging.")
    ship(world, second, "migrate-551", ends=True)
    ship(world, second, "migrate-552", ends=False)
    close(world, second, who="approver1", reason="The second run was not agreed.")
    third = ask(
        world,
        "prod-deploy",
        service="search",
        impact="high",
        justification="Search is slow for some users; we would like to ship tonight.",
    )
    approvals.reject(
        tenant=world.tenant,
        bypass_id=third.bypass_id,
        approver=world.people["approver1"],
        digest=third.digest_hex,
        comment="Slow is not down. This can wait for the morning's release train.",
    )


@dataclass(frozen=True, slots=True)
class WriteUp:
    """What a finished post-mortem says, and what it leads to."""

    happened: str
    why: str
    changes: str
    items: tuple[writing.ActionItemInput, ...]
    blamed: str = "partly"


def write_up(world: World, bypass: BypassRequest, said: WriteUp) -> None:
    """Publishes one post-mortem, so that the list shows a finished one."""
    found = postmortem_queries.for_bypass(
        tenant=world.tenant, bypass_id=bypass.bypass_id
    )
    body = found.body
    texts = {
        "_What happened, in three sentences, for somebody who was asleep._": (
            said.happened
        ),
        "_Why the gate stood in the way, and whether it was right to._": said.why,
        "_What makes the next incident need no bypass. "
        "The action items stand below._": said.changes,
    }
    for placeholder, text in texts.items():
        body = body.replace(placeholder, text)
    writer = world.people["oncall"]
    writing.save_draft(
        tenant=world.tenant,
        bypass_id=bypass.bypass_id,
        person=writer,
        body=body,
        action_items=list(said.items),
        no_action_reason="",
        gate_blamed=said.blamed,
        revision=found.revision,
    )
    writing.publish(tenant=world.tenant, bypass_id=bypass.bypass_id, person=writer)


_ROUNDING = WriteUp(
    happened="A release rounded prices down. Orders lost 0.4 % of their value for 25 "
    "minutes. A one-line fix went out under this bypass.",
    why="The freeze blocks every deploy of the quarter's last week. It was right to "
    "ask first.",
    changes="Rounding moves into one tested function.",
    items=(
        writing.ActionItemInput(
            text="Test rounding at the edges", owner="Ona", is_done=True
        ),
        writing.ActionItemInput(
            text="Alarm on the order margin", owner="Pietro", is_done=False
        ),
    ),
)


def open_bypasses(world: World) -> None:
    """One in force, three that wait for approvers, one that closes within a minute."""
    active = ask(
        world,
        "prod-deploy",
        service="payments-api",
        branch="hotfix/oom",
        impact="high",
        ttl=timedelta(hours=4),
        justification="payments-api runs out of memory every ten minutes; card "
        "payments fail for 38 % of users. The fix raises the pool's limit.",
        incident_url="https://incidents.acme.example/INC-771",
    )
    approve(world, active, "approver1", "approver2", comment="")
    ship(world, active, "gha-8123-1", ends=True)
    pending = ask(
        world,
        "image-policy",
        service="checkout",
        branch="hotfix/tls",
        impact="high",
        ttl=timedelta(hours=1),
        justification="The signing service of the build farm is down and checkout's "
        "certificate expires in 40 minutes. The image is built from a reviewed commit.",
        incident_url="https://incidents.acme.example/INC-772",
    )
    approve(world, pending, "approver2", comment="I reviewed the commit.")
    ask(
        world,
        "change-freeze",
        service="help-centre",
        justification="The help centre shows yesterday's phone number to everybody.",
    )
    ask(
        world,
        "db-migrate",
        who="peer",
        service="ledger-db",
        justification="The index on bookings is broken since the restart; every "
        "statement of account takes a minute. It has to be built again.",
        incident_url="https://incidents.acme.example/INC-773",
        ttl=timedelta(hours=1),
    )
    minute = ask(
        world,
        "change-freeze",
        service="status-page",
        ttl=timedelta(minutes=1),
        justification="The status page says that all is well, and it is not.",
    )
    approve(world, minute, "peer", comment="Quick.")


def other_tenant(world: World) -> None:
    """One request that nobody of the first tenant may ever see."""
    ask(
        world,
        "prod-deploy",
        service="warehouse",
        justification="Parcels leave without labels since the last deploy.",
    )
