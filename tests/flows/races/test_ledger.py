"""One chain, many writers: no gap, no fork, and nobody waits in a circle."""

import pytest
from django.db import transaction

from breakglass.actors import OPERATOR
from breakglass.audit import events, ledger
from breakglass.errors import PolicyViolation
from breakglass.models import PostMortem, RoleGroup
from breakglass.queries import access
from breakglass.services import deploys, grants
from breakglass.services.gates import registry
from breakglass.services.logs import sealing
from breakglass.services.people import accounts as person_services
from breakglass.services.people import roles
from breakglass.services.postmortems import deadlines, opening, writing
from breakglass.services.tenancy import policies, tenants
from tests import factories
from tests.flows.races.test_approvals import chain_is_gapless, record, signed
from tests.flows.races.threads import Meanwhile, at_once, failures, held, later
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_different_requests_of_one_tenant_append_without_gap_or_fork(
    acme, people, gate, settings
):
    settings.OPEN_REQUEST_LIMIT = 50
    before = steps.size(acme)
    who = (people.oncall, people.peer, people.admin, people.senior)
    for _ in range(5):
        outcomes = at_once(
            *[lambda p=person: factories.request(acme, p, gate) for person in who]
        )
        assert failures(outcomes) == []

    assert steps.size(acme) == before + 20
    assert chain_is_gapless(acme)


def test_an_entry_that_waited_for_the_head_is_not_older_than_the_one_before(
    acme, people, gate
):
    with held(lambda: factories.request(acme, people.oncall, gate)):
        second = Meanwhile(lambda: factories.request(acme, people.peer, gate))
        second.until_it_waits()
        later(30)

    opened = second.join()
    assert chain_is_gapless(acme)
    rows = list(acme.entries.order_by("-seq")[:2])
    assert rows[0].bypass_id == opened.bypass_id
    assert rows[0].at >= rows[1].at


def test_a_writer_that_gives_up_leaves_its_number_to_the_next(acme, people, gate):
    before = steps.size(acme)
    with held(lambda: factories.request(acme, people.oncall, gate)):
        second = Meanwhile(lambda: factories.request(acme, people.peer, gate))
        second.until_it_waits()
        transaction.set_rollback(True)

    assert second.join().requester == people.peer
    assert steps.size(acme) == before + 1
    assert chain_is_gapless(acme)


def test_two_sealing_sweeps_at_once_make_one_checkpoint(acme, gate):
    outcomes = at_once(sealing.seal_due, sealing.seal_due)

    assert failures(outcomes) == []
    assert sum(outcomes) == 1
    assert acme.checkpoints.count() == 1


# ------------------------------------------------------------ no circles of locks
#
# A foreign key is checked when the transaction commits, by a lock (FOR KEY SHARE) on
# the row that it names: after the chain's head was taken. A row that is locked FOR
# UPDATE refuses that, so whoever holds one and waits for the head would wait for ever.


def writer(tenant):
    """The shortest change that holds the head: an entry of the tenant's log."""
    return ledger.append(
        tenant=tenant, event=events.TENANT_CHANGED, actor=OPERATOR, facts={}
    )


def test_sealing_does_not_deadlock_with_a_writer(acme):
    with held(lambda: writer(acme)):
        other = Meanwhile(sealing.seal_due)
        other.until_it_waits()

    assert other.join() == 1


