"""Who is told of a grant: its window, its close, its deploys and its post-mortem."""

import pytest
from django.core import mail

from breakglass import clock, outbox
from breakglass.actors import OPERATOR
from breakglass.models import Grant, Notification, PostMortem, RoleGroup
from breakglass.queries import messages
from breakglass.rules.decision import Question
from breakglass.rules.scopes import Scope
from breakglass.services import decisions, grants
from breakglass.services.people import accounts as people_services
from breakglass.services.postmortems import deadlines
from breakglass.services.telling import delivery
from breakglass.states import DeliveryState
from tests.flows.delivery.record import emails, facts_of, state_of, told

pytestmark = pytest.mark.django_db
signed = pytest.mark.django_db(transaction=True)  # nothing signs in a transaction


@signed
def test_a_grant_is_told_to_the_requester_and_in_channels(
    active_grant, people, channel
):
    delivery.drain()
    assert told(outbox.GRANT_ISSUED) == [people.oncall.email, "ops-room"]
    assert "is open until" in mail.outbox[-1].body


@signed
def test_a_grant_that_is_over_is_not_told_as_open(active_grant, advance):
    advance(16 * 60)
    delivery.drain()
    assert state_of(outbox.GRANT_ISSUED) == DeliveryState.SKIPPED
    assert state_of(outbox.GRANT_ENDING) == DeliveryState.SKIPPED


@signed
def test_the_end_is_announced_ten_minutes_before(active_grant, people, advance):
    delivery.drain()
    assert state_of(outbox.GRANT_ENDING) == DeliveryState.PENDING
    advance(5 * 60)
    delivery.drain()
    assert told(outbox.GRANT_ENDING) == emails(people.oncall)
    assert "closes in 9 minutes" in mail.outbox[-1].subject


@signed
def test_a_grant_closed_early_is_not_announced_to_end(active_grant, people, advance):
    grants.revoke(
        tenant=active_grant.tenant,
        bypass_id=active_grant.request.bypass_id,
        person=people.oncall,
        reason="Done.",
    )
    advance(6 * 60)
    delivery.drain()
    assert state_of(outbox.GRANT_ENDING) == DeliveryState.SKIPPED


@signed
def test_a_close_snaps_the_gate_back_once_and_is_told(
    active_grant, people, channel, advance
):
    advance(16 * 60)
    grants.expire_due()
    delivery.drain()
    delivery.drain()
    assert told(outbox.GRANT_CLOSED) == [people.oncall.email, "ops-room"]
    assert len(facts_of("gate.snapped_back")) == 1
    assert Grant.objects.get(pk=active_grant.pk).snapped_back_at is not None


@signed
def test_a_reverted_deploy_is_told_to_the_requester_and_in_channels(
    active_grant, gate, people, channel, advance
):
    scope = Scope(gate=gate.slug, service="checkout", branch="x", artifact="")
    decisions.decide(gate=gate, question=Question(scope=scope, deploy_id="gha-1"))
    advance(16 * 60)
    grants.expire_due()
    delivery.drain()
    assert told(outbox.DEPLOY_REVERTED) == [people.oncall.email, "ops-room"]
    row = Notification.objects.filter(message__topic=outbox.DEPLOY_REVERTED).first()
    assert "deploy gha-1 reverted to enforcement" in row.subject


@signed
def test_a_postmortem_is_told_to_its_assignee_and_late_also_to_managers(
    active_grant, people, channel, advance
):
    advance(16 * 60)
    grants.expire_due()
    delivery.drain()
    assert told(outbox.POSTMORTEM_OPENED) == emails(people.oncall)
    due = PostMortem.objects.get(pk=active_grant.postmortem_id).due_at
    advance((due - clock.db_now()).total_seconds() + 1)
    deadlines.remind_due()
    delivery.drain()
    everybody = [*emails(people.admin, people.oncall), "ops-room"]
    assert told(outbox.POSTMORTEM_OVERDUE) == everybody


def test_managers_are_those_of_the_tenants_own_roles(acme, people, charlie):
    RoleGroup.objects.filter(tenant=acme, slug="peers").update(
        tenant_permissions=["view_tenant", "manage_tenant"]
    )
    people_services.deactivate(user=people.admin, actor=OPERATOR)
    told = messages.managers_of(tenant=acme)
    assert emails(*told) == emails(people.oncall, people.peer)


@signed
def test_inactive_requesters_are_told_nothing(active_grant, people, channel):
    people_services.deactivate(user=people.oncall, actor=OPERATOR)
    delivery.drain()
    assert told(outbox.GRANT_ISSUED) == ["ops-room"]
