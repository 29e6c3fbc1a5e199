"""Findings about gates: raised once, owned by somebody, closed with a reason."""

import pytest
from django.db import IntegrityError, transaction

from breakglass.errors import Conflict, InvalidInput, NotFound, NotPermitted
from breakglass.models import Finding, OutboxMessage, RoleGroup
from breakglass.queries.gates import findings as queries
from breakglass.services.gates import findings
from breakglass.states import FindingKind
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
DETAILS = {"unused": 3, "closed": 5, "threshold": 3, "days": 30}


@pytest.fixture
def finding(gate):
    return raised(gate)


def raised(gate, kind=FindingKind.BYPASS_UNUSED):
    return findings.open_finding(gate=gate, kind=kind, details=DETAILS)


def close(finding, person, reason="Mended."):
    return findings.close(
        tenant=finding.tenant,
        public_id=finding.public_id,
        person=person,
        reason=reason,
    )


def hand_over(finding, person, to):
    return findings.hand_over(
        tenant=finding.tenant, public_id=finding.public_id, person=person, to=to
    )


def test_it_is_raised_for_who_manages_the_tenant_and_on_record(acme, people, finding):
    assert finding.owner == people.admin
    assert steps.facts(acme, "finding.opened") == {
        "finding": str(finding.public_id),
        "gate": "prod-deploy",
        "kind": "bypass_unused",
        "owner": people.admin.email,
        "details": DETAILS,
    }
    assert OutboxMessage.objects.filter(topic="finding.opened").count() == 1


def test_a_tenant_without_admins_has_a_finding_without_an_owner(acme, people, gate):
    factories.leave(acme, people.admin, "admins")
    assert raised(gate).owner is None
    assert steps.facts(acme, "finding.opened")["owner"] == ""


def test_the_gates_owner_group_answers_for_it_first(acme, people, gate):
    gate.owner = RoleGroup.objects.get(tenant=acme, slug="named-seniors")
    gate.save(update_fields=["owner"])
    assert raised(gate).owner == people.senior
    factories.leave(acme, people.senior, "named-seniors")
    assert raised(gate, FindingKind.GATE_BLAMED).owner == people.admin


def test_no_gate_is_named_like_a_page_below_the_gates(acme):
    for slug in ("health", "health.csv"):
        with pytest.raises((InvalidInput, Conflict)):
            factories.gate(acme, slug)


def test_one_of_a_kind_is_open_at_a_time_and_the_first_one_stays(gate, finding):
    assert raised(gate) is None
    assert raised(gate, FindingKind.GATE_BLAMED) is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        Finding.objects.create(
            tenant=gate.tenant,
            gate=gate,
            kind=finding.kind,
            facts={},
            opened_at=finding.opened_at,
        )


def test_its_owner_closes_it_with_a_reason_and_it_may_come_again(
    acme, people, gate, finding
):
    closed = close(finding, people.admin, " Mended.  ")
    assert (closed.closed_by, closed.close_reason) == (people.admin, "Mended.")
    assert steps.facts(acme, "finding.closed")["reason"] == "Mended."
    with pytest.raises(Conflict):
        close(finding, people.admin)
    assert raised(gate) is not None


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 1001])
def test_no_reason_no_close(people, finding, reason):
    with pytest.raises(InvalidInput) as refused:
        close(finding, people.admin, reason)
    assert refused.value.field == "reason"
    finding.refresh_from_db()
    assert finding.closed_at is None


def test_only_its_owner_or_who_manages_the_gate_may_answer_it(people, finding):
    for person in (people.peer, people.security, people.auditor):
        with pytest.raises(NotPermitted):
            close(finding, person)
        with pytest.raises(NotPermitted):
            hand_over(finding, person, people.peer)
    hand_over(finding, people.admin, people.peer)
    finding.refresh_from_db()
    assert close(finding, people.peer).closed_by == people.peer


def test_an_owner_who_left_the_team_may_not_answer_it(acme, people, finding):
    hand_over(finding, people.admin, people.peer)
    factories.leave(acme, people.peer, "peers")
    with pytest.raises(NotPermitted):
        close(finding, people.peer)


def test_whoever_answers_for_the_gate_answers_for_a_finding_without_its_owner(
    acme, people, gate, finding
):
    hand_over(finding, people.admin, people.peer)
    gate.owner = RoleGroup.objects.get(tenant=acme, slug="named-seniors")
    gate.save(update_fields=["owner"])
    finding.refresh_from_db()
    assert not queries.may_answer(user=people.senior, finding=finding)
    factories.leave(acme, people.peer, "peers")
    assert close(finding, people.senior).closed_by == people.senior


def test_handing_over_is_on_record_and_told(acme, people, finding):
    hand_over(finding, people.admin, people.peer)
    assert steps.facts(acme, "finding.handed_over") == {
        "finding": str(finding.public_id),
        "gate": "prod-deploy",
        "kind": "bypass_unused",
        "before": people.admin.email,
        "after": people.peer.email,
    }
    told = OutboxMessage.objects.get(topic="finding.handed_over")
    assert told.person_id == people.peer.pk
    with pytest.raises(Conflict):
        hand_over(finding, people.admin, people.peer)


def test_it_is_handed_to_nobody_who_does_not_see_the_gate(people, finding, charlie):
    with pytest.raises(InvalidInput):
        hand_over(finding, people.admin, charlie)
    close(finding, people.admin)
    with pytest.raises(Conflict):
        hand_over(finding, people.admin, people.peer)


def test_another_tenants_finding_is_not_there(finding, charlie):
    with pytest.raises(NotFound):
        findings.close(
            tenant=factories.tenant_of(charlie),
            public_id=finding.public_id,
            person=charlie,
            reason="Mine now.",
        )
    with pytest.raises(NotPermitted):
        close(finding, charlie)


@pytest.mark.parametrize(
    "change",
    [{"facts": {}}, {"kind": "gate_blamed"}, {"opened_at": "2020-01-01T00:00Z"}],
)
def test_what_was_seen_is_frozen(finding, change):
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        Finding.objects.filter(pk=finding.pk).update(**change)


def test_a_closed_one_stays_closed_and_none_is_deleted(people, finding):
    close(finding, people.admin)
    rows = Finding.objects.filter(pk=finding.pk)
    with pytest.raises(IntegrityError, match="set once"), transaction.atomic():
        rows.update(closed_at=None, closed_by=None, close_reason="")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        rows.delete()
