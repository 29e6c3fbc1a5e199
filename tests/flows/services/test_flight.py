"""What a close does to deploys in flight, as their gate says; and their heartbeats."""

from datetime import timedelta

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, InvalidInput
from breakglass.models import Deploy
from breakglass.queries import flight
from breakglass.queries.postmortems import drafting
from breakglass.services import deploys, grants
from breakglass.services.gates import terms
from breakglass.states import AtClose, DeployState
from tests import factories
from tests.flows.services import steps

SOON = timedelta(seconds=41, microseconds=1)


def set_terms(gate, at_close, **how):
    changed = terms.set_terms(gate=gate, at_close=at_close, actor=OPERATOR, **how)
    gate.refresh_from_db()
    return changed


@pytest.fixture
def grant(acme, people, gate):
    """A grant of 15 minutes, with one deploy in flight."""
    made = steps.grant(acme, people, gate)
    steps.ask(gate, "gha-1")
    return made


@pytest.fixture
def finishing(gate, grant):
    set_terms(gate, AtClose.FINISH)
    return grant


def finish(gate, state=DeployState.SUCCEEDED):
    return deploys.finish(gate=gate, deploy_id="gha-1", state=state)


def row():
    return Deploy.objects.select_related("gate").get()


@pytest.mark.parametrize("at_close", [AtClose.HOLD_NEXT_STAGE, AtClose.ABORT])
def test_a_gate_that_holds_or_aborts_reverts_at_the_close(
    gate, grant, stop_clock, at_close
):
    set_terms(gate, at_close)
    stop_clock(grant.expires_at)

    assert steps.verdict(steps.ask(gate, "gha-1")) == ("enforce", "expired")
    assert row().state == DeployState.REVERTED


@pytest.mark.parametrize("after", [timedelta(0), timedelta(hours=2)])
def test_a_gate_that_lets_finish_is_told_to_enforce_from_the_boundary_on(
    acme, gate, finishing, stop_clock, after
):
    stop_clock(finishing.expires_at + after)

    for _ in range(2):
        answer = steps.ask(gate, "gha-1")
        assert steps.verdict(answer) == ("enforce", "expired")
        assert answer.deploy.state == DeployState.ADMITTED
    assert steps.verdict(steps.ask(gate, "gha-2")) == ("enforce", "no_grant")
    assert row().state == DeployState.ADMITTED
    assert "deploy.reverted" not in steps.events(acme)


def test_a_late_end_counts_and_says_by_how_much_it_ran_past_the_close(
    acme, gate, finishing, stop_clock
):
    stop_clock(finishing.expires_at + SOON)
    assert grants.expire_due() == 1
    assert deploys.revert_due() == 0, "the sweeps leave it alone"

    ended = finish(gate)

    assert (ended.state, ended.overran_seconds) == (DeployState.SUCCEEDED, 42)
    assert steps.facts(acme, "deploy.finished")["overran_seconds"] == 42
    assert steps.verdict(steps.ask(gate, "gha-1")) == ("enforce", "ended")
    draft = drafting.draft_body(postmortem=finishing.postmortem)
    assert "succeeded, admitted" in draft
    assert "ran 42 s past the close" in draft


def test_an_end_inside_the_window_is_no_overrun(acme, gate, finishing, stop_clock):
    stop_clock(finishing.expires_at - timedelta(microseconds=1))

    assert finish(gate).overran_seconds is None
    assert "overran_seconds" not in steps.facts(acme, "deploy.finished")


def test_after_an_early_close_the_overrun_counts_from_there(
    acme, people, gate, finishing, stop_clock
):
    now = finishing.starts_at + timedelta(minutes=1)
    stop_clock(now)
    bypass_id = finishing.request.bypass_id
    grants.revoke(tenant=acme, bypass_id=bypass_id, person=people.oncall, reason="Out.")
    assert row().state == DeployState.ADMITTED
    stop_clock(now + SOON)

    assert steps.verdict(steps.ask(gate, "gha-1")) == ("enforce", "revoked")
    assert finish(gate, DeployState.FAILED).overran_seconds == 42


