"""Opening a request: what is frozen, what is refused, and why."""

import dataclasses
import json
import uuid
from datetime import timedelta
from hashlib import sha256

import pytest

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.audit import chain
from breakglass.errors import (
    InvalidInput,
    NotFound,
    NotPermitted,
    PolicyViolation,
    SentAlready,
)
from breakglass.models import BypassRequest, OutboxMessage, Tenant
from breakglass.services import requests
from breakglass.services.gates import registry
from breakglass.services.people import accounts as person_services
from breakglass.services.people import roles
from breakglass.services.tenancy import tenants
from tests import factories
from tests.flows.services import steps

# Reviewed: these say how the request ended, or hold the body itself, or name the form
# that sent it. No approver is shown them as terms, so the digest need not cover them.
NOT_IN_THE_BODY = {
    "id",
    "form_key",
    "body",
    "digest",
    "state",
    "ended_at",
    "ended_by",
    "end_comment",
}


def test_the_digest_is_the_plain_sha256_of_the_stored_bytes(pending_request):
    stored = BypassRequest.objects.get(pk=pending_request.pk)

    assert bytes(stored.digest) == sha256(bytes(stored.body)).digest()
    assert stored.digest_hex == sha256(bytes(stored.body)).hexdigest()


def test_the_stored_bytes_are_canonical_and_carry_their_type(pending_request):
    body = bytes(pending_request.body)

    assert chain.canonical(json.loads(body)) == body
    assert json.loads(body)["type"] == "breakglass/request/v1"


def test_everything_that_an_approver_is_shown_stands_in_the_frozen_body(
    acme, people, database_gate
):
    first = factories.request(acme, people.oncall, database_gate)
    bypass = factories.request(
        acme,
        people.oncall,
        database_gate,
        branch="hotfix/oom",
        artifact=steps.DIGEST,
        impact="high",
        renews=first.bypass_id,
    )
    frozen = json.loads(bytes(bypass.body))
    shown = {
        "bypass_id": frozen["bypass_id"] == bypass.bypass_id,
        "tenant": frozen["tenant"] == {"id": str(acme.public_id), "slug": "acme"},
        "gate": (frozen["gate"], frozen["data_class"], frozen["environment"])
        == ("db-migrate", "production-database", ""),
        "requester": frozen["requester"]
        == {
            "kind": "user",
            "id": str(people.oncall.public_id),
            "name": people.oncall.email,
        },
        "policy": frozen["policy"]
        == {"version": 1, "digest": bytes(bypass.policy.digest).hex()},
        "tier": frozen["tier"] == "production-database",
        "service": frozen["service"] == "checkout",
        "branch": frozen["branch"] == "hotfix/oom",
        "artifact": frozen["artifact"] == steps.DIGEST,
        "impact": frozen["impact"] == "high",
        "justification": frozen["justification"] == bypass.justification,
        "incident_url": frozen["incident_url"] == bypass.incident_url,
        "ttl_seconds": frozen["ttl_seconds"] == 900,
        "renews": frozen["renews"] == first.bypass_id,
        "opened_at": frozen["opened_at"] == chain.timestamp(bypass.opened_at),
        "lapses_at": frozen["lapses_at"] == chain.timestamp(bypass.lapses_at),
    }
    columns = {field.name for field in BypassRequest._meta.fields}

    assert set(shown) == columns - NOT_IN_THE_BODY, "review the new column"
    assert [name for name, is_there in shown.items() if not is_there] == []


def test_two_requests_with_the_same_words_have_different_digests(acme, people, gate):
    one = factories.request(acme, people.oncall, gate)
    two = factories.request(acme, people.oncall, gate)

    assert one.digest_hex != two.digest_hex
    assert one.bypass_id != two.bypass_id


def test_a_request_falls_into_the_tier_of_its_impact_and_its_gate(
    acme, people, gate, database_gate
):
    tiers = [
        factories.request(acme, people.oncall, gate).tier.slug,
        factories.request(acme, people.oncall, gate, impact="high").tier.slug,
        factories.request(acme, people.oncall, database_gate).tier.slug,
    ]

    assert tiers == ["low", "high", "production-database"]


