"""A gate that was switched off by hand is found, however it is noticed."""

from datetime import timedelta

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, NotFound
from breakglass.models import Deploy, Finding, OutboxMessage
from breakglass.services import deploys
from breakglass.services.gates import contacts, findings, registry, terms, watching
from breakglass.states import DeployState, FindingKind
from tests.flows.services import steps

MINUTE = timedelta(minutes=1)


def heartbeat(gate, digest=""):
    return registry.heartbeat(gate=gate, config_digest=digest)


def the_one(kind):
    return Finding.objects.get(kind=kind)


def answer(finding, person):
    findings.close(
        tenant=finding.tenant,
        public_id=finding.public_id,
        person=person,
        reason="The runner was down; it is back.",
    )


def finish(gate, deploy_id="gha-1", state=DeployState.SUCCEEDED):
    return deploys.finish(gate=gate, deploy_id=deploy_id, state=state)


def test_a_gate_whose_heartbeats_stop_is_found_after_its_own_minutes(
    acme, people, gate, stop_clock
):
    terms.set_terms(gate=gate, at_close="finish", silent_minutes=5, actor=OPERATOR)
    beat = heartbeat(gate).beat_at
    stop_clock(beat + 5 * MINUTE - timedelta(microseconds=1))
    assert watching.raise_silent_due() == 0

    stop_clock(beat + 5 * MINUTE)
    assert [watching.raise_silent_due(), watching.raise_silent_due()] == [1, 0]

    found = the_one(FindingKind.GATE_SILENT)
    assert (found.owner, found.facts["minutes"]) == (people.admin, 5)
    assert steps.facts(acme, "finding.opened")["kind"] == "gate_silent"
    told = OutboxMessage.objects.get(topic="finding.opened")
    assert told.subject_id == found.pk


def test_a_silence_that_was_answered_is_not_raised_again_before_the_next_one(
    people, gate, advance
):
    heartbeat(gate)
    advance(16 * 60)
    assert watching.raise_silent_due() == 1
    answer(the_one(FindingKind.GATE_SILENT), people.admin)
    advance(3600)
    assert watching.raise_silent_due() == 0

    heartbeat(gate)
    advance(16 * 60)
    assert watching.raise_silent_due() == 1


def test_any_call_counts_and_a_gate_without_heartbeats_is_left_alone(
    gate, database_gate, advance, gate_token
):
    heartbeat(gate)
    heartbeat(database_gate)
    registry.turn(gate=database_gate, is_active=False, actor=OPERATOR)
    advance(16 * 60)
    call = contacts.Call("decision", "no_grant", True, "bg_live_x", "127.0.0.1")
    contacts.forget()
    assert contacts.note(gate_id=gate.pk, gate=gate.slug, call=call)
    assert watching.raise_silent_due() == 0

    gate.refresh_from_db()
    gate.beat_at = None
    gate.save(update_fields=["beat_at"])
    advance(3600)
    assert watching.raise_silent_due() == 0


def test_a_report_of_a_deploy_that_never_asked_is_found_once_and_refused(acme, gate):
    for _ in range(2):
        with pytest.raises(NotFound):
            finish(gate, "sneaky-1")

    found = the_one(FindingKind.DEPLOY_UNDECIDED)
    assert found.facts == {"deploy_id": "sneaky-1", "said": "succeeded"}
    assert steps.events(acme).count("finding.opened") == 1
    with pytest.raises(NotFound):
        deploys.heartbeat(gate=gate, deploy_id="sneaky-2")
    assert Finding.objects.count() == 1


@pytest.mark.parametrize(
    ("past", "state", "is_found"),
    [
        (timedelta(0), DeployState.SUCCEEDED, False),
        (14 * MINUTE, DeployState.SUCCEEDED, False),
        (15 * MINUTE, DeployState.SUCCEEDED, True),
        (15 * MINUTE, DeployState.FAILED, False),
    ],
)
def test_a_deploy_that_went_on_long_after_its_bypass_is_found(
    acme, people, gate, stop_clock, past, state, is_found
):
    grant = steps.grant(acme, people, gate)
    steps.ask(gate, "gha-1")
    stop_clock(grant.expires_at + past)

    with pytest.raises(Conflict, match="already reverted"):
        finish(gate, state=state)

    assert Finding.objects.filter(kind="decision_stale").exists() is is_found
    if is_found:
        facts = the_one(FindingKind.DECISION_STALE).facts
        assert facts == {"deploy_id": "gha-1", "said": "succeeded", "minutes": 15}


def test_where_the_gate_lets_finish_nothing_went_on_unseen(
    acme, people, gate, stop_clock
):
    terms.set_terms(gate=gate, at_close="finish", actor=OPERATOR)
    gate.refresh_from_db()
    grant = steps.grant(acme, people, gate)
    steps.ask(gate, "gha-1")
    stop_clock(grant.expires_at + 30 * MINUTE)

    assert finish(gate).state == DeployState.SUCCEEDED
    assert not Finding.objects.exists()


def test_a_lost_deploy_that_turns_up_again_is_found(acme, people, gate, stop_clock):
    steps.grant(acme, people, gate)
    steps.ask(gate, "gha-1")
    start = Deploy.objects.get().admitted_at
    stop_clock(start + timedelta(hours=1))
    terms.set_terms(gate=gate, at_close="finish", actor=OPERATOR)
    gate.refresh_from_db()
    assert deploys.lose_sight_due() == 1

    with pytest.raises(Conflict, match="already no report"):
        deploys.heartbeat(gate=gate, deploy_id="gha-1")

    assert the_one(FindingKind.DECISION_STALE).facts["said"] == "running"


def test_another_configuration_is_found_with_the_first_change(
    acme, people, gate, advance
):
    heartbeat(gate, "sha256:aa")
    heartbeat(gate, "sha256:aa")
    assert not Finding.objects.exists()
    for digest in ("sha256:bb", "sha256:cc"):
        heartbeat(gate, digest)
        advance(120)

    found = the_one(FindingKind.CONFIG_CHANGED)
    assert found.facts == {"before": "sha256:aa", "after": "sha256:bb"}
    assert steps.events(acme).count("gate.config_changed") == 2
    answer(found, people.admin)
    heartbeat(gate, "sha256:dd")
    assert Finding.objects.filter(closed_at=None).get().facts["after"] == "sha256:dd"
