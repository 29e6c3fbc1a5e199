"""Each verb writes exactly the entries that design.md section 3 promises."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.models import AuditEntry, RoleGroup
from breakglass.rules.sources import Sources
from breakglass.services import deploys, grants, requests
from breakglass.services.approving import approvals, signatures
from breakglass.services.gates import asking, registry, terms, tokens
from breakglass.services.logs import sealing
from breakglass.services.people import accounts as person_services
from breakglass.services.people import identities, roles
from breakglass.services.postmortems import deadlines, opening, writing
from breakglass.services.postmortems.writing import ActionItemInput
from breakglass.services.telling import delivery
from breakglass.services.tenancy import channels, policies, tenants
from breakglass.states import DeployState
from tests import factories
from tests.flows.services import steps
from tests.flows.services.test_postmortems import WRITTEN


def first_token(gate):
    return gate.tokens.order_by("pk").first().pk


class Log:
    """Says which events a step wrote: `log(step)` runs it and returns their names."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.result = None

    def __call__(self, step):
        before = steps.size(self.tenant)
        self.result = step()
        return steps.events(self.tenant, after=before)


@pytest.mark.django_db(transaction=True)
def test_a_bypass_from_request_to_postmortem_writes_exactly_its_events(
    acme, people, gate, advance
):
    log = Log(acme)
    mine = {"tenant": acme}

    assert log(lambda: factories.request(acme, people.oncall, gate, impact="high")) == [
        "request.opened"
    ]
    bypass = log.result
    named = {**mine, "bypass_id": bypass.bypass_id}
    assert log(lambda: factories.intend(bypass, people.approver1)) == []
    assert log(lambda: factories.confirm(log.result, people.approver1)) == [
        "request.approved"
    ]
    assert log(lambda: factories.approve(bypass, people.approver2)) == [
        "request.approved",
        "grant.issued",
    ]
    assert log(signatures.sign_due) == ["grant.signed"]
    assert log(lambda: steps.ask(gate, "one", service="payments")) == []
    assert log(lambda: steps.ask(gate, "one")) == ["deploy.admitted"]
    assert log(lambda: steps.ask(gate, "one")) == []
    assert log(lambda: steps.ask(gate, "two")) == ["deploy.admitted"]
    assert log(
        lambda: deploys.finish(gate=gate, deploy_id="one", state=DeployState.SUCCEEDED)
    ) == ["deploy.finished"]
    assert log(
        lambda: grants.revoke(**named, person=people.oncall, reason="Done.")
    ) == ["grant.revoked", "deploy.reverted", "postmortem.opened"]
    item = ActionItemInput("Scan each commit", "", is_done=False)
    assert log(
        lambda: writing.save_draft(
            **named,
            person=people.oncall,
            body=WRITTEN,
            action_items=[item],
            no_action_reason="",
            gate_blamed="partly",
            revision=0,
        )
    ) == ["postmortem.saved"]
    assert log(lambda: writing.publish(**named, person=people.oncall)) == [
        "postmortem.gate_judged",
        "postmortem.published",
    ]
    assert log(sealing.seal_due) == ["log.sealed"]
    assert log(sealing.seal_due) == []
    assert "gate.snapped_back" in log(delivery.drain)

    # A second one, which ends by itself.
    assert log(lambda: factories.request(acme, people.oncall, gate)) == [
        "request.opened"
    ]
    second = log.result
    factories.approve(second, people.peer)
    steps.ask(gate, "three")
    advance(15 * steps.MINUTE)
    assert log(grants.expire_due) == [
        "grant.expired",
        "deploy.reverted",
        "postmortem.opened",
    ]
    assert log(deploys.revert_due) == []
    assert log(opening.open_due) == []
    advance(30 * 24 * 60 * steps.MINUTE)
    assert log(deadlines.remind_due) == ["postmortem.overdue"]


def test_the_other_ends_of_a_request_write_exactly_their_events(
    acme, people, gate, advance
):
    log = Log(acme)
    withdrawn, rejected, _lapsed = (
        factories.request(acme, people.oncall, gate) for _ in range(3)
    )

    assert log(
        lambda: requests.withdraw(
            tenant=acme, bypass_id=withdrawn.bypass_id, requester=people.oncall
        )
    ) == ["request.withdrawn"]
    assert log(
        lambda: approvals.reject(
            tenant=acme,
            bypass_id=rejected.bypass_id,
            approver=people.peer,
            digest=rejected.digest_hex,
            comment="No.",
        )
    ) == ["request.rejected"]
    assert log(delivery.drain) == ["request.notified"]
    advance(10 * steps.MINUTE)
    assert log(delivery.drain) == ["request.escalated"]
    advance(2 * 60 * steps.MINUTE)
    assert log(requests.lapse_due) == ["request.lapsed"]