def test_the_same_form_sent_twice_is_one_request(acme, people, gate):
    key = uuid.uuid4()

    first = factories.request(acme, people.oncall, gate, form_key=key)
    second = factories.request(acme, people.oncall, gate, form_key=key)

    assert second == first
    assert BypassRequest.objects.count() == 1
    assert steps.events(acme).count("request.opened") == 1


def test_the_same_form_key_of_another_person_is_another_request(acme, people, gate):
    key = uuid.uuid4()

    factories.request(acme, people.oncall, gate, form_key=key)
    factories.request(acme, people.peer, gate, form_key=key)

    assert BypassRequest.objects.count() == 2


def test_the_same_form_key_for_another_tenant_is_not_the_first_request(
    acme, people, gate, charlie
):
    globex, key = factories.tenant_of(charlie), uuid.uuid4()
    other = factories.gate(globex, gate.slug)
    factories.join(globex, people.oncall, "on-call")
    first = factories.request(acme, people.oncall, gate, form_key=key)

    with pytest.raises(SentAlready) as error:
        factories.request(globex, people.oncall, other, form_key=key)

    assert error.value.bypass_id == first.bypass_id
    assert BypassRequest.objects.count() == 1


def test_what_is_malformed_is_refused_by_its_field(acme, people, gate, charlie):
    factories.gate(factories.tenant_of(charlie), "globex-gate")
    cases = {
        "no gate": {"gate": ""},
        "unknown gate": {"gate": "no-such-gate"},
        "gate of another tenant": {"gate": "globex-gate"},
        "gate in other letters": {"gate": "Prod-Deploy"},
        "no service": {"service": ""},
        "service with a space": {"service": "check out"},
        "service with a letter from elsewhere": {"service": "ｃheckout"},
        "service with a newline behind": {"service": "checkout\n"},
        "service too long": {"service": "a" * 201},
        "branch with a control": {"branch": "main\x00"},
        "branch too long": {"branch": "a" * 201},
        "artifact with a star": {"artifact": "sha256:*"},
        "no justification": {"justification": ""},
        "justification of spaces": {"justification": " " * 50},
        "justification too short": {"justification": "x" * 9},
        "justification too long": {"justification": "x" * 2001},
        "justification with a control": {"justification": "outage\x07" * 5},
        "justification turned around": {"justification": "outage \u202e now!" * 3},
        "no impact": {"impact": ""},
        "impact in capitals": {"impact": "HIGH"},
        "url of a script": {"incident_url": "javascript:alert(1)"},
        "url without a scheme": {"incident_url": "incidents.example/1"},
        "url with a password": {"incident_url": "https://me:pw@incidents.example/"},
        "url too long": {"incident_url": "https://incidents.example/" + "a" * 500},
        "ttl not offered": {"ttl": timedelta(minutes=16)},
        "ttl of nothing": {"ttl": timedelta(0)},
        "ttl below nothing": {"ttl": timedelta(minutes=-15)},
        "ttl too long": {"ttl": timedelta(days=1)},
    }
    before = steps.events(acme)
    refused = {}
    for name, changed in cases.items():
        wish = dataclasses.replace(factories.wish(gate), **changed)
        with pytest.raises(InvalidInput) as error:
            requests.open_request(tenant=acme, requester=people.oncall, wish=wish)
        refused[name] = error.value.field

    assert refused == {name: next(iter(changed)) for name, changed in cases.items()}
    assert BypassRequest.objects.count() == 0
    assert steps.events(acme) == before, "a refusal leaves no entry"
    assert not OutboxMessage.objects.exists()


def test_the_edges_of_what_is_allowed_are_allowed(acme, people, gate):
    bypass = factories.request(
        acme,
        people.oncall,
        gate,
        service="a" * 200,
        branch="b" * 200,
        justification="  " + "x" * 2000 + " ",
        incident_url="",
    )

    assert bypass.justification == "x" * 2000
    assert BypassRequest.objects.get().service == "a" * 200


