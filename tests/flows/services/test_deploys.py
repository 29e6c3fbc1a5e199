"""How a deploy ends: as reported, reverted with its grant, or lost from sight."""

from datetime import timedelta

import pytest

from breakglass.errors import Conflict, InvalidInput, NotFound
from breakglass.models import Deploy, OutboxMessage
from breakglass.services import deploys, grants
from breakglass.services.gates import enforcement
from breakglass.states import DeployState
from tests import factories
from tests.flows.services import steps


@pytest.fixture
def grant(acme, people, gate):
    """A grant of 15 minutes, with one deploy in flight."""
    made = steps.grant(acme, people, gate)
    steps.ask(gate, "gha-1")
    return made


def finish(gate, state=DeployState.SUCCEEDED, deploy_id="gha-1"):
    return deploys.finish(gate=gate, deploy_id=deploy_id, state=state)


def state():
    return Deploy.objects.get().state


@pytest.mark.parametrize("how", [DeployState.SUCCEEDED, DeployState.FAILED])
def test_the_gate_reports_how_a_deploy_ended(acme, gate, grant, how):
    assert finish(gate, how).state == how
    assert steps.events(acme)[-1] == "deploy.finished"


def test_the_same_report_twice_is_one(acme, gate, grant):
    finish(gate)
    finish(gate)

    assert steps.events(acme).count("deploy.finished") == 1


def test_a_different_second_report_is_refused(gate, grant):
    finish(gate)

    with pytest.raises(Conflict, match="already succeeded"):
        finish(gate, DeployState.FAILED)
    assert state() == DeployState.SUCCEEDED


@pytest.mark.parametrize(
    "how", [DeployState.ADMITTED, DeployState.REVERTED, DeployState.UNKNOWN]
)
def test_a_gate_reports_success_or_failure_only(gate, grant, how):
    with pytest.raises(InvalidInput):
        finish(gate, how)
    assert state() == DeployState.ADMITTED


def test_a_deploy_that_this_gate_never_asked_about_is_not_found(
    gate, database_gate, grant, charlie
):
    theirs = factories.gate(factories.tenant_of(charlie), gate.slug)
    for other in (database_gate, theirs):
        with pytest.raises(NotFound):
            finish(other)
    with pytest.raises(NotFound):
        finish(gate, deploy_id="gha-2")
    assert state() == DeployState.ADMITTED


def test_a_report_after_the_end_comes_too_late_before_any_sweep(
    acme, gate, grant, stop_clock
):
    stop_clock(grant.expires_at)

    with pytest.raises(Conflict, match="already reverted"):
        finish(gate)

    assert state() == DeployState.REVERTED
    assert steps.events(acme)[-1] == "deploy.reverted"
    with pytest.raises(Conflict):
        finish(gate)
    assert steps.events(acme).count("deploy.reverted") == 1


def test_a_report_in_the_last_moment_counts(gate, grant, stop_clock):
    stop_clock(grant.expires_at - timedelta(microseconds=1))

    assert finish(gate).state == DeployState.SUCCEEDED


def test_an_early_close_reverts_what_is_in_flight_and_nothing_else(
    acme, people, gate, grant
):
    steps.ask(gate, "gha-2")
    finish(gate, deploy_id="gha-2")
    grants.revoke(
        tenant=acme,
        bypass_id=grant.request.bypass_id,
        person=people.oncall,
        reason="Done.",
    )

    assert dict(Deploy.objects.values_list("deploy_id", "state")) == {
        "gha-1": "reverted",
        "gha-2": "succeeded",
    }
    told = OutboxMessage.objects.filter(topic="deploy.reverted")
    assert [m.subject_id for m in told] == [Deploy.objects.get(deploy_id="gha-1").pk]


def test_the_sweep_reverts_what_its_window_left_in_flight_once(
    acme, gate, grant, stop_clock
):
    stop_clock(grant.expires_at - timedelta(microseconds=1))
    assert deploys.revert_due() == 0

    stop_clock(grant.expires_at)
    assert [deploys.revert_due(), deploys.revert_due()] == [1, 0]
    assert state() == DeployState.REVERTED
    assert steps.events(acme).count("deploy.reverted") == 1
    assert grants.expire_due() == 1, "the grant's own sweep finds nothing left"
    assert steps.events(acme).count("deploy.reverted") == 1


def test_a_deploy_that_nobody_reports_is_lost_from_sight_once(
    acme, gate, grant, settings, stop_clock
):
    settings.DEPLOY_REPORT_DEADLINE = timedelta(minutes=5)
    asked_at = Deploy.objects.get().admitted_at
    stop_clock(asked_at + timedelta(minutes=5) - timedelta(microseconds=1))
    assert deploys.lose_sight_due() == 0

    stop_clock(asked_at + timedelta(minutes=5))
    assert [deploys.lose_sight_due(), deploys.lose_sight_due()] == [1, 0]
    assert state() == DeployState.UNKNOWN
    assert steps.events(acme).count("deploy.lost") == 1
    with pytest.raises(Conflict, match="already no report"):
        finish(gate)
    assert steps.verdict(steps.ask(gate, "gha-1")) == ("enforce", "ended")


def test_a_gate_snaps_back_once_and_only_when_its_grant_is_closed(
    acme, people, gate, grant
):
    assert not enforcement.snap_back(grant_id=grant.pk)
    grants.revoke(
        tenant=acme,
        bypass_id=grant.request.bypass_id,
        person=people.oncall,
        reason="Done.",
    )

    done = [enforcement.snap_back(grant_id=grant.pk) for _ in range(2)]

    assert done == [True, False]
    assert steps.events(acme).count("gate.snapped_back") == 1