@pytest.mark.parametrize("verb", ["change", "publish", "heartbeat", "gate", "role"])
def test_an_admins_change_does_not_deadlock_with_a_request(acme, people, gate, verb):
    registry.heartbeat(gate=gate, config_digest="a")
    draft = policies.new_draft(tenant=acme, author=None)
    role = RoleGroup.objects.get(tenant=acme, slug="peers")
    by = {"actor": OPERATOR}
    calls = {
        "change": lambda: tenants.change(tenant=acme, name="X", is_active=True, **by),
        "publish": lambda: policies.publish(policy_id=draft.pk, **by),
        "heartbeat": lambda: registry.heartbeat(gate=gate, config_digest="b"),
        "gate": lambda: registry.change(
            gate=gate, name="X", environment="", data_class="", is_active=True, **by
        ),
        "role": lambda: roles.change(
            role=role, name="X", tenant_permissions=[], gate_permissions=[], **by
        ),
    }

    def step():
        if verb == "role":
            return roles.add_member(role=role, user=people.admin, **by)
        return factories.request(acme, people.oncall, gate)

    with held(step):
        other = Meanwhile(calls[verb])
        other.until_it_waits()

    assert failures([other.join()]) == []


def test_deactivating_an_approver_does_not_deadlock_with_their_approval(
    people, high_request
):
    pair = signed(high_request, people.approver1)
    with held(lambda: record(pair)):
        other = Meanwhile(
            lambda: person_services.deactivate(user=people.approver1, actor=OPERATOR)
        )
        other.until_it_waits()

    assert failures([other.join()]) == []


def test_asking_oneself_does_not_deadlock_with_ones_own_approval(
    acme, people, gate, high_request
):
    pair = signed(high_request, people.approver1)
    with held(lambda: record(pair)):
        other = Meanwhile(lambda: factories.request(acme, people.approver1, gate))
        other.until_it_waits()

    assert failures([other.join()]) == []


def test_renewing_does_not_deadlock_with_closing_what_is_renewed(
    acme, people, gate, active_grant
):
    old = active_grant.request
    with held(
        lambda: factories.request(acme, people.admin, gate, renews=old.bypass_id)
    ):
        other = Meanwhile(
            lambda: grants.revoke(
                tenant=acme, bypass_id=old.bypass_id, person=people.oncall, reason="."
            )
        )
        other.until_it_waits()

    assert failures([other.join()]) == []


def test_an_approval_takes_the_gate_before_the_head(
    acme, people, gate, pending_request
):
    """As a heartbeat does (style.md 4.4): it holds the gate, then appends."""
    pair = signed(pending_request, people.peer)
    with held(lambda: access.lock_gate(pk=gate.pk)):
        other = Meanwhile(lambda: record(pair))
        other.until_it_waits()
        writer(acme)

    assert other.join().grant


@pytest.mark.parametrize("sweep", [grants.expire_due, deploys.revert_due])
def test_a_close_takes_the_grant_before_the_head(acme, gate, active_grant, sweep):
    steps.ask(gate)
    later(15 * steps.MINUTE)
    with held(lambda: access.lock_grant(pk=active_grant.pk)):
        other = Meanwhile(sweep)
        writer(acme)

    assert failures([other.join()]) == []


@pytest.mark.parametrize("verb", ["save", "publish", "overdue"])
def test_writing_a_postmortem_takes_the_grant_before_it(
    acme, people, active_grant, verb
):
    """As a close does: it holds the grant, appends, and opens the post-mortem."""
    later(15 * steps.MINUTE)
    opening.open_due()  # and the grant's own sweep has not come round yet
    later(60 * 24 * 60 * steps.MINUTE)
    named = {
        "tenant": acme,
        "bypass_id": active_grant.request.bypass_id,
        "person": people.oncall,
    }
    calls = {
        "save": lambda: writing.save_draft(
            **named, body="x", action_items=[], no_action_reason="", revision=0
        ),
        "publish": lambda: writing.publish(**named),
        "overdue": deadlines.remind_due,
    }
    with held(lambda: access.lock_grant(pk=active_grant.pk)):
        other = Meanwhile(calls[verb])
        other.until_it_waits()
        writer(acme)
        # Nobody but the one who waits could hold it, and that one may not yet.
        free = PostMortem.objects.select_for_update(nowait=True, of=("self",))
        assert free.get() == active_grant.postmortem

    assert failures([other.join()], PolicyViolation) == []