def test_a_sixth_open_request_is_refused_until_one_ends(
    acme, people, gate, settings, advance
):
    settings.OPEN_REQUEST_LIMIT = 2
    first = factories.request(acme, people.oncall, gate)
    factories.request(acme, people.oncall, gate)
    with pytest.raises(NotPermitted, match="2 open requests and the limit is 2"):
        factories.request(acme, people.oncall, gate)

    requests.withdraw(tenant=acme, bypass_id=first.bypass_id, requester=people.oncall)
    assert factories.request(acme, people.oncall, gate)
    with pytest.raises(NotPermitted):
        factories.request(acme, people.oncall, gate)

    # What has lapsed by the clock is not open, whether or not the sweep has run.
    advance(2 * 60 * steps.MINUTE)
    assert factories.request(acme, people.oncall, gate)


def test_the_limit_counts_a_persons_own_requests_only(acme, people, gate, settings):
    settings.OPEN_REQUEST_LIMIT = 1
    factories.request(acme, people.oncall, gate)

    assert factories.request(acme, people.peer, gate)


def test_who_may_not_ask_is_refused(acme, people, gate, charlie):
    newcomer = factories.person("new@acme.example", "New")
    gone = people.approver1  # the copy that a session holds: it still says active
    person_services.deactivate(user=gone, actor=OPERATOR)
    refused = {}
    for name, person in {
        "auditor": people.auditor,
        "security": people.security,
        "stranger": charlie,
        "newcomer": newcomer,
        "inactive": gone,
    }.items():
        with pytest.raises(NotPermitted) as error:
            factories.request(acme, person, gate)
        refused[name] = str(error.value).split(".")[0]

    assert refused == {
        "auditor": "You may not ask for this gate",
        "security": "You may not ask for this gate",
        "stranger": "You are not a member of this team",
        "newcomer": "You are not a member of this team",
        "inactive": "This account is deactivated",
    }
    assert BypassRequest.objects.count() == 0


def test_a_gate_that_is_out_of_use_cannot_be_asked_for(acme, people, gate):
    registry.change(
        gate=gate,
        actor=OPERATOR,
        name="Prod",
        environment="",
        data_class="",
        is_active=False,
    )

    with pytest.raises(NotPermitted, match="not in use"):
        factories.request(acme, people.oncall, gate)


def test_nobody_can_ask_in_a_tenant_that_is_switched_off(acme, people, gate):
    off = tenants.change(tenant=acme, actor=OPERATOR, name="Acme", is_active=False)

    with pytest.raises(NotPermitted):
        factories.request(off, people.oncall, gate)


def test_a_machine_may_ask_where_it_has_the_role(acme, gate):
    robot = factories.person("bot@acme.example", "Bot", kind="machine")
    factories.join(acme, robot, "on-call")

    assert factories.request(acme, robot, gate).requester == robot


def test_a_renewal_names_a_request_of_the_same_tenant(acme, people, gate, charlie):
    globex = factories.tenant_of(charlie)
    theirs = factories.request(globex, charlie, factories.gate(globex, "g"))
    mine = factories.request(acme, people.oncall, gate)

    renewal = factories.request(acme, people.oncall, gate, renews=mine.bypass_id)
    with pytest.raises(NotFound):
        factories.request(acme, people.oncall, gate, renews=theirs.bypass_id)

    assert renewal.renews == mine


def test_a_tenant_without_a_published_policy_grants_nothing(people, gate, acme):
    bare = Tenant.objects.create(slug="bare", name="Bare", created_at=clock.db_now())
    roles.create(
        tenant=bare,
        slug="on-call",
        name="On-call",
        tenant_permissions=["view_tenant"],
        gate_permissions=["view_gate", "request_gate_bypass"],
        actor=OPERATOR,
    )
    factories.join(bare, people.oncall, "on-call")

    with pytest.raises(PolicyViolation, match="no published policy"):
        factories.request(bare, people.oncall, factories.gate(bare, "g"))


def test_opening_promises_to_tell_the_approvers_now_and_again_later(
    acme, pending_request
):
    promised = OutboxMessage.objects.filter(tenant=acme).order_by("due_at")

    assert [(m.topic, m.due_at - pending_request.opened_at) for m in promised] == [
        ("request.opened", timedelta(0)),
        ("request.unanswered", timedelta(minutes=10)),
    ]