def test_what_admins_change_writes_exactly_its_event(acme, gate, people):
    log = Log(acme)
    newcomer = factories.person("new@acme.example", "New")
    peers = RoleGroup.objects.get(tenant=acme, slug="peers")
    by = {"actor": OPERATOR}
    rights = {"name": "X", "tenant_permissions": [], "gate_permissions": []}
    looks = {"name": "X", "environment": "", "data_class": ""}
    kept = {"kind": "shell", "owner": None}

    table = [
        (
            lambda: roles.create(tenant=acme, slug="x", **rights, **by),
            ["role.created"],
        ),
        (
            lambda: roles.change(role=log.result, **rights, **by),
            ["role.changed"],
        ),
        (
            lambda: roles.add_member(role=peers, user=newcomer, **by),
            ["role.member_added"],
        ),
        (lambda: person_off(newcomer), ["person.changed"]),
        (lambda: person_on(newcomer), ["person.changed"]),
        (
            lambda: roles.remove_member(role=peers, user=newcomer, **by),
            ["role.member_removed"],
        ),
        (lambda: person_off(newcomer), []),
        (
            lambda: registry.register(tenant=acme, slug="x", **looks, **by),
            ["gate.registered"],
        ),
        (
            lambda: registry.change(gate=gate, is_active=True, **looks, **by),
            ["gate.changed"],
        ),
        (lambda: tokens.issue(gate=gate, **by), ["token.issued"]),
        (
            lambda: tokens.rotate(gate=gate, token_id=first_token(gate), **by),
            ["token.issued", "token.superseded"],
        ),
        (
            lambda: tokens.revoke(gate=gate, token_id=first_token(gate), **by),
            ["token.revoked"],
        ),
        (
            lambda: registry.describe(gate=gate, service="api", **kept, **by),
            ["gate.described"],
        ),
        (lambda: registry.describe(gate=gate, service="api", **kept, **by), []),
        (
            lambda: terms.set_terms(gate=gate, at_close="finish", **by),
            ["gate.terms_changed"],
        ),
        (lambda: terms.set_terms(gate=gate, at_close="finish", **by), []),
        (
            lambda: terms.set_terms(gate=gate, at_close="hold_next_stage", **by),
            ["gate.terms_changed"],
        ),
        (
            lambda: asking.set_asking(
                gate=gate, cache_seconds=180, sources=Sources(), **by
            ),
            ["gate.asking_changed"],
        ),
        (lambda: registry.turn(gate=gate, is_active=False, **by), ["gate.changed"]),
        (lambda: registry.turn(gate=gate, is_active=True, **by), ["gate.changed"]),
        (lambda: registry.heartbeat(gate=gate, config_digest="a"), []),
        (lambda: registry.heartbeat(gate=gate, config_digest=""), []),
        (lambda: registry.heartbeat(gate=gate, config_digest="a"), []),
        (
            lambda: registry.heartbeat(gate=gate, config_digest="b"),
            ["gate.config_changed", "finding.opened"],
        ),
        (lambda: policies.new_draft(tenant=acme, author=people.admin), []),
        (
            lambda: policies.publish(policy_id=log.result.pk, **by),
            ["policy.published"],
        ),
        (lambda: policies.new_draft(tenant=acme, author=None), []),
        (lambda: policies.discard_draft(policy_id=log.result.pk, **by), []),
        (
            lambda: tenants.set_template(
                tenant=acme, body="# A", required_headings="", **by
            ),
            ["template.changed"],
        ),
        (
            lambda: channels.save(
                tenant=acme,
                kind="slack",
                name="ops",
                url="slack://TokenA0000/TokenB0000/TokenC0000000000000000000/#ops",
                is_active=True,
                **by,
            ),
            ["channel.changed"],
        ),
        (
            lambda: tenants.change(tenant=acme, name="X", is_active=False, **by),
            ["tenant.changed"],
        ),
    ]
    for step, expected in table:
        assert log(step) == expected


def person_off(user):
    return person_services.deactivate(user=user, actor=OPERATOR)


def person_on(user):
    return person_services.activate(user=user, actor=OPERATOR)


def test_a_new_tenants_log_begins_with_all_that_it_was_given(db):
    made = tenants.create(slug="initech", name="Initech", actor=OPERATOR)

    assert steps.events(made) == [
        "tenant.created",
        *["role.created"] * 7,
        "template.changed",
        "policy.published",
    ]


def test_linking_an_identity_is_on_record_wherever_the_person_has_a_role(
    acme, people, charlie
):
    log = Log(acme)
    written = log(
        lambda: identities.link(
            user=people.peer, issuer="https://idp.example", subject="1", actor=OPERATOR
        )
    )

    assert written == ["identity.linked"]
    assert steps.events(factories.tenant_of(charlie)).count("identity.linked") == 0


def test_no_entry_tells_a_token_or_a_channels_address(acme, gate):
    token = factories.token(gate)
    bodies = b"".join(
        bytes(body)
        for body in AuditEntry.objects.filter(tenant=acme).values_list(
            "body", flat=True
        )
    )

    assert token.encode() not in bodies
    assert token[:12].encode() in bodies
