"""What an approver's account, a gate's token or an operator must not be able to do."""

import pytest
from django.db import IntegrityError, connection, transaction

from breakglass.actors import OPERATOR
from breakglass.audit import events
from breakglass.errors import Conflict, InvalidInput
from breakglass.models import AuditEntry, Deploy, Grant
from breakglass.queries import access, approvers
from breakglass.rules.decision import Question
from breakglass.rules.scopes import Scope
from breakglass.services import decisions, deploys, grants
from breakglass.services.gates import registry
from breakglass.services.people import accounts as people
from breakglass.services.tenancy import tenants
from breakglass.states import DeployState
from tests import factories

SIGNED = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "address", ["email/", "password/reset/", "password/change/", "3rdparty/", "signup/"]
)
def test_nobody_changes_the_address_that_certificates_name(
    acme, people, client_for, address
):
    answer = client_for(people.peer).post(
        f"/accounts/{address}", {"action_add": "", "email": "ceo@acme.example"}
    )

    assert answer.status_code == 404


def test_nobody_gets_the_address_of_the_portal_itself(db, settings):
    with pytest.raises(InvalidInput, match="portal's own"):
        people.create(
            email=settings.SIGNING_WORKLOAD.upper(),
            name="Impostor",
            password=None,
            actor=OPERATOR,
        )


@SIGNED
@pytest.mark.parametrize("switched_off", ["gate", "tenant"])
def test_what_is_switched_off_while_somebody_decides_gets_no_grant(
    pending_request, people, gate, acme, switched_off
):
    intent = factories.intend(pending_request, people.peer)
    if switched_off == "gate":
        registry.change(
            gate=gate,
            actor=OPERATOR,
            name=gate.name,
            environment="",
            data_class="",
            is_active=False,
        )
    else:
        tenants.change(tenant=acme, actor=OPERATOR, name=acme.name, is_active=False)

    with pytest.raises(Conflict, match="switched off"):
        factories.confirm(intent, people.peer)
    assert not Grant.objects.exists()


def test_a_gate_that_became_stricter_counts_for_what_is_pending(pending_request, gate):
    registry.change(
        gate=gate,
        actor=OPERATOR,
        name=gate.name,
        environment="",
        data_class="production-database",
        is_active=True,
    )

    bypass = access.request_for(
        tenant=pending_request.tenant, bypass_id=pending_request.bypass_id
    )
    missing = {need.group for need in approvers.quorum(bypass=bypass).missing}
    assert missing == {"named-seniors", "designated-approvers"}


def test_every_trigger_function_pins_its_search_path(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE proname LIKE 'bg\\_%%' "
            "AND prorettype = 'trigger'::regtype AND NOT coalesce(proconfig::text, '') "
            "LIKE '%%search_path=public, pg_temp%%'",
            [],
        )
        assert cursor.fetchall() == []


def test_an_intent_is_not_made_authentic_behind_the_portals_back(
    pending_request, people
):
    intent = factories.intend(pending_request, people.peer)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE breakglass_intent SET authenticated_at = bg_now(), "
            "state = 'committed' WHERE id = %s",
            [intent.pk],
        )
        with pytest.raises(IntegrityError, match="once"), transaction.atomic():
            cursor.execute(
                "UPDATE breakglass_intent SET authenticated_at = bg_now() "
                "WHERE id = %s",
                [intent.pk],
            )


def test_the_admin_filters_by_nothing_secret(acme, people, client_for):
    client = client_for(people.admin)

    guess = client.get("/admin/breakglass/user/", {"password__startswith": "md5"})
    allowed = client.get("/admin/breakglass/user/", {"is_active__exact": "1"})

    assert guess.status_code in (302, 400)
    assert allowed.status_code == 200


def test_a_superuser_without_a_role_sees_no_tenant(acme, client_for):
    root = factories.person("root@acme.example", "Root", is_staff=True)
    root.is_superuser = True
    root.save(update_fields=["is_superuser"])

    assert access.tenants_of(user=root) == []
    assert client_for(root).get("/t/acme/requests").status_code == 404


def test_a_gate_that_changes_with_every_heartbeat_does_not_flood_the_log(gate, advance):
    for number in range(5):
        registry.heartbeat(gate=gate, config_digest=f"sha256:{number}")
    changes = AuditEntry.objects.filter(event=events.GATE_CONFIG_CHANGED)
    assert changes.count() == 1

    advance(61)
    registry.heartbeat(gate=gate, config_digest="sha256:last")
    assert changes.count() == 2


@pytest.mark.parametrize(
    "address", ["/t/acme/requests/BG-%00", "/t/acme/requests/new?renews=%00"]
)
def test_a_nul_in_an_address_is_refused_in_words(acme, people, client_for, address):
    answer = client_for(people.oncall).get(address)

    assert answer.status_code == 400
    assert b"NUL" in answer.content


@SIGNED
def test_closing_a_grant_with_many_deploys_reverts_them_in_batches(
    active_grant, gate, people, monkeypatch
):
    monkeypatch.setattr(deploys, "BATCH", 3)
    for number in range(7):
        question = Question(
            scope=Scope(gate=gate.slug, service="checkout", branch="", artifact=""),
            deploy_id=f"d{number}",
        )
        decisions.decide(gate=gate, question=question)

    grants.revoke(
        tenant=active_grant.tenant,
        bypass_id=active_grant.request.bypass_id,
        person=people.oncall,
        reason="enough",
    )
    flying = Deploy.objects.filter(state=DeployState.ADMITTED)
    assert flying.count() == 4, "the log is not held for all of them"
    while deploys.revert_due():
        pass
    assert not flying.exists()