def test_one_that_was_let_finish_and_never_reports_is_lost_not_finished(
    gate, finishing, stop_clock
):
    stop_clock(row().admitted_at + timedelta(hours=1))

    assert flight.state_of(deploy=row(), now=row().admitted_at) == "admitted"
    assert deploys.lose_sight_due() == 1
    assert (row().state, row().overran_seconds) == (DeployState.UNKNOWN, None)


def test_stricter_terms_hold_at_once_also_for_what_was_let_finish(
    gate, finishing, stop_clock
):
    stop_clock(finishing.expires_at + SOON)
    set_terms(gate, AtClose.HOLD_NEXT_STAGE)

    assert deploys.revert_due() == 1
    assert row().state == DeployState.REVERTED
    set_terms(gate, AtClose.FINISH)
    with pytest.raises(Conflict, match="already reverted"):
        finish(gate)


def test_a_deploy_that_beats_stays_in_flight_and_is_lost_once_it_is_silent(
    acme, gate, grant, stop_clock
):
    set_terms(gate, AtClose.FINISH, silent_minutes=5)
    start = row().admitted_at
    for minutes in range(0, 120, 4):
        stop_clock(start + timedelta(minutes=minutes))
        deploys.heartbeat(gate=gate, deploy_id="gha-1")
        assert deploys.lose_sight_due() == 0
    heard = row().heard_at
    stop_clock(heard + timedelta(minutes=5, microseconds=-1))
    assert deploys.lose_sight_due() == 0
    now = heard + timedelta(minutes=5)
    assert flight.state_of(deploy=row(), now=now) == "unknown", "by the clock"

    stop_clock(now)
    assert [deploys.lose_sight_due(), deploys.lose_sight_due()] == [1, 0]
    assert steps.events(acme).count("deploy.lost") == 1
    with pytest.raises(Conflict, match="already no report"):
        deploys.heartbeat(gate=gate, deploy_id="gha-1")


def test_a_heartbeat_after_the_close_reverts_where_the_gate_holds(
    gate, grant, stop_clock
):
    deploys.heartbeat(gate=gate, deploy_id="gha-1")
    stop_clock(grant.expires_at)

    with pytest.raises(Conflict, match="already reverted"):
        deploys.heartbeat(gate=gate, deploy_id="gha-1")


@pytest.mark.parametrize(
    "wish",
    [
        {"at_close": "later"},
        {"at_close": "finish", "silent_minutes": 0},
        {"at_close": "finish", "silent_minutes": 1441},
    ],
)
def test_odd_terms_are_refused(gate, wish):
    with pytest.raises(InvalidInput):
        set_terms(gate, **wish)
    gate.refresh_from_db()
    assert (gate.at_close, gate.silent_minutes) == ("hold_next_stage", 15)


def test_deploys_that_may_finish_never_crowd_the_others_out_of_a_sweep(
    acme, people, gate, grant, stop_clock
):
    set_terms(gate, AtClose.FINISH)
    held = factories.gate(acme, "holds")
    later = steps.grant(acme, people, held)
    steps.ask(held, "gha-9")
    stop_clock(later.expires_at)

    assert deploys.revert_due(limit=1) == 1
    assert Deploy.objects.get(deploy_id="gha-9").state == DeployState.REVERTED


def test_one_that_is_heard_of_while_the_sweep_looks_is_not_lost(
    gate, grant, stop_clock
):
    stop_clock(row().admitted_at + timedelta(minutes=5))
    deploys.heartbeat(gate=gate, deploy_id="gha-1")

    assert not deploys._lose_sight(pk=row().pk, grant_id=grant.pk)
    assert row().state == DeployState.ADMITTED
